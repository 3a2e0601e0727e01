//! Panics in a worker process beside its kernels: of a codec, and of what kernels have left there.

use std::sync::Arc;

use leafhold::run::process::ProcessExecutor;
use leafhold::run::{Executor, FragmentError, RunCause, StageState, TaskContext, TaskState, Workers};

use crate::attempts::{Task, rows, swapped};
use crate::behaviour::BOMBS;
use crate::functions::{self, Functions};
use crate::plans::numbers;
use crate::program::Census;
use crate::scene::{partitions, states};

#[test]
fn a_codec_that_panics_is_an_answer_and_its_worker_goes_on() {
    let census = Census::new();
    let workers = census.workers("honest", 1).with_codec(Arc::new(Functions));
    let mut worker = workers.worker(0);
    let task = Task::of(functions::fragment(functions::PANICS));
    for _ in 0..2 {
        let envelope = task.run(&mut *worker, &numbers(0..2)).unwrap();
        assert_eq!(envelope.result.unwrap_err(), FragmentError::Panic("the codec panics".into()));
        let trace = envelope.trace.unwrap();
        assert!(trace.contains("functions.rs"), "{trace}");
        assert_eq!(rows(Task::new().run(&mut *worker, &numbers(0..2))), swapped(0..2));
    }
    assert_eq!(census.started().len(), 1);
    drop(worker);
    census.assert_nobody_left();
}

#[test]
fn a_run_whose_workers_panic_as_they_read_its_fragment_fails() {
    let census = Census::new();
    let executor = ProcessExecutor::new(census.workers("honest", 2).with_codec(Arc::new(Functions)));
    let graph = functions::graph(functions::PANICS, &partitions());
    let error = executor.submit(graph).wait().unwrap_err();
    assert!(matches!(error.cause, RunCause::Panic { .. }), "{error:?}");
    assert!(error.to_string().contains("the codec panics"), "{error}");
    assert!(error.report.count(TaskState::Failed) > 0, "{:?}", states(&error.report));
    drop(executor);
    census.assert_nobody_left();
}

#[test]
fn what_a_stage_shares_and_that_panics_as_it_goes_is_no_fault_of_its_worker() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let in_stage = |stage: &StageState| Task {
        context: TaskContext { stage: stage.clone(), ..TaskContext::default() },
        ..Task::new()
    };
    for _ in 0..2 {
        // Of tasks that are alone it goes with each of them, of others when the driver says so.
        let stages = [StageState::new([]), StageState::new([0]), StageState::new([0])];
        for stage in &stages {
            let given = rows(in_stage(stage).run(&mut *worker, &[vec![BOMBS, 0]]));
            assert_eq!(given, [[0, BOMBS]]);
        }
        drop(stages);
        worker.rest();
    }
    let envelope = Task::new().run(&mut *worker, &numbers(0..2)).unwrap();
    assert_eq!(envelope.trace, None, "what went is none of the next task's");
    assert_eq!(rows(Ok(envelope)), swapped(0..2));
    assert_eq!(census.started().len(), 1);
    drop(worker);
    census.assert_nobody_left();
}
