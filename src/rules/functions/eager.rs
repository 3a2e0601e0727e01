//! Eager aggregation: an aggregate above a join, taken apart into one below it and one above.

use super::aggregates::cast;
use super::functions;
use crate::expr::{AggregateFunction, ScalarOp};
use crate::rules::value::Value;
use crate::term::{AggregateId, AggregateSpec, ColumnId, ColumnSet, ProjectionId, ScalarId, TermAggregate, Terms};
use crate::token::{Tokenize, Tokenizer};

/// The identity of a half: what is computed, and for which output. Ids of columns are those of the
/// query, so they mean the same in every run.
struct Half<'a> {
    call: &'a TermAggregate,
    of: &'a Terms,
    group: &'a ColumnSet,
    upper: bool,
}

impl Tokenize for Half<'_> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put(&self.of.call_tree(self.call));
        let group: Vec<ColumnId> = self.group.iter().collect();
        tokenizer.put(&group);
        tokenizer.put_bool(self.upper);
    }
}

/// Whether the results of parts give the result of the whole.
fn decomposes(terms: &Terms, call: &TermAggregate) -> bool {
    let exact = match call.function {
        AggregateFunction::Count | AggregateFunction::Min | AggregateFunction::Max => true,
        // Parts of a float sum, put together, round in another way.
        AggregateFunction::Sum => call.args.iter().all(|arg| {
            let kind = &terms.scalar_facts(*arg).data_type;
            kind.is_integer() || kind.is_decimal()
        }),
        _ => false,
    };
    // A part is computed for rows that the join drops.
    exact && !call.distinct && !terms.call_stays(call)
}

/// The column of a half.
fn half(terms: &mut Terms, call: &TermAggregate, group: &ColumnSet, of: ColumnId, upper: bool) -> Option<ColumnId> {
    let types: Vec<_> = call.args.iter().map(|arg| terms.scalar_facts(*arg).data_type.clone()).collect();
    let data_type = terms.functions().aggregate_type(&call.function, &types)?;
    let mut tokenizer = Tokenizer::new("half");
    Half { call, of: terms, group, upper }.tokenize(&mut tokenizer);
    let content = tokenizer.finish();
    let name = format!("{}:{}", terms.column(of).name, if upper { "whole" } else { "part" });
    let nullable = call.function != AggregateFunction::Count;
    Some(terms.derived_column("eager-aggregate", &content, &name, data_type, nullable))
}

/// The lower aggregate over a relation: groups by these columns, computes the parts.
fn parts(terms: &mut Terms, whole: AggregateId, group: &ColumnSet) -> Option<Vec<(ColumnId, ColumnId, TermAggregate)>> {
    let spec = terms.aggregate(whole).clone();
    let mut parts = Vec::with_capacity(spec.aggregates.len());
    for (column, call) in spec.aggregates {
        if !decomposes(terms, &call) {
            return None;
        }
        let part = half(terms, &call, group, column, false)?;
        parts.push((column, part, call));
    }
    Some(parts)
}

/// How a part of a call is put together with others.
fn together(function: &AggregateFunction) -> AggregateFunction {
    match function {
        AggregateFunction::Count => AggregateFunction::Sum,
        other => other.clone(),
    }
}

/// The upper aggregate and the projection that gives its results their types.
fn upper(terms: &mut Terms, whole: AggregateId, group: &ColumnSet, outer: bool) -> Option<(AggregateId, ProjectionId)> {
    let kept = terms.aggregate(whole).group.clone();
    let mut columns: Vec<(ColumnId, ScalarId)> = Vec::new();
    for column in &kept {
        columns.push((*column, terms.column_scalar(*column)));
    }
    let mut aggregates = Vec::new();
    for (column, part, call) in parts(terms, whole, group)? {
        let mut arg = terms.column_scalar(part);
        if outer && call.function == AggregateFunction::Count {
            // A row without a match has no part: it counts once itself, and none of its nulls does.
            let missing = terms.literal(i64::from(call.args.is_empty()));
            let null = terms.scalar(ScalarOp::IsNull, [arg]);
            arg = terms.scalar(ScalarOp::Case { operand: false, otherwise: true }, [null, missing, arg]);
        }
        let whole_call = TermAggregate {
            function: together(&call.function),
            args: [arg].into_iter().collect(),
            distinct: false,
            filter: None,
        };
        let kind = terms.scalar_facts(arg).data_type.clone();
        let data_type = terms.functions().aggregate_type(&whole_call.function, &[kind])?;
        // A decimal sum of sums is wider than the sum: it gets a column of its own, and is cast.
        let target = match data_type == terms.column(column).data_type {
            true => column,
            false => half(terms, &whole_call, group, column, true)?,
        };
        aggregates.push((target, whole_call));
        let result = terms.column_scalar(target);
        let result = cast(terms, result, column);
        if terms.stays(result) {
            return None;
        }
        columns.push((column, result));
    }
    aggregates.sort();
    aggregates.dedup();
    let spec = terms.intern_aggregate(AggregateSpec { group: kept, aggregates });
    Some((spec, terms.intern_projection(columns)))
}

functions! {
    fact "halved" (Aggregates) -> Bool, "Whether an aggregate is itself a half that `part-aggregate` or `whole-aggregate` made.",
        |terms, args| {
            let calls = &terms.aggregate(args.aggregates(0)?).aggregates;
            let derived = |column: ColumnId| terms.is_derived(column);
            let reads_half = |call: &TermAggregate| {
                call.scalars().any(|arg| terms.scalar_facts(arg).columns.iter().any(derived))
            };
            Some(Value::Bool(calls.iter().any(|(column, call)| derived(*column) || reads_half(call))))
        };
    fact "null-of-nulls" (Aggregates Columns) -> Bool,
        "Whether every argument is null where these columns are all null, and no aggregate has a filter.",
        |terms, args| {
            let columns = args.columns(1)?;
            let calls = &terms.aggregate(args.aggregates(0)?).aggregates;
            let null = |call: &TermAggregate| {
                call.filter.is_none() && call.args.iter().all(|arg| terms.propagates_null(*arg).intersects(columns))
            };
            Some(Value::Bool(calls.iter().all(|(_, call)| null(call))))
        };
    make "part-aggregate" (Aggregates Columns) -> Aggregates, "The lower half, grouped by these columns: parts of count, min, max and exact sums, none of distinct values.",
        |terms, args| {
            let group = args.columns(1)?;
            let parts = parts(terms, args.aggregates(0)?, group)?;
            let mut aggregates: Vec<_> = parts.into_iter().map(|(_, part, call)| (part, call)).collect();
            // Equal calls share one part.
            aggregates.sort();
            aggregates.dedup();
            let spec = AggregateSpec { group: group.iter().collect(), aggregates };
            Some(Value::Aggregates(terms.intern_aggregate(spec)))
        };
    make "whole-aggregate" (Aggregates Columns) -> Aggregates,
        "The upper half over an inner join: the parts of groups by these columns, put together.",
        |terms, args| Some(Value::Aggregates(upper(terms, args.aggregates(0)?, args.columns(1)?, false)?.0));
    make "whole-columns" (Aggregates Columns) -> Projection, "What `whole-aggregate` gives, under the names and types of the whole.",
        |terms, args| Some(Value::Projection(upper(terms, args.aggregates(0)?, args.columns(1)?, false)?.1));
    make "outer-whole-aggregate" (Aggregates Columns) -> Aggregates,
        "As `whole-aggregate`, over a left join whose right side has the parts.",
        |terms, args| Some(Value::Aggregates(upper(terms, args.aggregates(0)?, args.columns(1)?, true)?.0));
    make "outer-whole-columns" (Aggregates Columns) -> Projection, "As `whole-columns`, for `outer-whole-aggregate`.",
        |terms, args| Some(Value::Projection(upper(terms, args.aggregates(0)?, args.columns(1)?, true)?.1));
}
