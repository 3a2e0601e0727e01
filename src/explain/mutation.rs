//! What became of the mutants of rules, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use crate::verify::{Bounds, Fate, Mutant};

fn count(mutants: &[Mutant], fate: Fate) -> usize {
    mutants.iter().filter(|mutant| mutant.fate == fate).count()
}

/// The survivors, one per line, and the score.
pub struct MutationText<'a>(pub &'a [Mutant]);

impl fmt::Display for MutationText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mutant in self.0.iter().filter(|mutant| mutant.fate == Fate::Survived) {
            writeln!(f, "survived: {}: {}", mutant.rule, mutant.change)?;
        }
        let [refuted, caught, survived] = [Fate::Refuted, Fate::Caught, Fate::Survived].map(|fate| count(self.0, fate));
        write!(
            f,
            "{} mutants: {refuted} refuted by a counterexample, {caught} caught by their examples, {survived} survived",
            self.0.len()
        )
    }
}

/// The same as JSON: `{"cases", "seed", "refuted", "caught", "survived", "mutants": [{"rule", "change", "fate"}]}`.
pub fn mutation_json(bounds: &Bounds, mutants: &[Mutant]) -> Value {
    let rows = mutants.iter().map(|mutant| {
        let fate = match mutant.fate {
            Fate::Refuted => "refuted",
            Fate::Caught => "caught",
            Fate::Survived => "survived",
        };
        json!({"rule": mutant.rule, "change": mutant.change, "fate": fate})
    });
    json!({
        "cases": bounds.cases,
        "seed": bounds.seed,
        "refuted": count(mutants, Fate::Refuted),
        "caught": count(mutants, Fate::Caught),
        "survived": count(mutants, Fate::Survived),
        "mutants": rows.collect::<Vec<_>>(),
    })
}
