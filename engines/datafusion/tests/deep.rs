//! Queries that are deeper than a thread's stack is, on DataFusion's operators.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{Frame, col, lit, max};
use leafhold::leaf::{Leaf, Values};
use leafhold::optimize::Planner;
use leafhold::run::{Collected, LocalExecutor, collect};
use leafhold_datafusion::{DataFusionKernels, EngineFunctions};

fn frame() -> Frame {
    let columns = [("k", Int64Array::from(vec![1, 2])), ("a", Int64Array::from(vec![10, 20]))];
    let batch = RecordBatch::try_from_iter(columns.map(|(name, column)| (name, Arc::new(column) as _))).unwrap();
    Frame::from_leaf(Leaf::Values(Values::new("t", batch.schema(), vec![vec![batch]]))).unwrap()
}

fn run(frame: &Frame) -> Collected {
    let plan = Planner::new(Arc::new(EngineFunctions)).plan(frame.expr()).unwrap();
    collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 1)).unwrap()
}

/// The rows, sorted.
fn rows(collected: &Collected) -> Vec<(i64, i64)> {
    let batches = collected.batches.iter();
    let mut rows: Vec<(i64, i64)> = batches
        .flat_map(|batch| {
            let column = |at: usize| batch.column(at).as_primitive::<Int64Type>().values().to_vec();
            column(0).into_iter().zip(column(1))
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn thousands_of_operators_above_one_another_are_run() {
    const STEPS: i64 = 2_000;
    let mut frame = frame();
    for _ in 0..STEPS {
        // One row per group goes in and out; the columns change places, so that no step has the keys of the last one.
        let grouped = frame.aggregate([("a", col("a"))], [("k", max(col("k")))]).unwrap();
        frame = grouped.project([("k", col("a")), ("a", col("k") + lit(1i64))]).unwrap();
    }
    let collected = run(&frame);
    let steps = STEPS / 2;
    assert_eq!(rows(&collected), [(1 + steps, 10 + steps), (2 + steps, 20 + steps)]);
    assert!(collected.report.tasks.len() > 10, "{}", collected.report.tasks.len());
}

#[test]
fn a_scalar_of_thousands_of_steps_is_computed() {
    const STEPS: i64 = 5_000;
    let mut frame = frame();
    for step in 0..STEPS {
        let next = if step % 2 == 0 { col("k") + col("a") } else { col("k") - lit(1i64) };
        frame = frame.with_column("k", next).unwrap();
    }
    let steps = STEPS / 2;
    assert_eq!(rows(&run(&frame)), [(1 + 9 * steps, 10), (2 + 19 * steps, 20)]);
}
