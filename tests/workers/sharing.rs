//! Rows that many tasks read are sent to each process once, and kept there as long as somebody may read them.

use std::sync::Arc;

use leafhold::lower::lower;
use leafhold::optimize::Partitioning;
use leafhold::run::process::ProcessExecutor;
use leafhold::run::{
    Attempt, Executor, ExecutorOptions, LocalExecutor, RunClock, TaskContext, TaskState, Worker, Workers,
};

use crate::attempts::fragment;
use crate::behaviour::{Behaving, EXITS};
use crate::functions::{self, Functions};
use crate::kernels::{Row, rows_of};
use crate::plans::{Builder, batch, numbers};
use crate::program::{Census, signal};
use crate::run_scene::shuffled;
use crate::scene::{Scene, partitions, rows, states};

const PROBES: i64 = 20;

/// The numbers below a thousand, joined with so many partitions of a few of them.
fn broadcast_join() -> Scene {
    let mut builder = Builder::default();
    let build = builder.delayed(&[numbers(0..1000)]);
    let probes: Vec<Vec<Row>> = (0..PROBES).map(|at| numbers(at * 3..at * 3 + 3)).collect();
    let probe = builder.delayed(&probes);
    let everywhere = builder.exchange(&build, Partitioning::Replicated);
    let joined = builder.join(&probe, &everywhere);
    let root = builder.exchange(&joined, Partitioning::Single);
    drop((build, probe, everywhere, joined));
    Scene::of(builder, &root)
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

#[test]
fn law_g4_rows_that_many_tasks_read_are_sent_once_per_process() {
    let mut scene = broadcast_join();
    let expected = LocalExecutor::new(Arc::new(Behaving::default()), 1).submit(scene.graph()).wait().unwrap();
    // Two columns of a thousand integers.
    let once = 16_000;
    for (processes, limit) in [(1, None), (2, None), (2, Some(0))] {
        let mut scene = broadcast_join();
        let census = scene.census.clone();
        let executor = ProcessExecutor::new(census.workers("counts", processes));
        let options = ExecutorOptions { memory_limit: limit, ..ExecutorOptions::default() };
        let outcome = scene.run(executor.with_options(options)).unwrap();
        assert_eq!(sorted(rows(&outcome)), sorted(rows(&expected)));
        let (heard, processes) = (census.heard(), census.started().len() as u64);
        match limit {
            // The rows are few beside what goes with each task.
            None => assert!(heard > once && heard < (processes + 1) * once + 60_000, "{heard} bytes for {processes}"),
            // What is in a file is kept nowhere.
            Some(_) => assert!(heard > PROBES as u64 * once, "{heard} bytes"),
        }
        scene.assert_clean(&outcome.report);
    }
}

#[test]
fn rows_that_somebody_holds_are_not_computed_again() {
    let mut builder = Builder::default();
    let read = builder.values(&partitions());
    let sorted = shuffled(&builder, &read);
    let plan = builder.plan(&sorted);
    let census = Census::new();
    let executor = ProcessExecutor::new(census.workers("counts", 1));
    let run = || executor.submit(lower(&plan).unwrap()).wait().unwrap();
    let first = run();
    let (outputs, tasks, heard) = (first.partitions.len(), first.report.tasks.len(), census.heard());
    assert_eq!(states(&first.report), [(TaskState::Ok, tasks)]);
    // Nobody is asked, and it is no matter whether the process that made them is there.
    for _ in 0..2 {
        let again = run();
        let expected = [(TaskState::Cached, outputs), (TaskState::Skipped, tasks - outputs)];
        assert_eq!((states(&again.report), census.heard()), (expected.to_vec(), heard));
        let cached = again.report.tasks.iter().find(|event| event.state == TaskState::Cached).unwrap();
        assert_eq!((cached.rows, cached.worker.as_deref(), cached.attempt), (24, None, 0));
        assert_eq!(rows(&again), rows(&first));
        census.started().into_iter().for_each(|process| signal("KILL", process));
    }
    let expected = rows(&first);
    drop(first);
    let retried = executor.clone().with_retries(1).submit(lower(&plan).unwrap()).wait().unwrap();
    assert_eq!((states(&retried.report), rows(&retried)), (vec![(TaskState::Ok, tasks)], expected));
    drop((retried, executor));
    census.assert_nobody_left();
}

#[test]
fn law_g4_rows_are_sent_again_when_their_process_is_new_or_has_dropped_them() {
    let (fragment, clock) = (fragment(), RunClock::start());
    let rows = |row: Row| Arc::new(vec![batch(&[row])]);
    let run = |worker: &mut dyn Worker, rows: &Arc<_>| {
        worker.run(Attempt {
            task: 0,
            number: 1,
            stage: 0,
            token: fragment.token,
            observers: &[],
            fragment: &fragment,
            inputs: vec![vec![Arc::clone(rows)]],
            bytes_in: 0,
            shared: vec![(0, 0)],
            context: TaskContext::default(),
            clock,
        })
    };
    let census = Census::new();
    let workers = census.workers("counts", 1);
    let mut worker = workers.worker(0);
    let gives = |worker: &mut dyn Worker, rows: &Arc<_>, expected: &[i64]| {
        let envelope = run(worker, rows).unwrap();
        assert_eq!(rows_of(&envelope.result.unwrap().ports[0]), [expected]);
    };
    let (first, second) = (rows(vec![1, 2]), rows(vec![3, 4]));
    for _ in 0..3 {
        gives(&mut *worker, &first, &[2, 1]);
        gives(&mut *worker, &second, &[4, 3]);
    }
    // Others are never taken for rows that are gone, wherever they are in memory.
    drop(first);
    worker.rest();
    for at in 0..20 {
        gives(&mut *worker, &rows(vec![at, 5]), &[5, at]);
        gives(&mut *worker, &second, &[4, 3]);
    }
    run(&mut *worker, &rows(vec![EXITS, 0])).unwrap_err();
    gives(&mut *worker, &second, &[4, 3]);
    gives(&mut *worker, &second, &[4, 3]);
    drop(worker);
    assert_eq!(census.started().len(), 2);
    census.assert_nobody_left();
}

#[test]
fn law_g4_rows_that_came_with_a_fragment_that_cannot_be_read_are_there_when_it_can() {
    let (fragment, clock) = (functions::fragment(functions::FAILS_ONCE), RunClock::start());
    let rows = Arc::new(vec![batch(&[vec![1, 2]])]);
    let census = Census::new();
    let workers = census.workers("counts", 1).with_codec(Arc::new(Functions));
    let mut worker = workers.worker(0);
    let mut run = || {
        let attempt = Attempt {
            task: 0,
            number: 1,
            stage: 0,
            token: fragment.token,
            observers: &[],
            fragment: &fragment,
            inputs: vec![vec![Arc::clone(&rows)]],
            bytes_in: 0,
            shared: vec![(0, 0)],
            context: TaskContext::default(),
            clock,
        };
        worker.run(attempt).unwrap().result
    };
    let error = run().unwrap_err();
    assert!(error.to_string().contains("the codec fails"), "{error}");
    for _ in 0..2 {
        assert_eq!(rows_of(&run().unwrap().ports[0]), [[1, 2]]);
    }
    drop(worker);
    assert_eq!(census.started().len(), 1);
    census.assert_nobody_left();
}
