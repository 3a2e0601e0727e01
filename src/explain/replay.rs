use std::fmt;

use serde_json::{Value as Json, json};

use crate::optimize::trace::{By, Trace};
use crate::rules::Keeps;
use crate::verify::{Counterexample, VerifyError, same_results};

/// Every step of a run, taken again on tiny tables by the reference interpreter.
///
/// Steps are compared in their order, so the first that differs is the one to blame: what it was given was right.
/// Physical operators have no meaning of their own in the interpreter; running the plan tests those.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The steps up to the first wrong one.
    pub steps: Vec<ReplayedStep>,
}

/// A step that was taken again.
#[derive(Clone, Debug)]
pub struct ReplayedStep {
    /// The rule, or the native step.
    pub by: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of taking a step again.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The same rows, on all of the tables.
    Same,
    /// The interpreter does not know what one side means, such as an opaque function or an extension.
    NotReplayed(String),
    /// Tables on which the rows differ.
    Wrong(Box<Counterexample>),
}

impl Replay {
    /// Takes the steps of a run again, on `samples` fillings of the query's tables each.
    pub fn of(trace: &mut Trace, samples: usize) -> Replay {
        let mut steps = Vec::new();
        // Where there is no plan, a wrong step may be why: all of them are taken.
        let path = match trace.cost() {
            Some(_) => trace.path(),
            None => (0..trace.steps().len()).collect(),
        };
        for at in path {
            let step = trace.steps()[at].clone();
            let keeps = match &step.by {
                By::Rule(rule) => rule.keeps(),
                By::Native(_) => Keeps::Bag,
            };
            let (before, after) = trace.sides(at);
            let by = step.by.name().to_owned();
            let outcome = match same_results(&by, keeps, trace.terms(), before, after, samples) {
                Ok(_) => Outcome::Same,
                Err(VerifyError::Unsound(counterexample)) => Outcome::Wrong(counterexample),
                Err(VerifyError::Unknown { message, .. }) => Outcome::NotReplayed(message),
                Err(error) => Outcome::NotReplayed(error.to_string()),
            };
            let wrong = matches!(outcome, Outcome::Wrong(_));
            steps.push(ReplayedStep { by, outcome });
            if wrong {
                break;
            }
        }
        Replay { steps }
    }

    /// The step to blame: its number from 1, its name, and tables that show it.
    pub fn blamed(&self) -> Option<(usize, &str, &Counterexample)> {
        let last = self.steps.last()?;
        match &last.outcome {
            Outcome::Wrong(counterexample) => Some((self.steps.len(), last.by.as_str(), counterexample)),
            _ => None,
        }
    }

    /// The same for programs: `{"steps": [{"by", "outcome", ..}], "blamed"}`.
    pub fn to_json(&self) -> Json {
        let steps = self.steps.iter().map(|step| match &step.outcome {
            Outcome::Same => json!({"by": step.by, "outcome": "same"}),
            Outcome::NotReplayed(reason) => json!({"by": step.by, "outcome": "not-replayed", "reason": reason}),
            Outcome::Wrong(counterexample) => {
                json!({"by": step.by, "outcome": "wrong", "counterexample": counterexample.to_string()})
            }
        });
        json!({"steps": steps.collect::<Vec<_>>(), "blamed": self.blamed().map(|(_, by, _)| by)})
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = self.steps.iter().filter(|step| matches!(step.outcome, Outcome::Same)).count();
        writeln!(f, "replay: {same} of {} steps give the same rows", self.steps.len())?;
        for (at, step) in self.steps.iter().enumerate() {
            if let Outcome::NotReplayed(reason) = &step.outcome {
                writeln!(f, "step {} `{}` is not replayed: {reason}", at + 1, step.by)?;
            }
        }
        match self.blamed() {
            Some((at, by, counterexample)) => {
                writeln!(f, "step {at} `{by}` is wrong: counterexample\n{counterexample}")
            }
            None => Ok(()),
        }
    }
}
