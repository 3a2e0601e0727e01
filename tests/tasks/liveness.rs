//! The laws of live data, on lowering and running.

use std::sync::Arc;
use std::time::Duration;

use leafhold::leaf::{LocalFuture, RemoteFuture, release};
use leafhold::lower::lower;
use leafhold::optimize::Partitioning;
use leafhold::run::{Executor, LocalExecutor, Observer, RunCause, RunFailure, TaskEvent, TaskState, collect};
use parking_lot::Mutex;

use crate::kernels::{RowKernels, rows_of};
use crate::plans::{Builder, numbers};

fn executor(threads: usize) -> LocalExecutor {
    LocalExecutor::new(Arc::new(RowKernels::default()), threads)
}

#[test]
fn law_l1_never_dropped_early() {
    let mut builder = Builder::default();
    let counts = builder.counts.clone();
    let read = builder.delayed(&[numbers(0..3), numbers(3..6), numbers(6..9)]);
    let sorted = builder.sorted(&read, None);
    // The caller's handles are gone with the builder; the plan alone holds the data.
    let plan = builder.plan(&sorted);
    drop((read, sorted));
    assert_eq!(counts.live(), 3);
    for _ in 0..2 {
        let collected = collect(&plan, &executor(2)).unwrap();
        assert_eq!(rows_of(&collected.batches), numbers(0..9));
        assert_eq!(counts.live(), 3, "a run must not let go of what the plan holds");
    }
    // And a graph does not need its plan.
    let graph = lower(&plan).unwrap();
    drop(plan);
    assert_eq!(counts.live(), 3);
    let again = graph.clone();
    assert!(executor(2).submit(graph).wait().is_ok());
    assert_eq!(counts.live(), 3, "the clone still holds them");
    assert!(executor(1).submit(again).wait().is_ok());
    assert_eq!(counts.live(), 0);
}

#[test]
fn law_l2_never_leaked() {
    let mut builder = Builder::default();
    let counts = builder.counts.clone();
    let (read, promises) = builder.pending("slow", 2);
    let plan = builder.plan(&read);
    drop(read);
    let run = executor(2).submit(lower(&plan).unwrap());
    drop(plan);
    assert_eq!(counts.live(), 2, "the run holds what it waits for");
    // Nobody keeps the promises: dropping the run must not wait for them, nor keep anything.
    drop(run);
    assert_eq!(counts.live(), 0);
    drop(promises);
}

#[test]
fn law_l2_a_future_goes_with_the_last_task_that_reads_it() {
    struct Live(Arc<crate::plans::Counts>, Mutex<Vec<usize>>);
    impl Observer for Live {
        fn on_event(&self, _: &TaskEvent) {
            let live = self.0.live();
            self.1.lock().push(live);
        }
    }
    let mut builder = Builder::default();
    let counts = builder.counts.clone();
    let read = builder.delayed(&[numbers(0..3), numbers(3..6), numbers(6..9)]);
    let single = builder.exchange(&read, Partitioning::Single);
    let graph = lower(&builder.plan(&single)).unwrap();
    drop((read, single));
    let live = Arc::new(Live(counts.clone(), Mutex::default()));
    executor(1).with_observer(live.clone()).submit(graph).wait().unwrap();
    assert_eq!(*live.1.lock(), [2, 1, 0, 0]);
}

#[test]
fn law_l5_never_silent() {
    for (kind, word) in [("fail", "failed"), ("cancel", "was cancelled"), ("lose", "was lost")] {
        let mut builder = Builder::default();
        let counts = builder.counts.clone();
        let (read, mut promises) = builder.pending("orders", 3);
        let sorted = builder.sorted(&read, None);
        let plan = builder.plan(&sorted);
        drop((read, sorted));
        let bad = promises.remove(1);
        match kind {
            "fail" => bad.fail("disk full"),
            "cancel" => bad.cancel(),
            _ => drop(bad),
        }
        // The other two are never kept: the run must not wait for them.
        let error = collect(&plan, &executor(2)).unwrap_err();
        let text = error.to_string();
        for part in ["leaf `orders`", "partition 1", "\"orders-1\"", "engine local", word] {
            assert!(text.contains(part), "{text:?} should name {part:?}");
        }
        let RunFailure::Run(error) = error else { panic!("{error}") };
        assert_eq!(error.report.tasks.len(), 4, "the report is returned, too");
        let states: Vec<_> = error.report.tasks.iter().map(|event| event.state).collect();
        let own = if kind == "lose" { TaskState::Lost } else { TaskState::Failed };
        assert_eq!(states, [TaskState::Cancelled, own, TaskState::Cancelled, TaskState::UpstreamFailed]);
        assert!(error.report.tasks.iter().all(|event| event.started.is_none()), "no dependent task starts");
        drop((plan, promises, error));
        assert_eq!(counts.live(), 0);
    }
}

#[test]
fn law_l5_data_of_another_schema_names_leaf_partition_key_and_both_types() {
    let mut builder = Builder::default();
    let (read, mut promises) = builder.pending("orders", 2);
    promises.remove(0).fulfil(vec![crate::plans::batch(&numbers(0..2))]);
    let schema = arrow_schema::Schema::new(vec![
        arrow_schema::Field::new("a", arrow_schema::DataType::Int64, true),
        arrow_schema::Field::new("b", arrow_schema::DataType::Utf8, true),
    ]);
    promises.remove(0).fulfil(vec![arrow_array::RecordBatch::new_empty(Arc::new(schema))]);
    let error = collect(&builder.plan(&read), &executor(2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "leaf `orders`, partition 1, future \"orders-1\": column `b` has type Utf8, but the leaf promised Int64"
    );
}

/// An engine that drops its callbacks unheard, as one does whose event loop has died.
struct Deaf(LocalFuture);

impl RemoteFuture for Deaf {
    fn key(&self) -> &str {
        "deaf"
    }
    fn status(&self) -> leafhold::leaf::FutureStatus {
        self.0.status()
    }
    fn engine(&self) -> leafhold::leaf::EngineId {
        self.0.engine()
    }
    fn instance(&self) -> Option<leafhold::leaf::InstanceId> {
        None
    }
    fn on_done(&self, _: Box<dyn FnOnce() + Send>) {}
    fn data(&self) -> Result<leafhold::leaf::PartitionData, leafhold::leaf::FutureError> {
        self.0.data()
    }
}

#[test]
fn law_l5_a_lost_callback_ends_the_run() {
    let (future, _promise) = LocalFuture::pending("deaf");
    let handle = leafhold::leaf::FutureHandle::new(Deaf(future));
    let leaf = leafhold::leaf::FromDelayed::new("t", crate::plans::two_columns(), vec![handle]).unwrap();
    let mut builder = Builder::default();
    let read = builder.values(&[Vec::new()]);
    builder.leaves[0] = leafhold::leaf::Leaf::FromDelayed(leaf);
    let RunFailure::Run(error) = collect(&builder.plan(&read), &executor(1)).unwrap_err() else { panic!() };
    assert!(matches!(error.cause, RunCause::Future { .. }), "{error}");
}

#[test]
fn a_run_waits_for_futures_that_come_later() {
    let mut builder = Builder::default();
    let (read, promises) = builder.pending("late", 3);
    let sorted = builder.sorted(&read, None);
    let run = executor(2).submit(lower(&builder.plan(&sorted)).unwrap());
    let keeper = std::thread::spawn(move || {
        for (at, promise) in promises.into_iter().enumerate().rev() {
            std::thread::sleep(Duration::from_millis(2));
            promise.fulfil(vec![crate::plans::batch(&numbers(at as i64 * 3..at as i64 * 3 + 3))]);
        }
    });
    let outcome = run.wait().unwrap();
    assert_eq!(rows_of(&outcome.partitions[0]), numbers(0..9));
    keeper.join().unwrap();
    release::drain();
}
