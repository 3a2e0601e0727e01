//! Columns that have the same value, or are both null, as joins know it.

use std::sync::Arc;

use arrow_array::{Array, Int64Array, StringArray};
use arrow_schema::DataType;

use crate::expr::{BinaryOp, Literal, ScalarOp};
use crate::term::{ColumnId, ScalarId, Terms};

/// Conjuncts that hold of rows that agree on all of these columns, pair by pair; nulls agree with nulls. They are equalities,
/// which a join can look up, of types that have a value to put in the place of null.
pub(super) fn all_same(terms: &mut Terms, ours: &[ColumnId], theirs: &[ColumnId]) -> Vec<ScalarId> {
    let mut conjuncts = Vec::with_capacity(2 * ours.len());
    for (one, other) in ours.iter().zip(theirs) {
        let stand_in = stand_in(&terms.column(*one).data_type).map(|literal| terms.literal(literal));
        let pair = [terms.column_scalar(*one), terms.column_scalar(*other)];
        let Some(stand_in) = stand_in else {
            conjuncts.push(terms.scalar(ScalarOp::Binary(BinaryOp::IsNotDistinctFrom), pair));
            continue;
        };
        let missing = pair.map(|column| terms.scalar(ScalarOp::IsNull, [column]));
        let case = || ScalarOp::Case { operand: false, otherwise: true };
        let [first, second] = [0, 1].map(|at| terms.scalar(case(), [missing[at], stand_in, pair[at]]));
        conjuncts.push(terms.scalar(ScalarOp::Binary(BinaryOp::Eq), [first, second]));
        conjuncts.push(terms.scalar(ScalarOp::Binary(BinaryOp::Eq), missing));
    }
    conjuncts
}

/// Some value of a type.
fn stand_in(data_type: &DataType) -> Option<Literal> {
    let zero: Arc<dyn Array> = Arc::new(Int64Array::from(vec![0]));
    let empty: Arc<dyn Array> = Arc::new(StringArray::from(vec![""]));
    let values = [zero, empty].into_iter().filter_map(|value| arrow_cast::cast(&value, data_type).ok());
    values.filter(|value| value.is_valid(0)).map(Literal::new).next()
}
