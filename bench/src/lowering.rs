//! How long lowering takes, and how large task graphs are: the two shapes in which they grow.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{Frame, Repartitioning, col, lit};
use leafhold::leaf::{ColumnStatistics, FromDelayed, FutureHandle, Leaf, LocalFuture, TableStatistics};
use leafhold::lower::lower;
use leafhold::optimize::{Plan, Planner};

use crate::CoreArgs;
use crate::allocations::live;
use crate::measure::{Minimum, timed};
use crate::report::{Report, Row};

const SHUFFLED: usize = 1_000;
const PIPED: usize = 100_000;
const STEPS: usize = 10;

/// Plans over live futures of which nobody has computed any.
pub fn measure(args: &CoreArgs) -> anyhow::Result<Report> {
    let mut rows = Vec::new();
    for (case, plan) in [("shuffle", shuffle()?), ("pipeline", pipeline()?)] {
        let (mut time, mut drops, mut bytes, mut size) = (Minimum::default(), Minimum::default(), 0, (0, 0));
        for _ in 0..args.repetitions.get() {
            let before = live();
            let (graph, once) = timed(|| lower(&plan))?;
            time.add(once);
            bytes = live() - before;
            size = (graph.len(), graph.edge_count());
            let ((), once) = timed(|| {
                drop(graph);
                anyhow::Ok(())
            })?;
            drops.add(once);
        }
        let (tasks, edges) = size;
        rows.push(Row::alone(case.to_owned(), "tasks", tasks as f64));
        rows.push(Row::alone(case.to_owned(), "edges", edges as f64));
        rows.push(Row::alone(case.to_owned(), "lower_ms", time.get()));
        rows.push(Row::alone(case.to_owned(), "tasks_per_s", tasks as f64 / time.get() * 1e3));
        rows.push(Row::alone(case.to_owned(), "drop_ms", drops.get()));
        rows.push(match edges {
            0 => Row::alone(case.to_owned(), "bytes_per_task", bytes as f64 / tasks as f64),
            _ => Row::alone(case.to_owned(), "bytes_per_edge", bytes as f64 / edges as f64),
        });
    }
    Ok(Report::new(rows))
}

/// The rows of every partition go to every other: a million edges.
fn shuffle() -> anyhow::Result<Plan> {
    let shuffled = table(SHUFFLED)?.repartition(Repartitioning::Hash(vec!["k".into()], SHUFFLED))?;
    Ok(Planner::new(shuffled.functions().clone()).plan(shuffled.expr())?)
}

/// Steps that need nobody else's rows.
fn pipeline() -> anyhow::Result<Plan> {
    let mut frame = table(PIPED)?;
    for step in 0..STEPS as i64 {
        frame = match step % 2 {
            0 => frame.with_column("v", col("v") + lit(step))?,
            _ => frame.filter(col("v").gt(lit(step)))?,
        };
    }
    Ok(Planner::new(frame.functions().clone()).plan(frame.expr())?)
}

fn table(partitions: usize) -> anyhow::Result<Frame> {
    let schema = Arc::new(Schema::new(["k", "v"].map(|name| Field::new(name, DataType::Int64, false)).to_vec()));
    let futures = (0..partitions).map(|at| FutureHandle::new(LocalFuture::pending(format!("part-{at}")).0));
    let known = ColumnStatistics { distinct: Some(5e8), ..ColumnStatistics::default() };
    let statistics = TableStatistics { rows: Some(1e9), bytes: None, columns: vec![known; 2] };
    let leaf = FromDelayed::new("table", schema, futures.collect::<Vec<_>>())?.with_statistics(statistics);
    Ok(Frame::from_leaf(Leaf::FromDelayed(leaf))?)
}
