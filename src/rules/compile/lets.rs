use super::super::error::RuleErrorKind;
use super::super::rule::Stage;
use super::super::value::Sort;
use super::scope::Compiler;
use crate::term::text::{Datum, DatumKind};

const UNUSED_LET: &str = "leave the `let` away";

/// A `let`, `if` or `when`: its name, the whole of it, and its content.
type Clause<'d> = (&'d str, &'d Datum, &'d [Datum]);

impl Compiler<'_> {
    /// `let`, `if` and `when`, in written order.
    pub fn stages(&mut self, clauses: &[Clause<'_>]) -> Vec<Stage> {
        let lets: Vec<(&str, &Datum)> = clauses.iter().filter_map(as_let).collect();
        let mut stages = Vec::new();
        for clause in clauses {
            match *clause {
                ("let", _, [variable, value]) => {
                    let name = variable.word().unwrap_or_default();
                    let cyclic = self.find(name).is_none() && reaches(&lets, value, name);
                    let value = if cyclic {
                        self.error(value.span, RuleErrorKind::Recursive(name.to_owned()));
                        None
                    } else {
                        self.expression(value, None)
                    };
                    let sort = value.as_ref().map(|(_, sort)| *sort);
                    // A variable whose value is wrong is still known, so that its uses are not errors.
                    let slot = self.declare(variable, sort, Some(UNUSED_LET));
                    if let (Some(slot), Some((value, _))) = (slot, value) {
                        stages.push(Stage::Let(slot, value));
                    }
                }
                ("if" | "when", _, [condition]) => {
                    let text = self.text[condition.span.start..condition.span.end].to_owned();
                    let soundness = clause.0 == "if";
                    if let Some((condition, _)) = self.expression(condition, Some(Sort::Bool)) {
                        stages.push(Stage::Guard { condition, text, soundness });
                    }
                }
                ("let", part, content) => self.arity(part.span, "let", "a variable and a value", content.len()),
                (clause, part, content) => self.arity(part.span, clause, "one condition", content.len()),
            }
        }
        stages
    }
}

fn as_let<'d>(clause: &Clause<'d>) -> Option<(&'d str, &'d Datum)> {
    match clause {
        ("let", _, [variable, value]) => Some((variable.word()?, value)),
        _ => None,
    }
}

/// Whether a value names a variable, itself or by way of other `let`s.
fn reaches(lets: &[(&str, &Datum)], value: &Datum, name: &str) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        if mentions(value, name) {
            return true;
        }
        for (other, value_of_other) in lets {
            if !seen.contains(other) && mentions(value, other) {
                seen.push(other);
                values.push(value_of_other);
            }
        }
    }
    false
}

/// Whether a word stands somewhere in a datum, also as a label.
pub(super) fn mentions(datum: &Datum, name: &str) -> bool {
    match &datum.kind {
        DatumKind::Word(word) => word.strip_suffix(':').unwrap_or(word) == name,
        DatumKind::List(_, items) => items.iter().any(|item| mentions(item, name)),
        DatumKind::Quoted(_) | DatumKind::Text(_) => false,
    }
}
