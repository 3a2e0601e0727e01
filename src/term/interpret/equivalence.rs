//! When two results are the same result.

use super::{EvalError, Relation, Row, Value};
use crate::expr::{Errors, FloatSums, RowOrder, Semantics};
use crate::term::ColumnId;

/// What stays equal between two results.
#[derive(Clone, Copy, Debug)]
pub enum Equivalence<'a> {
    /// The rows and how often each occurs.
    Bag,
    /// The rows and their order.
    Ordered,
    /// The rows, however often each occurs.
    Set,
    /// The number of rows, all drawn from these (a LIMIT without order: from its input's rows).
    OneOf(&'a Relation),
}

/// What a comparison of two outcomes tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The second may stand for the first.
    Same,
    /// It may not: a counterexample.
    Different,
    /// The interpreter could not evaluate one of them.
    Unknown,
}

/// Whether a rewrite from one outcome to another keeps the meaning: errors count as the semantics say.
pub fn preserves(
    before: &Result<Relation, EvalError>,
    after: &Result<Relation, EvalError>,
    equivalence: Equivalence<'_>,
    semantics: &Semantics,
) -> Verdict {
    let same = match (before, after) {
        (Err(error), _) | (_, Err(error)) if !error.is_of_the_plan() => return Verdict::Unknown,
        // An error may go, into whatever result.
        (Err(_), _) => true,
        (Ok(_), Err(_)) => semantics.errors == Errors::Relaxed,
        (Ok(before), Ok(after)) => before.equivalent(after, equivalence, semantics),
    };
    if same { Verdict::Same } else { Verdict::Different }
}

impl Relation {
    /// Whether `other` is the same result. Columns match by id, values by identity; under
    /// [`FloatSums::Reassociated`] floats may differ by rounding.
    pub fn equivalent(&self, other: &Relation, equivalence: Equivalence<'_>, semantics: &Semantics) -> bool {
        let mut columns: Vec<ColumnId> = self.columns.clone();
        columns.sort();
        let mut others = other.columns.clone();
        others.sort();
        let (Ok(left), Ok(right)) = (self.select(&columns), other.select(&columns)) else { return false };
        if columns != others {
            return false;
        }
        let close: fn(&Row, &Row) -> bool = match semantics.float_sums {
            FloatSums::Exact => |a, b| a == b,
            FloatSums::Reassociated => |a, b| a.iter().zip(b).all(|(a, b)| close(a, b)),
        };
        match equivalence {
            Equivalence::Bag if semantics.order == RowOrder::Bag => {
                left.rows.len() == right.rows.len() && sub_bag(right.rows, left.rows, close)
            }
            Equivalence::Bag | Equivalence::Ordered => {
                left.rows.len() == right.rows.len() && left.rows.iter().zip(&right.rows).all(|(a, b)| close(a, b))
            }
            Equivalence::Set => {
                let within = |some: &[Row], all: &[Row]| some.iter().all(|a| all.iter().any(|b| close(a, b)));
                within(&left.rows, &right.rows) && within(&right.rows, &left.rows)
            }
            Equivalence::OneOf(all) => match all.select(&columns) {
                Ok(all) => left.rows.len() == right.rows.len() && sub_bag(right.rows, all.rows, close),
                Err(_) => false,
            },
        }
    }
}

/// Whether each row of `some` has a row of its own among `all`.
fn sub_bag(mut some: Vec<Row>, mut all: Vec<Row>, close: fn(&Row, &Row) -> bool) -> bool {
    some.sort();
    all.sort();
    if some.len() == all.len() && some.iter().zip(&all).all(|(a, b)| close(a, b)) {
        return true;
    }
    some.iter().all(|row| {
        let at = all.iter().position(|candidate| close(row, candidate));
        at.map(|at| all.remove(at)).is_some()
    })
}

/// Equal up to the rounding of float sums.
fn close(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(s, a), Value::Float(t, b)) if s == t => {
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        _ => a == b,
    }
}
