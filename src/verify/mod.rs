//! Whether rules are right: both sides compared on tiny tables, by the reference interpreter.
//!
//! A rule's own examples are its shapes. Each is filled with tables of up to three rows over a few
//! values that matter (null, -1, 0, 1), and what the rule makes of it must give the same rows, as the
//! rule's `keeps` says. The samples are seeded by the rule's name and the case's number alone, so a
//! counterexample comes again.
//!
//! ```
//! use leafhold::rules::RuleSet;
//! use leafhold::verify::verify;
//!
//! let rules = RuleSet::builtin();
//! let coverage = verify(rules.get("convert-left-join-to-inner").unwrap(), 50).unwrap();
//! assert!(coverage.cases >= 50);
//! ```

mod counterexample;
pub mod lint;
mod samples;

use std::sync::Arc;

pub use counterexample::{Counterexample, VerifyError};

use crate::expr::CoreFunctions;
use crate::rules::{Keeps, Phase, Rule};
use crate::term::interpret::{Equivalence, Relation, Semantics, Tables, Verdict, interpret, preserves};
use crate::term::text::{parse_into, print_line};
use crate::term::{RelOp, TermId, Terms};

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Terms that the rule rewrote.
    pub rewrites: usize,
    /// Comparisons of a term and what the rule makes of it.
    pub cases: usize,
}

/// Compares both sides of a rule on its examples, over `samples` fillings of each.
///
/// A rule of `implement` has no logical right side: nothing is compared.
///
/// # Errors
/// A [`Counterexample`], or an example that is no term or that the interpreter does not know.
pub fn verify(rule: &Rule, samples: usize) -> Result<Coverage, VerifyError> {
    let mut coverage = Coverage::default();
    for example in rule.examples() {
        compare(rule, &example.before, samples, &mut coverage)?;
    }
    // A `not` is left alone as a whole, but not without the guard that it is there for.
    for text in rule.nots() {
        compare(rule, text, samples, &mut coverage)?;
    }
    Ok(coverage)
}

/// For each soundness guard (`if`) of a rule, in order: the counterexample that its absence allows,
/// or `None` when its examples and `not`s show none. Such a guard is either not needed, or about what
/// tiny tables cannot show: volatile functions, and the order of rows.
///
/// # Errors
/// As [`verify`], without counterexamples.
pub fn verify_guards(rule: &Rule, samples: usize) -> Result<Vec<Option<Counterexample>>, VerifyError> {
    let mut guards = Vec::new();
    while let Some(without) = rule.without_guard(guards.len()) {
        guards.push(match verify(&without, samples) {
            Ok(_) => None,
            Err(VerifyError::Unsound(counterexample)) => Some(*counterexample),
            Err(other) => return Err(other),
        });
    }
    Ok(guards)
}

fn compare(rule: &Rule, text: &str, samples: usize, coverage: &mut Coverage) -> Result<(), VerifyError> {
    if rule.phase() == Phase::Implement {
        return Ok(());
    }
    let mut terms = Terms::new(Arc::new(CoreFunctions));
    let notation = |error| VerifyError::Notation { rule: rule.name().to_owned(), text: text.to_owned(), error };
    let before = parse_into(&mut terms, text, &rule.tables()).map_err(notation)?;
    let rewrites = rule.rewrites(&mut terms, before);
    coverage.rewrites += rewrites.len();
    for after in rewrites {
        coverage.cases += samples;
        same_results(rule.name(), rule.keeps(), &terms, before, after, samples)?;
    }
    Ok(())
}

/// Compares two terms of one query over `samples` fillings of its tables, as any step of an optimizer
/// may. `what` names the step, and seeds the samples.
///
/// # Errors
/// As [`verify`].
pub fn same_results(
    what: &str,
    keeps: Keeps,
    terms: &Terms,
    before: TermId,
    after: TermId,
    samples: usize,
) -> Result<(), VerifyError> {
    (0..samples).try_for_each(|case| compare_once(what, keeps, terms, [before, after], case))
}

fn compare_once(
    what: &str,
    keeps: Keeps,
    terms: &Terms,
    [before, after]: [TermId; 2],
    case: usize,
) -> Result<(), VerifyError> {
    let semantics = Semantics::default();
    let (tables, shown) = samples::fill(terms, what, case);
    let results = [before, after].map(|term| interpret(terms, term, &semantics, &tables));
    let all = match keeps {
        Keeps::OneOf => unlimited(terms, before, &semantics, &tables),
        _ => None,
    };
    let equivalence = match (keeps, &all) {
        (Keeps::OneOf, Some(all)) => Equivalence::OneOf(all),
        (Keeps::Bag | Keeps::OneOf, _) => Equivalence::Bag,
        (Keeps::Ordered, _) => Equivalence::Ordered,
        (Keeps::Set, _) => Equivalence::Set,
    };
    let verdict = match &results {
        // What has a meaning became what has none, such as a term that reads a column it lacks.
        [Ok(_), Err(error)] if !error.is_of_the_plan() => Verdict::Different,
        [before, after] => preserves(before, after, equivalence, &semantics),
    };
    let show = |term| print_line(terms, term);
    match verdict {
        Verdict::Same => Ok(()),
        Verdict::Unknown => {
            let error = results.into_iter().find_map(Result::err);
            let message = error.map(|error| error.to_string()).unwrap_or_default();
            Err(VerifyError::Unknown { rule: what.to_owned(), term: show(before), message })
        }
        Verdict::Different => {
            let [before_rows, after_rows] = results.map(|result| match result {
                Ok(relation) => counterexample::rows(terms, &relation),
                Err(error) => format!("error: {error}\n"),
            });
            Err(VerifyError::Unsound(Box::new(Counterexample {
                rule: what.to_owned(),
                tables: shown,
                before: show(before),
                after: show(after),
                before_rows,
                after_rows,
            })))
        }
    }
}

/// The rows among which a limit at the root chooses.
fn unlimited(terms: &Terms, term: TermId, semantics: &Semantics, tables: &Tables) -> Option<Relation> {
    let node = terms.term(term);
    match node.op {
        RelOp::Limit { .. } | RelOp::TopK { .. } => interpret(terms, node.inputs[0], semantics, tables).ok(),
        _ => None,
    }
}
