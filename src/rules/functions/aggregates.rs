use super::functions;
use super::predicates::stable;
use crate::expr::{AggregateFunction, DataTypeKey, ScalarOp, Volatility};
use crate::rules::value::Value;
use crate::term::{AggregateSpec, ColumnId, ScalarId, TermAggregate, Terms};

/// What an aggregate of one row gives.
fn of_one_row(terms: &mut Terms, column: ColumnId, call: &TermAggregate) -> Option<ScalarId> {
    // A filter would make the row count or not; that is left to the aggregate.
    if call.filter.is_some() {
        return None;
    }
    let value = match (&call.function, call.args.as_slice()) {
        (AggregateFunction::Count, []) => terms.literal(1i64),
        (AggregateFunction::Count, [arg]) => {
            let (null, none, one) = (terms.scalar(ScalarOp::IsNull, [*arg]), terms.literal(0i64), terms.literal(1i64));
            terms.scalar(ScalarOp::Case { operand: false, otherwise: true }, [null, none, one])
        }
        (AggregateFunction::Sum | AggregateFunction::Min | AggregateFunction::Max, [arg]) => *arg,
        _ => return None,
    };
    Some(cast(terms, value, column))
}

/// A scalar converted to the type of a column, if it is of another.
pub(super) fn cast(terms: &mut Terms, scalar: ScalarId, column: ColumnId) -> ScalarId {
    let wanted = terms.column(column).data_type.clone();
    match terms.scalar_facts(scalar).data_type == wanted {
        true => scalar,
        false => terms.scalar(ScalarOp::Cast { to: DataTypeKey(wanted), safe: false }, [scalar]),
    }
}

functions! {
    fact "stable" (Aggregates) -> Bool, "Whether no aggregate calls a volatile function.",
        |terms, args| {
            let calls = &terms.aggregate(args.aggregates(0)?).aggregates;
            let volatile = |call: &TermAggregate| match &call.function {
                AggregateFunction::Other(function) => function.volatility == Volatility::Volatile,
                _ => false,
            };
            let stable = calls.iter().all(|(_, call)| !volatile(call) && call.scalars().all(|arg| stable(terms, arg)));
            Some(Value::Bool(stable))
        };
    fact "movable" (Aggregates) -> Bool, "Whether every aggregate may be computed over other rows.",
        |terms, args| {
            let calls = &terms.aggregate(args.aggregates(0)?).aggregates;
            Some(Value::Bool(!calls.iter().any(|(_, call)| terms.call_stays(call))))
        };
    make "grouping" (Columns) -> Aggregates, "The aggregate that groups by these columns and computes nothing.",
        |terms, args| {
            let spec = AggregateSpec { group: args.columns(0)?.iter().collect(), aggregates: Vec::new() };
            Some(Value::Aggregates(terms.intern_aggregate(spec)))
        };
    fact "order-insensitive" (Aggregates) -> Bool, "Whether no aggregate depends on the order of rows.",
        |terms, args| {
            let calls = &terms.aggregate(args.aggregates(0)?).aggregates;
            let insensitive = |call: &TermAggregate| !matches!(call.function, AggregateFunction::Other(_));
            Some(Value::Bool(calls.iter().all(|(_, call)| insensitive(call))))
        };
    fact "splittable" (Aggregates) -> Bool,
        "Whether every aggregate can be computed in two halves: none is of distinct values, depends on the order of rows or, under strict errors, can fail for a part.",
        |terms, args| {
            let calls = &terms.aggregate(args.aggregates(0)?).aggregates;
            let whole = |call: &TermAggregate| {
                let fails = terms.semantics().is_strict() && terms.call_can_fail(call);
                call.distinct || fails || matches!(call.function, AggregateFunction::Other(_))
            };
            Some(Value::Bool(!calls.iter().any(|(_, call)| whole(call))))
        };
    make "of-one-row" (Aggregates) -> Projection, "What an aggregate gives where every group is a single row.",
        |terms, args| {
            let spec = terms.aggregate(args.aggregates(0)?).clone();
            let mut columns = Vec::with_capacity(spec.group.len() + spec.aggregates.len());
            for column in spec.group {
                columns.push((column, terms.column_scalar(column)));
            }
            for (column, call) in &spec.aggregates {
                columns.push((*column, of_one_row(terms, *column, call)?));
            }
            Some(Value::Projection(terms.intern_projection(columns)))
        };
}
