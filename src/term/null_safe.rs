//! Equality that takes nulls as equal, as joins can look it up.

use std::sync::Arc;

use arrow_array::{Array, Int64Array, StringArray};
use arrow_schema::DataType;

use super::{ColumnId, JoinKey, ScalarId, Terms};
use crate::expr::{BinaryOp, Literal, ScalarOp};

impl Terms {
    /// Pairs that are equal just where two scalars of one type are not distinct: the values, with another one in the place of
    /// null, and whether they are null. `None` for types without such a value.
    pub fn null_safe_keys(&mut self, left: ScalarId, right: ScalarId) -> Option<[JoinKey; 2]> {
        let stand_in = stand_in(&self.scalar_facts(left).data_type)?;
        let stand_in = self.literal(stand_in);
        let missing = [left, right].map(|one| self.scalar(ScalarOp::IsNull, [one]));
        let value = |terms: &mut Terms, missing: ScalarId, one: ScalarId| {
            terms.scalar(ScalarOp::Case { operand: false, otherwise: true }, [missing, stand_in, one])
        };
        let values = (value(self, missing[0], left), value(self, missing[1], right));
        Some([values, (missing[0], missing[1])])
    }

    /// The columns of a pair of values that [`Terms::null_safe_keys`] made.
    pub fn null_safe_columns(&self, (left, right): JoinKey) -> Option<(ColumnId, ColumnId)> {
        let column = |scalar: ScalarId| {
            let node = self.node(scalar);
            let [missing, stand_in, value] = node.args[..] else { return None };
            let case = node.op == ScalarOp::Case { operand: false, otherwise: true };
            let is_null = self.node(missing).op == ScalarOp::IsNull && self.node(missing).args[..] == [value];
            (case && is_null && self.as_literal(stand_in).is_some()).then(|| self.as_column(value)).flatten()
        };
        Some((column(left)?, column(right)?))
    }

    /// Conjuncts that hold of rows that agree on all of these columns, pair by pair; nulls agree with nulls.
    pub fn not_distinct(&mut self, ours: &[ColumnId], theirs: &[ColumnId]) -> Vec<ScalarId> {
        let mut conjuncts = Vec::with_capacity(2 * ours.len());
        for (one, other) in ours.iter().zip(theirs) {
            let (one, other) = (self.column_scalar(*one), self.column_scalar(*other));
            match self.null_safe_keys(one, other) {
                Some(keys) => conjuncts
                    .extend(keys.map(|(left, right)| self.scalar(ScalarOp::Binary(BinaryOp::Eq), [left, right]))),
                None => conjuncts.push(self.scalar(ScalarOp::Binary(BinaryOp::IsNotDistinctFrom), [one, other])),
            }
        }
        conjuncts
    }
}

/// Some value of a type.
fn stand_in(data_type: &DataType) -> Option<Literal> {
    let zero: Arc<dyn Array> = Arc::new(Int64Array::from(vec![0]));
    let empty: Arc<dyn Array> = Arc::new(StringArray::from(vec![""]));
    let values = [zero, empty].into_iter().filter_map(|value| arrow_cast::cast(&value, data_type).ok());
    values.filter(|value| value.is_valid(0)).map(Literal::new).next()
}
