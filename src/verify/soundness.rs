use super::bounds::Bounds;
use super::counterexample::{Counterexample, VerifyError};
use super::coverage::Coverage;
use super::search::search;
use crate::rules::{Phase, Rule};

/// What verification says of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// The rule.
    pub rule: String,
    /// Whether there is something to compare: an extension's operator has no text, and no meaning here.
    pub compared: bool,
    /// What was compared.
    pub coverage: Coverage,
    /// Why the rule could not be shown to be right, if so.
    pub error: Option<VerifyError>,
    /// Its soundness guards, in order; empty where the rule itself is wrong.
    pub guards: Vec<GuardCheck>,
}

/// Whether a soundness guard (`if`) is needed.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardCheck {
    /// The guard, as written.
    pub guard: String,
    /// What goes wrong without it; `None` when nothing was found.
    pub without: Option<Counterexample>,
}

impl Verification {
    /// Whether nothing is wrong: no counterexample, and every guard of soundness is needed.
    pub fn holds(&self) -> bool {
        self.error.is_none() && self.guards.iter().all(|guard| guard.without.is_some())
    }
}

/// Compares both sides of a rule on its shapes, and drops each of its soundness guards in turn.
///
/// What a rule of `implement` proposes is run on partitions; only an extension's operator has no meaning here.
pub fn verify(rule: &Rule, bounds: &Bounds) -> Verification {
    let mut coverage = Coverage::default();
    let error = search(rule, None, bounds, &mut coverage).err();
    let compared = rule.phase() != Phase::Implement || coverage.cases() > 0;
    let mut verification = Verification { rule: rule.name().to_owned(), compared, coverage, error, guards: Vec::new() };
    if verification.error.is_some() || !compared {
        return verification;
    }
    let texts = rule.guards().filter(|(_, soundness)| *soundness).map(|(text, _)| text.to_owned());
    for (at, guard) in texts.enumerate() {
        let Some(without) = rule.without_guard(at) else { break };
        let without = match search(&without, Some(rule), bounds, &mut Coverage::default()) {
            Err(VerifyError::Unsound(counterexample)) => Some(*counterexample),
            _ => None,
        };
        verification.guards.push(GuardCheck { guard, without });
    }
    verification
}
