//! Aggregates over the rows that belong to a left row.

use super::pull::{equal_keys, pull};
use super::{fails_alone, join, keeping};
use crate::expr::{AggregateFunction, ScalarOp, Volatility};
use crate::term::{AggregateSpec, ApplyForm, ColumnSet, RelNode, RelOp, ScalarId, TermId, Terms};

/// A right side that aggregates all rows equal to something of the left row: grouped by what is compared,
/// and joined. Where no row is equal, counts are 0 and other aggregates null, as over no row.
pub(super) fn over_aggregate(terms: &mut Terms, left: TermId, right: TermId, outer: &ColumnSet) -> Option<TermId> {
    let mut above = Vec::new();
    let mut term = right;
    let spec = loop {
        let node = terms.term(term).clone();
        match node.op {
            RelOp::Project(projection) => {
                let computed = terms.projection(projection).to_vec();
                let steady = |scalar: ScalarId| terms.scalar_facts(scalar).volatility < Volatility::Volatile;
                if !computed.iter().all(|(_, scalar)| steady(*scalar)) {
                    return None;
                }
                above.push(computed);
                term = node.inputs[0];
            }
            RelOp::Aggregate(spec) if terms.aggregate(spec).group.is_empty() => break terms.aggregate(spec).clone(),
            _ => return None,
        }
    };
    let calls = spec.aggregates.iter();
    let closed = calls.clone().all(|(_, call)| {
        let known = !matches!(call.function, AggregateFunction::Other(_) | AggregateFunction::Grouping);
        known && call.scalars().all(|scalar| !terms.scalar_facts(scalar).columns.intersects(outer))
    });
    // What is computed of it is so above the join, for left rows alone.
    if !closed || fails_alone(terms, term) {
        return None;
    }
    let input = terms.term(term).inputs[0];
    let (input, pulled) = pull(terms, input, outer, false)?;
    let group = equal_keys(terms, &pulled, outer)?;
    // A count is 0 where there is no group, which the join shows as null.
    let mut given = Vec::with_capacity(spec.aggregates.len());
    let mut aggregates = Vec::with_capacity(spec.aggregates.len());
    for (column, call) in spec.aggregates {
        if call.function != AggregateFunction::Count {
            given.push((column, terms.column_scalar(column)));
            aggregates.push((column, call));
            continue;
        }
        let info = terms.column(column).clone();
        let raw = terms.add_column(&info.name, info.data_type, true);
        let counted = terms.column_scalar(raw);
        let missing = terms.scalar(ScalarOp::IsNull, [counted]);
        let zero = terms.literal(0i64);
        let case = ScalarOp::Case { operand: false, otherwise: true };
        given.push((column, terms.scalar(case, [missing, zero, counted])));
        aggregates.push((raw, call));
    }
    let spec = terms.intern_aggregate(AggregateSpec { group, aggregates });
    let grouped = terms.add(RelNode::new(RelOp::Aggregate(spec), [input]));
    let mut joined = join(terms, ApplyForm::Left, pulled, left, grouped);
    joined = keeping(terms, joined, left, given);
    for computed in above.into_iter().rev() {
        joined = keeping(terms, joined, left, computed);
    }
    Some(joined)
}
