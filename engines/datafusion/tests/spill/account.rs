//! What operators say that they hold, as reports have it.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::lower;
use leafhold::optimize::Planner;
use leafhold::run::{Executor, ExecutorOptions, LocalExecutor, RunReport, TaskContext};
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session};

use crate::operators::{ROWS, fragments, run};

const NUMBERS: i64 = 100_000;

/// The report of a query over numbers from 0, in one partition, on threads.
fn report(sql: &str, options: ExecutorOptions) -> RunReport {
    let numbers = Int64Array::from_iter_values(0..NUMBERS);
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
    let mut catalog = Catalog::new();
    catalog.add("numbers", Leaf::Values(Values::new("numbers", batch.schema(), vec![vec![batch]])));
    let frame = Session::new(catalog).frame(sql).unwrap();
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(1);
    let graph = lower(&planner.plan(frame.expr()).unwrap()).unwrap();
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 2).with_options(options);
    executor.submit(graph).wait().unwrap().report
}

/// The most that the operators of one of its tasks held.
fn peak(sql: &str) -> Option<u64> {
    let report = report(sql, ExecutorOptions::default());
    report.tasks.iter().map(|event| event.peak_execution_memory).max().unwrap()
}

#[test]
fn many_groups_are_held_and_what_flows_through_a_filter_is_not() {
    let groups = peak("select n, count(*) from numbers group by n").unwrap();
    let group = peak("select n / 1000000, count(*) from numbers group by n / 1000000").unwrap();
    assert!(groups > 8 * NUMBERS as u64 && groups > 4 * group, "{groups} for as many groups as rows, {group} for one");
    assert_eq!(peak("select n from numbers where n > 5"), None);
}

#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    let sql = "select n, count(*) from numbers group by n";
    let limited = report(sql, ExecutorOptions::default().with_memory_limit(1 << 30));
    let peaks = |report: RunReport| report.tasks.iter().map(|event| event.peak_execution_memory).collect::<Vec<_>>();
    assert_eq!(peaks(limited), peaks(report(sql, ExecutorOptions::default())));
}

#[test]
fn each_task_has_its_own_peak() {
    let [sort, aggregate] = fragments();
    for fragment in [&sort, &aggregate, &sort] {
        let peak = run(fragment, &TaskContext::default()).unwrap().peak_execution_memory.unwrap();
        // 16 bytes a row, of which operators need some more.
        assert!((16 * ROWS as u64..200 * ROWS as u64).contains(&peak), "{}: {peak}", fragment.label);
    }
}

#[test]
fn what_a_barrier_has_gathered_counts_but_for_what_its_task_was_given() {
    // Windows that pass over nulls are DataFusion's. A filter's rows are new, and nothing else holds them.
    let filtered = peak("select n, first_value(n) ignore nulls over () from numbers where n >= 50000").unwrap();
    assert!((4 * NUMBERS as u64..6 * NUMBERS as u64).contains(&filtered), "{filtered}");
    assert_eq!(peak("select n, first_value(n) ignore nulls over () from numbers"), None);
}
