//! Aggregates over the rows that belong to a left row.

use arrow_schema::DataType;

use super::pull::{equal_keys, pull};
use super::{fails_alone, join, keeping};
use crate::expr::{AggregateFunction, ScalarOp, Volatility};
use crate::term::{
    AggregateSpec, ApplyForm, ColumnId, ColumnSet, RelNode, RelOp, ScalarId, TermAggregate, TermId, Terms,
};

/// What an aggregate gives over no rows, where that is known: 0, or null.
fn known_over_no_rows(call: &TermAggregate) -> Option<Option<i64>> {
    match call.function {
        AggregateFunction::Count => Some(Some(0)),
        AggregateFunction::Other(_) | AggregateFunction::Grouping => None,
        _ => Some(None),
    }
}

/// Aggregates of groups of which some are not there, that is, in joins that show nulls for them.
pub(super) struct Totals {
    /// The columns of the aggregates, also where there is no group.
    pub given: Vec<(ColumnId, ScalarId)>,
    /// What is computed of the groups.
    pub aggregates: Vec<(ColumnId, TermAggregate)>,
    /// One row of what the other ones give over no rows, which `given` reads.
    pub none: Option<TermId>,
}

/// Aggregates of all rows as those of groups: over no row at all, there is none of these.
pub(super) fn over_no_rows(terms: &mut Terms, calls: Vec<(ColumnId, TermAggregate)>, input: TermId) -> Totals {
    let case = || ScalarOp::Case { operand: false, otherwise: true };
    let mut totals = Totals { given: Vec::new(), aggregates: Vec::new(), none: None };
    let (mut unknown, mut rows) = (Vec::new(), None);
    for (column, call) in calls {
        if known_over_no_rows(&call) == Some(None) {
            totals.given.push((column, terms.column_scalar(column)));
            totals.aggregates.push((column, call));
            continue;
        }
        // The join shows null where there is no group.
        let info = terms.column(column).clone();
        let raw = terms.add_column(&info.name, info.data_type.clone(), true);
        let counted = terms.column_scalar(raw);
        let (missing, otherwise) = match known_over_no_rows(&call).flatten() {
            Some(number) => (terms.scalar(ScalarOp::IsNull, [counted]), terms.literal(number)),
            None => {
                let none = terms.add_column(&info.name, info.data_type, info.nullable);
                unknown.push((none, call.clone()));
                let rows = *rows.get_or_insert_with(|| terms.add_column("rows", DataType::Int64, true));
                let rows = terms.column_scalar(rows);
                (terms.scalar(ScalarOp::IsNull, [rows]), terms.column_scalar(none))
            }
        };
        totals.given.push((column, terms.scalar(case(), [missing, otherwise, counted])));
        totals.aggregates.push((raw, call));
    }
    if let Some(rows) = rows {
        let all = TermAggregate {
            function: AggregateFunction::Count,
            args: Default::default(),
            distinct: false,
            filter: None,
        };
        totals.aggregates.push((rows, all));
        let columns = terms.facts(input).outputs.iter().collect();
        let empty = terms.intern_columns(columns);
        let empty = terms.add(RelNode::new(RelOp::Empty(empty), []));
        let spec = terms.intern_aggregate(AggregateSpec { group: Vec::new(), aggregates: unknown });
        totals.none = Some(terms.add(RelNode::new(RelOp::Aggregate(spec), [empty])));
    }
    totals
}

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
    let free = |call: &TermAggregate| call.scalars().any(|one| terms.scalar_facts(one).columns.intersects(outer));
    let closed = !spec.aggregates.iter().any(|(_, call)| known_over_no_rows(call).is_none() || free(call));
    // What is computed of it is so above the join, for left rows alone.
    if !closed || fails_alone(terms, term) {
        return None;
    }
    let input = terms.term(term).inputs[0];
    let (input, mut pulled) = pull(terms, input, outer, false)?;
    let (input, group) = equal_keys(terms, input, &mut pulled, outer)?;
    let Totals { given, aggregates, .. } = over_no_rows(terms, spec.aggregates, input);
    let spec = terms.intern_aggregate(AggregateSpec { group, aggregates });
    let grouped = terms.add(RelNode::new(RelOp::Aggregate(spec), [input]));
    let mut joined = join(terms, ApplyForm::Left, pulled, left, grouped);
    joined = keeping(terms, joined, left, given);
    for computed in above.into_iter().rev() {
        joined = keeping(terms, joined, left, computed);
    }
    Some(joined)
}
