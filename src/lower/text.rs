//! The text form of a task graph, one block per stage. It names no token, key, address or time, so
//! equal plans have equal texts in every run.

use std::fmt::{self, Display, Write};

use super::{Fragment, FragmentNode, FragmentOp, FragmentOutput, StageRead, StageSource, StageSummary, TaskGraph};
use crate::expr::{Scalar, SortKey};
use crate::optimize::PhysicalOp;

impl TaskGraph {
    /// The graph as text, collapsed per stage.
    ///
    /// ```text
    /// 6 tasks in 2 stages, 1 shuffle
    ///
    /// stage 0: 4 tasks -> hashed [c0] over 2 ports
    ///   slot 0: 1 partition of `orders` each
    ///   %0 = input slot 0 [c0 c2]
    ///   %1 = filter %0: (c1 > 10)
    /// ..
    /// ```
    pub fn to_text(&self) -> String {
        let stages = self.stages();
        let shuffles = self.shuffles();
        let mut text = format!("{} in {}", count(self.len(), "task"), count(stages.len(), "stage"));
        text.push_str(&if shuffles > 0 { format!(", {}\n", count(shuffles, "shuffle")) } else { "\n".to_owned() });
        for StageSummary { stage, fragment, tasks, is_result, reads } in stages {
            let output = match &fragment.output {
                FragmentOutput::Whole if is_result => " -> result".to_owned(),
                FragmentOutput::Whole => String::new(),
                FragmentOutput::Hashed { columns, ports, function } => {
                    let by = function.as_ref().map(|function| format!(" by {function}")).unwrap_or_default();
                    let columns = list(columns.iter().map(|at| At(*at)));
                    format!(" -> hashed [{columns}] over {}{by}", count(*ports, "port"))
                }
                FragmentOutput::Ranged { keys, boundaries, ports } => {
                    let keys = list(keys.iter().map(|key| At(key.column)));
                    format!(" -> ranged [{keys}] over {} by slot {boundaries}", count(*ports, "port"))
                }
                FragmentOutput::Even { ports } => format!(" -> evenly over {}", count(*ports, "port")),
                FragmentOutput::Sampled { rows } => format!(" -> sampled, {}", count(*rows, "row")),
            };
            let _ = writeln!(text, "\nstage {stage}: {}{output}", count(tasks.len(), "task"));
            for slot in 0..fragment.inputs {
                let reads = reads.iter().filter(|read| read.slot == slot);
                let reads: Vec<String> = reads.map(|read| read_text(read, tasks.len())).collect();
                let reads = if reads.is_empty() { "nothing".to_owned() } else { reads.join(", ") };
                let _ = writeln!(text, "  slot {slot}: {reads}");
            }
            write_nodes(&mut text, fragment, tasks.len());
        }
        text
    }
}

fn read_text(read: &StageRead<'_>, tasks: usize) -> String {
    let from = match read.from {
        StageSource::Stage(stage) => format!("stage {stage}"),
        StageSource::Futures { name, .. } => format!("`{name}`"),
        StageSource::Data => "values".to_owned(),
    };
    match read.sources % tasks {
        0 => format!("{} of {from} each", count(read.sources / tasks, "part")),
        _ => format!("{} of {from} in all", count(read.sources, "part")),
    }
}

fn write_nodes(text: &mut String, fragment: &Fragment, tasks: usize) {
    for (at, node) in fragment.nodes.iter().enumerate() {
        let _ = write!(text, "  %{at} = {node}");
        let pruned = match &node.op {
            FragmentOp::Scan { source, .. } => Some(source.partitions()).filter(|partitions| *partitions > tasks),
            _ => None,
        };
        text.push_str(&pruned.map_or("\n".to_owned(), |all| format!("  ; {tasks} of {all} partitions\n")));
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

/// A position, as fragments name columns.
struct At(usize);

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

fn named(scalar: &Scalar<usize>) -> Scalar<At> {
    let Ok(scalar) = scalar.try_map(&mut |at| Ok::<_, std::convert::Infallible>(At(*at)));
    scalar
}

fn named_keys(keys: &[SortKey<usize>]) -> String {
    list(keys.iter().map(|key| {
        let Ok(key) = key.try_map(&mut |at| Ok::<_, std::convert::Infallible>(At(*at)));
        key
    }))
}

fn fetching(fetch: Option<u64>) -> String {
    fetch.map(|fetch| format!(" fetch {fetch}")).unwrap_or_default()
}

/// As texts of task graphs write it: `filter %0: (c1 > 10)`.
impl Display for FragmentNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FragmentNode { op, inputs, .. } = self;
        f.write_str(op.name())?;
        inputs.iter().try_for_each(|input| write!(f, " %{input}"))?;
        match op {
            FragmentOp::Input { slot, columns: None } => write!(f, " slot {slot}"),
            FragmentOp::Input { slot, columns: Some(columns) } => {
                write!(f, " slot {slot} [{}]", list(columns.iter().map(|at| At(*at))))
            }
            FragmentOp::MergeInput { slot, keys, fetch } => {
                write!(f, " slot {slot}: {}{}", named_keys(keys), fetching(*fetch))
            }
            FragmentOp::Scan { columns, .. } => write!(f, " [{}]", list(columns.iter().map(|at| At(*at)))),
            FragmentOp::Empty => Ok(()),
            FragmentOp::Compute { op, .. } => write_compute(f, op),
        }
    }
}

fn write_compute(f: &mut fmt::Formatter<'_>, op: &PhysicalOp<usize>) -> fmt::Result {
    match op {
        PhysicalOp::Filter { predicate } => write!(f, ": {}", named(predicate)),
        PhysicalOp::Project { columns } => write!(f, ": {}", list(columns.iter().map(named))),
        PhysicalOp::HashJoin { kind, keys, residual, build } => {
            let keys = keys.iter().map(|(left, right)| format!("({} = {})", named(left), named(right)));
            write!(f, ": {kind} {} build {}", list(keys), format!("{build:?}").to_lowercase())?;
            residual.iter().try_for_each(|residual| write!(f, " residual {}", named(residual)))
        }
        PhysicalOp::NestedLoopJoin { kind, condition } => {
            write!(f, ": {kind}")?;
            condition.iter().try_for_each(|condition| write!(f, " {}", named(condition)))
        }
        PhysicalOp::MarkJoin { condition, .. } => {
            condition.iter().try_for_each(|condition| write!(f, ": {}", named(condition)))
        }
        PhysicalOp::Window { window, calls } => {
            let at = &mut |at: &usize| Ok::<_, std::convert::Infallible>(At(*at));
            let Ok(window) = window.try_map(at);
            let calls = calls.iter().map(|call| {
                let Ok(call) = call.try_map(at);
                call
            });
            let calls = list(calls);
            write!(f, ": [{}] [{}] {calls}", list(&window.partition_by), list(&window.order_by))
        }
        PhysicalOp::Unnest { column, nulls } => write!(f, ": {} {}", At(*column), nulls.name()),
        PhysicalOp::Aggregate { phase, group, aggregates } => {
            let calls = aggregates.iter().map(|call| {
                let Ok(call) = call.try_map(&mut |at| Ok::<_, std::convert::Infallible>(At(*at)));
                call
            });
            write!(f, ": {phase} [{}] {}", list(group.iter().map(|at| At(*at))), list(calls))
        }
        PhysicalOp::Sort { keys, fetch } => write!(f, ": {}{}", named_keys(keys), fetching(*fetch)),
        PhysicalOp::Limit { offset, fetch } => write!(f, ": offset {offset}{}", fetching(*fetch)),
        PhysicalOp::Union => Ok(()),
        PhysicalOp::Extension { extension } => write!(f, ": {}", extension.name()),
    }
}
