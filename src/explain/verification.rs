//! What verification says, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::grouped;
use crate::rules::{Phase, RuleSet};
use crate::verify::{Bounds, Counterexample, Coverage, Verification, VerifyError};

/// What was compared, on one line.
pub fn coverage_text(coverage: &Coverage) -> String {
    let number = |count: usize| grouped(count as u64);
    let some = |count: usize, what: &str| format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" });
    let Coverage { shapes, exhaustive, rows, columns, samples, strict, checked, ieee, skipped } = *coverage;
    let mut text = some(shapes, "shape");
    if exhaustive > 0 {
        let bound = format!("{} x {}", some(rows, "row"), some(columns, "column"));
        text.push_str(&format!(", exhaustive to {bound}: {}", some(exhaustive, "case")));
    }
    text.push_str(&format!("; {}", some(samples, "sample")));
    let semantics =
        [(strict, "strict errors"), (checked, "strict errors and overflow as one"), (ieee, "ieee float equality")];
    for (count, under) in semantics.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("; {} under {under}", number(count)));
    }
    if skipped > 0 {
        text.push_str(&format!("; {} left out: too many draws", number(skipped)));
    }
    text
}

/// The verification of some rules as text: what is wrong with each, what was compared, and a summary.
pub struct VerificationText<'a> {
    rules: &'a RuleSet,
    results: &'a [Verification],
}

impl<'a> VerificationText<'a> {
    /// The text of results about rules of a set.
    pub fn new(rules: &'a RuleSet, results: &'a [Verification]) -> Self {
        VerificationText { rules, results }
    }
}

/// What is wrong with a rule: a code and a message each.
pub fn findings(verification: &Verification) -> Vec<(&'static str, String)> {
    let mut findings = Vec::new();
    match &verification.error {
        Some(error @ VerifyError::Unsound(_)) => findings.push(("R070", error.to_string())),
        Some(error @ VerifyError::Notation { .. }) => findings.push(("R072", error.to_string())),
        Some(error @ VerifyError::Unknown { .. }) => findings.push(("R073", error.to_string())),
        None if verification.compared && verification.coverage.cases() == 0 => {
            let message = format!("rule `{}`: it applies to no shape, so nothing was compared", verification.rule);
            findings.push(("R074", message));
        }
        None => {}
    }
    for guard in verification.guards.iter().filter(|guard| guard.without.is_none()) {
        let message = format!(
            "rule `{}`: nothing goes wrong without (if {}); drop it, or say `when`",
            verification.rule, guard.guard
        );
        findings.push(("R071", message));
    }
    findings
}

impl fmt::Display for VerificationText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut sound, mut native, mut guards, mut physical, mut wrong) = (0, 0, 0, 0, 0);
        let mut all = Coverage::default();
        for result in self.results {
            let found = findings(result);
            let place = self.rules.get(&result.rule).map(|rule| format!("{}:{}: ", rule.file(), rule.line()));
            for (code, message) in &found {
                writeln!(f, "{}error[{code}]: {}", place.as_deref().unwrap_or_default(), message.trim_end())?;
            }
            all = all.and(result.coverage);
            guards += result.guards.iter().filter(|guard| guard.without.is_some()).count();
            match (found.is_empty(), result.compared) {
                (false, _) => wrong += 1,
                (true, false) => physical += 1,
                (true, true) if place.is_none() => {
                    native += 1;
                    writeln!(f, "native step {}: {}", result.rule, coverage_text(&result.coverage))?;
                }
                (true, true) => {
                    sound += 1;
                    write!(f, "{}: {}", result.rule, coverage_text(&result.coverage))?;
                    match result.guards.len() {
                        0 => writeln!(f)?,
                        1 => writeln!(f, "; its guard is needed")?,
                        more => writeln!(f, "; its {more} guards are needed")?,
                    }
                }
            }
        }
        let some = |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
        let guards = some(guards, "guard is needed", "guards are needed");
        write!(f, "{}, {guards}", some(sound, "rule holds", "rules hold"))?;
        if native > 0 {
            write!(f, ", {native} native steps hold")?;
        }
        write!(f, ": {}", coverage_text(&all))?;
        if physical > 0 {
            write!(f, "\n{physical} rules of implement are about operators of engines, which mean nothing here")?;
        }
        match wrong {
            0 => Ok(()),
            1 => write!(f, "\n1 rule does not hold"),
            wrong => write!(f, "\n{wrong} rules do not hold"),
        }
    }
}

/// The verification of some rules as JSON: `{"cases", "seed", "rules": [{"rule", "file", "line", "phase",
/// "holds", "coverage", "findings", "counterexample", "guards"}]}`.
pub fn verification_json(rules: &RuleSet, bounds: &Bounds, results: &[Verification]) -> Value {
    let rows = results.iter().map(|result| {
        let rule = rules.get(&result.rule);
        let Coverage { shapes, exhaustive, rows, columns, samples, strict, checked, ieee, skipped } = result.coverage;
        let counterexample = match &result.error {
            Some(VerifyError::Unsound(counterexample)) => Some(counterexample_json(counterexample)),
            _ => None,
        };
        let guards = result.guards.iter().map(|guard| {
            json!({
                "guard": guard.guard,
                "needed": guard.without.is_some(),
                "without": guard.without.as_ref().map(counterexample_json),
            })
        });
        let found = findings(result).into_iter().map(|(code, message)| json!({"code": code, "message": message}));
        json!({
            "rule": result.rule,
            "file": rule.map(|rule| rule.file()),
            "line": rule.map(|rule| rule.line()),
            "phase": rule.map(|rule| rule.phase()).unwrap_or(Phase::Normalize).name(),
            "compared": result.compared,
            "holds": findings(result).is_empty(),
            "coverage": {
                "shapes": shapes, "exhaustive": exhaustive, "rows": rows, "columns": columns,
                "samples": samples, "skipped": skipped,
                "semantics": {"strict": strict, "checked": checked, "ieee": ieee},
            },
            "findings": found.collect::<Vec<_>>(),
            "counterexample": counterexample,
            "guards": guards.collect::<Vec<_>>(),
        })
    });
    json!({"cases": bounds.cases, "seed": bounds.seed, "rules": rows.collect::<Vec<_>>()})
}

fn counterexample_json(counterexample: &Counterexample) -> Value {
    let Counterexample { tables, before, after, before_rows, after_rows, under, .. } = counterexample;
    json!({
        "tables": tables, "before": before, "after": after,
        "before_rows": before_rows, "after_rows": after_rows, "under": under,
    })
}
