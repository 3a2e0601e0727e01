use std::collections::BTreeSet;
use std::fmt;

use crate::optimize::trace::Trace;
use crate::rules::{Rule, RuleSet};

/// Which rules fired, and which of their guards said no, over any number of runs. The gate for rules: one that never
/// fires, or a guard that never rejects, is not tested by any golden plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    fired: BTreeSet<String>,
    /// By the rule's name and the guard's place in [`Rule::guards`].
    rejected: BTreeSet<(String, usize)>,
}

impl Coverage {
    /// Counts a run.
    pub fn add(&mut self, trace: &Trace) {
        let fired = trace.rules().filter(|(_, rule)| rule.fired > 0);
        self.fired.extend(fired.map(|(name, _)| name.to_owned()));
        for (name, guards) in trace.rejected() {
            self.rejected.extend(guards.into_iter().map(|guard| (name.clone(), guard)));
        }
    }

    /// Counts a rule that fired.
    pub fn add_fired(&mut self, rule: &Rule) {
        self.fired.insert(rule.name().to_owned());
    }

    /// Counts a guard that said no, by its place in [`Rule::guards`].
    pub fn add_rejected(&mut self, rule: &Rule, guard: usize) {
        self.rejected.insert((rule.name().to_owned(), guard));
    }

    /// What no run has shown, in canonical rule order.
    pub fn gaps(&self, rules: &RuleSet) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for rule in rules.rules() {
            let name = rule.name().to_owned();
            if !self.fired.contains(&name) {
                gaps.push(Gap::NeverFires { rule: name.clone() });
            }
            for (at, (guard, _)) in rule.guards().enumerate() {
                if !self.rejected.contains(&(name.clone(), at)) {
                    gaps.push(Gap::NeverRejects { rule: name.clone(), guard: guard.to_owned() });
                }
            }
        }
        gaps
    }
}

impl fmt::Display for Coverage {
    /// `80 rules fired, 61 guards rejected`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rules fired, {} guards rejected", self.fired.len(), self.rejected.len())
    }
}

/// What no golden plan shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Gap {
    /// A rule.
    #[error("`{rule}` fires in no golden plan")]
    NeverFires {
        /// Which.
        rule: String,
    },
    /// A guard.
    #[error("`{rule}`: its guard {guard} rejects in no golden plan")]
    NeverRejects {
        /// Of which rule.
        rule: String,
        /// The guard, as written.
        guard: String,
    },
}
