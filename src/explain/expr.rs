use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::names::{Futures, Shown, bracketed, conjunction, leaf_kind, shown};
use super::number::grouped;
use super::operator::{call, computed, limit, sort_keys, window_call, window_text};
use super::tree::{Step, count_nodes, indent, walk};
use crate::expr::{Expr, Name, Op, Repartitioning, Scalar};

/// Texts end after so many nodes and say how many are left.
const MOST_NODES: usize = 4_000;

/// What the user wrote, as text: one operator per line, columns by name, shared nodes once.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::{explain::expr_text, expr::{col, lit, Frame}, leaf::value};
///
/// let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
/// let frame = Frame::from_delayed("t", batch.schema(), vec![value("key", vec![batch])])?;
/// let text = expr_text(frame.filter(col("a").gt(lit(1i64)))?.expr());
/// assert!(text.ends_with("filter (a > 1)\n  from-delayed t future#0 [a]\n"));
/// # Ok::<_, leafhold::expr::ExprError>(())
/// ```
pub fn expr_text(expr: &Expr) -> String {
    let mut text = format!("; expr {}\n", expr.shape().short());
    let mut barriers: BTreeMap<String, usize> = BTreeMap::new();
    let mut futures = Futures::default();
    let mut depth = 0;
    let mut left = MOST_NODES;
    let mut lines = String::new();
    let mut elided = false;
    walk(expr, |step| {
        match step {
            Step::Close => depth -= 1,
            Step::Open { .. } | Step::Again { .. } if left == 0 => {
                elided = true;
                return ControlFlow::Break(());
            }
            Step::Again { shared, .. } => {
                left -= 1;
                lines.push_str(&format!("{}@{shared}\n", indent(depth)));
            }
            Step::Open { node, shared } => {
                left -= 1;
                if let Op::Extension(extension) = node.op()
                    && extension.operator() == "barrier"
                {
                    *barriers.entry(extension.name().to_owned()).or_default() += 1;
                }
                let shared = shared.map(|number| format!("@{number} = ")).unwrap_or_default();
                lines.push_str(&format!("{}{shared}{}\n", indent(depth), operator(node, &mut futures)));
                depth += 1;
            }
        }
        ControlFlow::Continue(())
    });
    if !barriers.is_empty() {
        let list: Vec<_> = barriers.iter().map(|(name, count)| format!("{name} x{count}")).collect();
        text.push_str(&format!("; barriers {}\n", list.join(", ")));
    }
    text.push_str(&lines);
    if elided {
        let all = count_nodes(expr);
        text.push_str(&format!(
            "; .. the first {} lines of {} nodes\n",
            grouped(MOST_NODES as u64),
            grouped(all as u64)
        ));
    }
    text
}

fn operator(expr: &Expr, futures: &mut Futures) -> String {
    let name = |name: &Name| Shown::new(name);
    let head = expr.op().name();
    match expr.op() {
        Op::Leaf(leaf) => {
            let columns = expr.schema().fields().iter().map(|field| Shown::new(field.name()));
            format!("{} {} {}", leaf_kind(leaf), futures.leaf(leaf), bracketed(columns))
        }
        Op::Project(columns) => format!("{head} {}", named(columns)),
        Op::Filter(predicate) => format!("{head} {}", shown(predicate, &name)),
        Op::Join { kind, on } => {
            let on: Vec<_> = on.iter().map(|conjunct| shown(conjunct, &name).to_string()).collect();
            format!("{head} {kind} {}", conjunction(&on))
        }
        Op::MarkJoin { mark, on } => {
            let on: Vec<_> = on.iter().map(|conjunct| shown(conjunct, &name).to_string()).collect();
            format!("{head} {} {}", name(mark), conjunction(&on))
        }
        Op::Aggregate { group, sets, aggregates } => {
            let calls = aggregates.iter().map(|(to, of)| format!("{} := {}", name(to), call(of, &name)));
            let sets = sets.as_ref().map(|sets| {
                let set = |set: &Vec<usize>| bracketed(set.iter().map(|key| name(&group[*key].0)));
                format!(" sets {}", bracketed(sets.sets().iter().map(set)))
            });
            format!("{head} {}{} {}", named(group), sets.unwrap_or_default(), bracketed(calls))
        }
        Op::Window { window, calls } => {
            let calls = calls.iter().map(|(to, of)| format!("{} := {}", name(to), window_call(of, &name)));
            format!("{head} {} {}", window_text(window, &name), bracketed(calls))
        }
        Op::Sort(keys) => format!("{head} {}", sort_keys(keys, &name)),
        Op::Limit { offset, fetch } => limit(*offset, *fetch),
        Op::Distinct | Op::Union => head.to_owned(),
        Op::Repartition(Repartitioning::Hash(columns, partitions)) => {
            format!("{head} {} {partitions}", bracketed(columns.iter().map(name)))
        }
        Op::Repartition(Repartitioning::RoundRobin(partitions)) => format!("{head} {partitions}"),
        Op::Unnest { column, nulls } => format!("{head} {} {}", name(column), nulls.name()),
        Op::Apply { kind, on } => {
            let on: Vec<_> = on.iter().map(|conjunct| shown(conjunct, &name).to_string()).collect();
            let column = kind.column().map(|column| format!(" {}", name(column)));
            format!("{head} {kind}{} {}", column.unwrap_or_default(), conjunction(&on))
        }
        Op::Extension(extension) => format!("{head} {}", extension.name()),
    }
}

fn named(columns: &[(Name, Scalar)]) -> String {
    let (names, scalars): (Vec<Name>, Vec<Scalar>) = columns.iter().cloned().unzip();
    bracketed(computed(&scalars, &names, &|name: &Name| Shown::new(name)))
}
