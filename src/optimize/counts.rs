//! What the optimizer counts: rules that fired, and budgets.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::CapUse;
use super::normalize::Cycle;
use crate::rules::{Phase, Rule, RuleSet};
use crate::term::Terms;
use crate::term::text::print_line;

/// How often each rule fired: matched, passed its guards, and changed a term, added an e-node or
/// proposed an alternative.
#[derive(Debug, Default)]
pub struct Fired(HashMap<Arc<str>, u64, FxBuildHasher>);

impl Fired {
    /// Counts one firing.
    pub fn count(&mut self, rule: &Rule) {
        self.add(rule, 1);
    }

    /// A rule's count.
    pub fn of(&self, rule: &Rule) -> u64 {
        self.0.get(rule.name()).copied().unwrap_or_default()
    }

    /// Adds to a rule's count.
    pub fn add(&mut self, rule: &Rule, count: u64) {
        *self.0.entry(rule.shared_name().clone()).or_default() += count;
    }

    /// The rule of a phase with the highest count; of several, the first in canonical order.
    pub fn most(&self, rules: &RuleSet, phase: Phase) -> Option<String> {
        let counted = rules.rules().iter().filter(|rule| rule.phase() == phase);
        let counted = counted.filter_map(|rule| Some((*self.0.get(rule.name())?, rule.name())));
        let most = counted.reduce(|most, next| if next.0 > most.0 { next } else { most });
        most.map(|(_, name)| name.to_owned())
    }

    /// The counts in canonical rule order.
    pub fn in_order(&self, rules: &RuleSet) -> IndexMap<String, u64> {
        let counted = rules.rules().iter().filter_map(|rule| Some((rule.name().to_owned(), *self.0.get(rule.name())?)));
        counted.collect()
    }
}

/// Counted budgets of one optimization. No clock decides anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Rewrites of normalization.
    pub rewrites: u64,
    /// Pairs of one join-set that are enumerated exactly.
    pub join_pairs: usize,
    /// Up to so many pairs of one join-set all go into the e-graph.
    pub planted_pairs: usize,
    /// Rounds of exploration.
    pub rounds: u64,
    /// E-nodes.
    pub nodes: usize,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets { rewrites: 100_000, join_pairs: 5_000, planted_pairs: 500, rounds: 8, nodes: 5_000 }
    }
}

/// Notes what was used of a budget; when it was hit, also the rule that used most of it.
pub fn cap(
    caps: &mut IndexMap<String, CapUse>,
    name: &str,
    used: u64,
    limit: u64,
    hit: bool,
    most: impl FnOnce() -> Option<String>,
) {
    let rules = if hit { most().into_iter().collect() } else { Vec::new() };
    caps.insert(name.to_owned(), CapUse { used, limit, hit, rules, term: None });
}

/// Notes the first cycle of rules that normalization met, if there is one, and how many there are.
pub fn cap_cycles(caps: &mut IndexMap<String, CapUse>, terms: &Terms, cycles: &[Cycle]) {
    if let Some(Cycle { rules, term }) = cycles.first() {
        let (used, limit, hit) = (cycles.len() as u64, 0, true);
        let (rules, term) = (rules.iter().map(|rule| rule.to_string()).collect(), Some(print_line(terms, *term)));
        caps.insert("rule-cycle".to_owned(), CapUse { used, limit, hit, rules, term });
    }
}
