use super::names::{Shown, bracketed, conjunction, shown};
use crate::expr::{AggregateCall, Scalar, ScalarOp, SortKey, Window, WindowCall};
use crate::optimize::{Partitioning, PhysicalOp};
use crate::term::Side;

/// How a text calls a column.
pub(super) trait Namer<C>: Fn(&C) -> Shown {}
impl<C, F: Fn(&C) -> Shown> Namer<C> for F {}

/// A physical operator in the notation of terms. `output` are its columns as texts write them.
pub(super) fn physical<C: PartialEq>(op: &PhysicalOp<C>, output: &[C], name: &impl Namer<C>) -> String {
    let scalar = |scalar: &Scalar<C>| shown(scalar, name).to_string();
    let head = op.name();
    match op {
        PhysicalOp::Filter { predicate } => format!("{head} {}", scalar(predicate)),
        PhysicalOp::Project { columns } => format!("{head} {}", bracketed(computed(columns, output, name))),
        PhysicalOp::HashJoin { kind, keys, residual, build } => {
            let keys: Vec<_> =
                keys.iter().map(|(left, right)| format!("({} = {})", scalar(left), scalar(right))).collect();
            let residual = residual.as_ref().map(|residual| format!(" residual {}", scalar(residual)));
            let build = match build {
                Side::Left => "left",
                Side::Right => "right",
            };
            format!("{head} {kind} {}{} build {build}", conjunction(&keys), residual.unwrap_or_default())
        }
        PhysicalOp::NestedLoopJoin { kind, condition } => {
            let condition = condition.as_ref().map_or_else(|| "true".to_owned(), scalar);
            format!("{head} {kind} {condition}")
        }
        PhysicalOp::MarkJoin { condition, .. } => {
            let condition = condition.as_ref().map_or_else(|| "true".to_owned(), scalar);
            let mark = output.last().map(|mark| format!(" {}", name(mark)));
            format!("{head}{} {condition}", mark.unwrap_or_default())
        }
        PhysicalOp::Window { window, calls } => {
            let made = output.iter().skip(output.len().saturating_sub(calls.len()));
            let calls = made.zip(calls).map(|(to, call)| format!("{} := {}", name(to), window_call(call, name)));
            format!("{head} {} {}", window_text(window, name), bracketed(calls))
        }
        PhysicalOp::Unnest { column, nulls } => format!("{head} {} {}", name(column), nulls.name()),
        PhysicalOp::Aggregate { phase, group, aggregates } => {
            let calls = aggregates.iter().enumerate().map(|(at, aggregate)| {
                let text = call(aggregate, name);
                // A partial aggregate gives states, whose columns are the engine's.
                match output.len() == group.len() + aggregates.len() {
                    true => format!("{} := {text}", name(&output[group.len() + at])),
                    false => text,
                }
            });
            format!("{head} {phase} {} {}", bracketed(group.iter().map(name)), bracketed(calls))
        }
        PhysicalOp::Sort { keys, fetch } => {
            let fetch = fetch.map(|fetch| format!(" {fetch}"));
            format!("{head}{} {}", fetch.unwrap_or_default(), sort_keys(keys, name))
        }
        PhysicalOp::Limit { offset, fetch } => limit(*offset, *fetch),
        PhysicalOp::Union => head.to_owned(),
        PhysicalOp::Extension { extension } => format!("{head} {}", extension.name()),
    }
}

/// What a limit gives, and what it skips.
pub(super) fn limit(offset: u64, fetch: Option<u64>) -> String {
    let fetch = fetch.map_or_else(|| "all".to_owned(), |fetch| fetch.to_string());
    let offset = if offset > 0 { format!(" offset {offset}") } else { String::new() };
    format!("limit {fetch}{offset}")
}

/// Columns as a projection gives them: kept ones by name, computed ones as `name := scalar`.
pub(super) fn computed<C: PartialEq>(columns: &[Scalar<C>], output: &[C], name: &impl Namer<C>) -> Vec<String> {
    let text = |(to, of): (&C, &Scalar<C>)| match matches!(&of.op, ScalarOp::Column(column) if column == to) {
        true => name(to).to_string(),
        false => format!("{} := {}", name(to), shown(of, name)),
    };
    output.iter().zip(columns).map(text).collect()
}

/// Sort keys in brackets.
pub(super) fn sort_keys<C>(keys: &[SortKey<C>], name: &impl Namer<C>) -> String {
    let keys = keys.iter().map(|key| {
        let Ok(key) = key.try_map(&mut |column| Ok::<_, std::convert::Infallible>(name(column)));
        key.to_string()
    });
    format!("[{}]", keys.collect::<Vec<_>>().join(", "))
}

/// An aggregate call.
pub(super) fn call<C>(call: &AggregateCall<C>, name: &impl Namer<C>) -> String {
    let Ok(call) = call.try_map(&mut |column| Ok::<_, std::convert::Infallible>(name(column)));
    call.to_string()
}

/// A window's partition keys and order.
pub(super) fn window_text<C>(window: &Window<C>, name: &impl Namer<C>) -> String {
    let keys = window.partition_by.iter().map(|key| shown(key, name));
    format!("{} {}", bracketed(keys), sort_keys(&window.order_by, name))
}

/// A window call.
pub(super) fn window_call<C>(call: &WindowCall<C>, name: &impl Namer<C>) -> String {
    let Ok(call) = call.try_map(&mut |column| Ok::<_, std::convert::Infallible>(name(column)));
    call.to_string()
}

/// How rows lie in partitions.
pub(super) fn partitioning<C>(partitioning: &Partitioning<C>, name: &impl Namer<C>) -> String {
    match partitioning {
        Partitioning::Any => "any".to_owned(),
        Partitioning::Single => "single".to_owned(),
        Partitioning::Hashed(columns) => format!("hashed({})", super::names::spaced(columns.iter().map(name))),
        Partitioning::Replicated => "replicated".to_owned(),
    }
}
