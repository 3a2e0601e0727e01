//! Mutants of rules: is verification able to tell a wrong rule from a right one?
//!
//! A mutant is a rule with one small change to its text: a guard dropped, inputs swapped, a kind of join more,
//! `within` for `beyond`, rows in any partition instead of one. It dies when verification refutes it, or when its own examples no longer hold. What
//! survives is either as right as the rule itself, or shows what verification does not see.

mod changes;

use std::sync::Arc;

use super::bounds::Bounds;
use super::counterexample::VerifyError;
use super::coverage::Coverage;
use super::run::in_parallel;
use super::search::search;
use crate::rules::{Rule, RuleSet};
use changes::changes;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Verification found a counterexample.
    Refuted,
    /// Its examples no longer hold.
    Caught,
    /// Neither.
    Survived,
}

/// A rule with one small change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The rule.
    pub rule: String,
    /// The change: `drop (if (stable ?p))`, `write (beyond ?p ?c) for (within ?p ?c)`.
    pub change: String,
    /// What became of it.
    pub fate: Fate,
}

/// Makes all mutants of some rules and verifies each, on so many threads. In the order of the rules, and of
/// their texts.
pub fn mutate(rules: &[Arc<Rule>], bounds: &Bounds, threads: usize, done: &(dyn Fn(&str) + Sync)) -> Vec<Mutant> {
    let mutants = in_parallel(rules, threads, |rule| {
        let mutants = mutants_of(rule, bounds);
        done(rule.name());
        mutants
    });
    mutants.concat()
}

fn mutants_of(rule: &Rule, bounds: &Bounds) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for change in changes(rule.source()) {
        // A change that the language refuses is none.
        let text = format!(";; A mutant.\n{}", change.source);
        let Ok(set) = RuleSet::parse(&[("mutant", &text)]) else { continue };
        let Some(mutant) = set.rules().first() else { continue };
        let fate = match search(mutant, None, bounds, &mut Coverage::default()) {
            Err(VerifyError::Unsound(_)) => Fate::Refuted,
            _ if mutant.check_examples().is_empty() => Fate::Survived,
            _ => Fate::Caught,
        };
        mutants.push(Mutant { rule: rule.name().to_owned(), change: change.text, fate });
    }
    mutants
}
