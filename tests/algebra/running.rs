//! Functions on partitions run beside kernels that know nothing of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{ExtensionTraits, Frame, MapPartitions, col};
use leafhold::leaf::value;
use leafhold::optimize::Planner;
use leafhold::run::{KernelError, LocalExecutor, RunCause, RunFailure, RunReport, TaskState, collect};

use super::kernels::{Row, RowKernels, batch_of, rows_of};
use super::tables::integers;

/// A table `a`, `b` of two partitions.
fn live(parts: [&[i64]; 2]) -> Frame {
    let schema = integers(&["a", "b"]);
    let futures = parts.iter().enumerate().map(|(at, rows)| {
        let rows: Vec<Vec<i64>> = rows.iter().map(|a| vec![*a, -a]).collect();
        value(format!("part-{at}"), vec![batch_of(&schema, &rows)])
    });
    let futures: Vec<_> = futures.collect();
    Frame::from_delayed("t", schema, futures).unwrap()
}

/// Gives one row: how many rows it saw, and the sum of `a`.
fn counting(traits: ExtensionTraits) -> MapPartitions {
    let schema = integers(&["rows", "sum"]);
    let made = schema.clone();
    let count = MapPartitions::new("count", "1", schema, move |batches| {
        let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>() as i64;
        let a = |batch: &RecordBatch| batch.column_by_name("a").map(|a| a.as_primitive::<Int64Type>().clone());
        let columns: Option<Vec<Int64Array>> = batches.iter().map(a).collect();
        let sum: i64 = columns.ok_or("no column a")?.iter().flat_map(|a| a.values().iter()).sum();
        Ok(vec![batch_of(&made, &[vec![rows, sum]])])
    });
    count.with_traits(traits)
}

/// The sorted rows, what the kernels saw, and the report.
type Ran = (Vec<Row>, Arc<RowKernels>, RunReport);

fn run(frame: Frame) -> Result<Ran, RunFailure> {
    let kernels = Arc::new(RowKernels::default());
    let plan = Planner::new(frame.functions().clone()).plan(frame.expr()).unwrap();
    let found = collect(&plan, &LocalExecutor::new(kernels.clone(), 2))?;
    assert_eq!(found.schema, *frame.schema());
    let mut rows = rows_of(&found.batches);
    rows.sort();
    Ok((rows, kernels, found.report))
}

/// Two functions may get one and the same column, but each sees it by the name that it has there.
#[test]
fn the_names_that_a_function_sees_are_a_part_of_what_runs() {
    let length = || {
        let schema = integers(&["length"]);
        let made = schema.clone();
        MapPartitions::new("length", "1", schema, move |batches| {
            let length = batches[0].schema().field(0).name().len() as i64;
            Ok(vec![batch_of(&made, &[vec![length]])])
        })
    };
    let t = live([&[1, 2], &[3]]);
    let named = |name: &str| t.clone().project([(name, col("a"))]).unwrap().map_partitions(length()).unwrap();
    let (rows, _, _) = run(named("a").union(&named("much-longer")).unwrap()).unwrap();
    assert_eq!(rows, [[1], [11]]);
}

#[test]
fn a_partition_wise_function_runs_on_each_partition_and_another_on_all_rows() {
    let wise = ExtensionTraits { partition_wise: true, ..ExtensionTraits::BARRIER };
    let (rows, kernels, _) = run(live([&[1, 2], &[3]]).map_partitions(counting(wise)).unwrap()).unwrap();
    assert_eq!(rows, [[1, 3], [2, 3]]);
    assert_eq!(kernels.runs.load(Ordering::SeqCst), 2, "the kernels name the columns of the result, and that is all");
    let (rows, _, _) = run(live([&[1, 2], &[3]]).map_partitions(counting(ExtensionTraits::BARRIER)).unwrap()).unwrap();
    assert_eq!(rows, [[3, 6]]);
}

#[test]
fn functions_stand_between_other_operators() {
    let wise = ExtensionTraits { partition_wise: true, ..ExtensionTraits::BARRIER };
    let below = live([&[1, 2], &[3]]).select(["a"]).unwrap();
    let mapped = below.map_partitions(counting(wise)).unwrap();
    let above = mapped.select(["sum"]).unwrap().sort([leafhold::expr::col("sum").asc()]).unwrap();
    let (rows, _, _) = run(above).unwrap();
    assert_eq!(rows, [[3], [3]]);
}

#[test]
fn the_same_function_over_the_same_rows_is_one_task() {
    let wise = ExtensionTraits { partition_wise: true, ..ExtensionTraits::BARRIER };
    let t = live([&[1, 2], &[3]]);
    let once = t.clone().map_partitions(counting(wise)).unwrap();
    let twice = once.clone().union(&t.map_partitions(counting(wise)).unwrap()).unwrap();
    let (rows, _, report) = run(twice).unwrap();
    assert_eq!(rows, [[1, 3], [1, 3], [2, 3], [2, 3]]);
    let calls = report.tasks.iter().filter(|event| event.label.contains("map-partitions"));
    assert_eq!(calls.count(), 2, "one per partition");
}

#[test]
fn a_function_that_fails_or_panics_fails_the_run_by_name() {
    let failing = MapPartitions::new("failing", "1", integers(&["a"]), |_| Err("no luck".to_owned()));
    let failure = run(live([&[1], &[2]]).map_partitions(failing).unwrap()).err().unwrap();
    let RunFailure::Run(error) = failure else { panic!("{failure}") };
    let RunCause::Kernel { source, .. } = &error.cause else { panic!("{error}") };
    assert_eq!(*source, KernelError::Compute("`failing`: no luck".into()));
    assert!(error.report.tasks.iter().any(|event| event.state == TaskState::Failed));

    let panicking = MapPartitions::new("panicking", "1", integers(&["a"]), |_| panic!("out of luck"));
    let failure = run(live([&[1], &[2]]).map_partitions(panicking).unwrap()).err().unwrap();
    assert!(failure.to_string().contains("out of luck"), "{failure}");
}
