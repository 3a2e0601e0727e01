//! Tasks and callers that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use leafhold::lower::Fragment;
use leafhold::run::{
    Executor, ExecutorOptions, KernelError, Kernels, LocalExecutor, RunCause, SlotData, TaskContext, TaskOutput,
    TaskState,
};

use crate::behaviour::{FAILS, PANICS, WAITS};
use crate::kernels::RowKernels;
use crate::plans::Builder;
use crate::scene::{Scene, partitions, partitions_with, rows, shuffled, states};

#[test]
fn a_task_that_panics_or_fails_is_named_and_what_is_below_it_never_starts() {
    for (row, kind, words) in [
        ([FAILS, 4], "compute", "the kernel fails at 4"),
        ([PANICS, 5], "panic", "the engine panicked: the kernel panics at 5"),
    ] {
        let mut scene = Scene::shuffle(&partitions_with(row));
        let error = scene.run(2, ExecutorOptions::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("partition 2"), "{text}");
        let failed = error.report.tasks.iter().find(|event| event.state == TaskState::Failed).unwrap();
        assert_eq!(failed.error.as_ref().unwrap().kind, kind);
        for event in &error.report.tasks {
            assert_eq!(event.started.is_none(), event.attempt == 0, "{event:?}");
            assert!(event.state != TaskState::UpstreamFailed || event.started.is_none());
        }
        assert!(error.report.count(TaskState::UpstreamFailed) >= 3, "{:?}", states(&error.report));
        scene.assert_clean(&error.report);
    }
}

#[test]
fn cancelling_stops_what_runs_at_its_next_look_and_starts_nothing_more() {
    for threads in [1, 2] {
        let mut scene = Scene::shuffle(&partitions_with([WAITS, 0]));
        let executor = scene.executor(threads, ExecutorOptions::default());
        let run = executor.submit(scene.graph());
        let canceller = run.canceller();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            canceller.cancel();
            canceller.cancel();
        });
        let error = run.wait().unwrap_err();
        thread.join().unwrap();
        drop(executor);
        assert_eq!(error.cause, RunCause::Cancelled);
        assert!(error.report.count(TaskState::Cancelled) >= 4, "{:?}", states(&error.report));
        assert_eq!(error.report.count(TaskState::Failed), 0, "a task that stops because it is asked to is no failure");
        scene.assert_clean(&error.report);
    }
}

#[test]
fn dropping_the_handle_in_the_middle_of_a_run_stops_it_and_leaves_nothing() {
    for sleep in [0, 1, 20] {
        let mut scene = Scene::shuffle(&partitions_with([WAITS, 0]));
        let executor = scene.executor(2, ExecutorOptions::default());
        let run = executor.submit(scene.graph());
        std::thread::sleep(Duration::from_millis(sleep));
        // The executor may go first: the run has its threads.
        drop(executor);
        drop(run);
        scene.assert_heard();
        scene.assert_nothing_left();
    }
}

#[test]
fn a_run_that_waits_for_futures_is_dropped_at_once() {
    let mut builder = Builder::default();
    let (read, promises) = builder.pending("never", 4);
    let sorted = shuffled(&builder, &read);
    drop(read);
    let mut scene = Scene::of(builder, &sorted);
    drop(sorted);
    let executor = scene.executor(2, ExecutorOptions::default());
    drop(executor.submit(scene.graph()));
    drop(executor);
    scene.assert_heard();
    scene.assert_nothing_left();
    drop(promises);
}

#[test]
fn a_failure_stops_what_runs_beside_it() {
    // The one waits for whatever happens; the other one happens.
    let mut partitions = partitions_with([WAITS, 0]);
    partitions[4].push(vec![FAILS, 1]);
    let mut scene = Scene::shuffle(&partitions);
    let error = scene.run(2, ExecutorOptions::default()).unwrap_err();
    assert!(matches!(error.cause, RunCause::Kernel { partition: 4, .. }), "{error}");
    let waited = error.report.tasks.iter().find(|event| event.partition == 2 && event.started.is_some());
    assert_eq!(waited.map(|event| event.state), Some(TaskState::Cancelled));
    scene.assert_clean(&error.report);
}

/// Kernels that ask for more than there is.
struct Greedy(RowKernels);

impl Kernels for Greedy {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        if context.partition == 2 {
            context.memory.try_grow(1 << 30)?;
        }
        self.0.run(fragment, inputs, context)
    }
}

#[test]
fn a_task_that_outgrows_its_memory_is_a_named_error() {
    for limit in [None, Some(1 << 20)] {
        let mut scene = Scene::shuffle(&partitions());
        let options = ExecutorOptions { memory_limit: limit, ..ExecutorOptions::default() };
        let executor = LocalExecutor::new(Arc::new(Greedy(RowKernels::default())), 2);
        let executor = executor.with_options(options.with_observer(scene.heard.clone()));
        let result = executor.submit(scene.graph()).wait();
        drop(executor);
        match (limit, result) {
            (None, Ok(outcome)) => {
                assert_eq!(rows(&outcome).len(), 24);
                scene.assert_clean(&outcome.report);
            }
            (Some(_), Err(error)) => {
                assert!(error.to_string().contains("1073741824 bytes more are needed"), "{error}");
                let failed = error.report.tasks.iter().find(|event| event.state == TaskState::Failed).unwrap();
                assert_eq!(failed.error.as_ref().unwrap().kind, "memory");
                scene.assert_clean(&error.report);
            }
            (limit, result) => panic!("{limit:?} {result:?}"),
        }
    }
}

/// Kernels that look between batches of 8,192 rows, as an engine does, and need a millisecond for each.
struct Steady(Arc<AtomicBool>);

impl Kernels for Steady {
    fn run(&self, _: &Fragment, _: Vec<SlotData>, context: &TaskContext) -> Result<TaskOutput, KernelError> {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            self.0.store(true, Ordering::SeqCst);
            if context.is_cancelled() {
                return Err(KernelError::Cancelled);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(KernelError::Compute("nobody said anything".into()))
    }
}

#[test]
fn a_cancelled_run_is_over_long_before_its_tasks_would_be() {
    let mut scene = Scene::shuffle(&partitions());
    let busy = Arc::new(AtomicBool::new(false));
    let executor = LocalExecutor::new(Arc::new(Steady(busy.clone())), 2).with_observer(scene.heard.clone());
    let run = executor.submit(scene.graph());
    while !busy.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    run.cancel();
    let error = run.wait().unwrap_err();
    drop(executor);
    assert_eq!(error.cause, RunCause::Cancelled);
    assert_eq!(error.report.count(TaskState::Cancelled), scene.tasks);
    scene.assert_clean(&error.report);
}
