//! Mutants of the shipped rules die, but for those that `planner-rules/survivors.toml` explains.

use std::collections::BTreeSet;

use leafhold::rules::RuleSet;
use leafhold::verify::{Bounds, Fate, mutate};
use serde::Deserialize;

/// Comparisons per mutant: what the explanations were written for. `leafhold rules mutate` makes more of them.
const BOUNDS: Bounds = Bounds { cases: 2_000, seed: 0 };

#[derive(Deserialize)]
struct Survivors {
    survivor: Vec<Survivor>,
}

/// A mutant that nothing refutes, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Survivor {
    rule: String,
    change: String,
    /// Whether the mutant is as right as the rule.
    equivalent: bool,
    reason: String,
}

#[test]
fn no_mutant_survives_without_an_explanation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/planner-rules/survivors.toml");
    let explained: Survivors = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mutants = mutate(RuleSet::builtin().rules(), &BOUNDS, 2, &|_| ());
    let survived = mutants.iter().filter(|mutant| mutant.fate == Fate::Survived);
    let survived: BTreeSet<_> = survived.map(|mutant| (mutant.rule.as_str(), mutant.change.as_str())).collect();
    let known: BTreeSet<_> =
        explained.survivor.iter().map(|known| (known.rule.as_str(), known.change.as_str())).collect();
    let new: Vec<_> = survived.difference(&known).collect();
    let stale: Vec<_> = known.difference(&survived).collect();
    assert!(new.is_empty(), "these survive without an explanation: {new:#?}");
    assert!(stale.is_empty(), "these do not survive any more: {stale:#?}");
    assert!(explained.survivor.iter().all(|known| known.reason.len() > 10), "a reason is a sentence");
    let equivalent = explained.survivor.iter().filter(|known| known.equivalent).count();
    let (died, meant) = (mutants.len() - survived.len(), mutants.len() - equivalent);
    assert!(died * 100 >= meant * 95, "{died} of {meant} mutants that are not equivalent died");
    assert!(mutants.len() > 150, "{} mutants", mutants.len());
}
