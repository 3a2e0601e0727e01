//! What goes wrong while a run is under way. In every case: exactly one terminal event per planned task, the right answer
//! or a named error, every future let go once, and no temporary file, thread, open file or process left.

use std::time::{Duration, Instant};

use leafhold::run::process::{ProcessExecutor, ProcessWorkers};
use leafhold::run::{Executor, Outcome, RunCause, RunError, TaskState, TemporaryFolder};

use crate::behaviour::{ABORTS, BEGINS, EXITS, FAILS, FOLLOWS, HOLDS, PANICS, SLEEPS, WAITS};
use crate::kernels::Row;
use crate::plans::{Builder, numbers};
use crate::program::{Census, quick, signal, stop};
use crate::scene::{Scene, partitions, rows, states};

/// Numbers from a seed, the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (number ^ (number >> 31)) % limit
    }
}

/// Six partitions, in which every task takes a few milliseconds.
fn slow() -> Vec<Vec<Row>> {
    let mut partitions = partitions();
    partitions.iter_mut().for_each(|rows| rows.push(vec![SLEEPS, 3]));
    partitions
}

fn sorted(partitions: &[Vec<Row>]) -> Vec<Row> {
    let mut rows = partitions.concat();
    rows.sort();
    rows
}

/// The message of a run that lost a worker, and nothing else.
fn lost(error: &RunError) -> String {
    assert!(matches!(error.cause, RunCause::Lost { .. }), "{error}");
    assert!(error.report.count(TaskState::Lost) >= 1, "{:?}", states(&error.report));
    assert_eq!(error.report.count(TaskState::Failed), 0);
    error.to_string()
}

/// Runs a scene while somebody kills `kills` of its workers at moments that the seed decides.
fn run_with_kills(seed: u64, kills: usize, retries: u32) -> Result<Outcome, Box<RunError>> {
    let mut dice = Dice(seed);
    let mut scene = Scene::shuffle(&slow());
    let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_retries(retries);
    let result = std::thread::scope(|scope| {
        let census = scene.census.clone();
        scope.spawn(move || {
            for _ in 0..kills {
                std::thread::sleep(Duration::from_micros(dice.below(25_000)));
                let left = census.wait_for(1);
                signal("KILL", left[dice.below(left.len() as u64) as usize]);
            }
        });
        scene.run(executor)
    });
    let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
    scene.assert_clean(report);
    result
}

#[test]
fn fifty_runs_whose_workers_are_killed_give_the_right_answer_while_retries_are_left() {
    let mut retried = 0;
    for seed in 0..50 {
        let outcome = run_with_kills(seed, 3, 3).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(rows(&outcome), sorted(&slow()), "seed {seed}");
        for event in &outcome.report.tasks {
            assert_eq!(event.attempt as usize, event.attempts.len() + 1);
            assert!(
                event.attempts.iter().all(|attempt| attempt.error.message.contains("SIGKILL")),
                "{:?}",
                event.attempts
            );
            retried += event.attempts.len();
        }
    }
    assert!(retried > 10, "only {retried} attempts were lost: this tests nothing");
}

#[test]
fn fifty_runs_whose_workers_are_killed_give_the_right_answer_or_say_who_is_gone() {
    let mut failed = 0;
    for seed in 0..50 {
        match run_with_kills(1000 + seed, 1, 0) {
            Ok(outcome) => assert_eq!(rows(&outcome), sorted(&slow()), "seed {seed}"),
            Err(error) => {
                let message = lost(&error);
                assert!(message.contains("the worker process-") && message.contains("SIGKILL"), "{message}");
                failed += 1;
            }
        }
    }
    assert!(failed > 5, "only {failed} runs failed: this tests nothing");
}

/// A run whose first processes are of these modes.
fn run_that_begins(modes: &'static [&'static str], retries: u32) -> Result<Outcome, Box<RunError>> {
    let mut scene = Scene::shuffle(&partitions());
    let workers = scene.census.workers_that_begin(modes, 2);
    let result = scene.run(ProcessExecutor::new(workers).with_retries(retries));
    let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
    scene.assert_clean(report);
    result
}

#[test]
fn workers_that_break_the_protocol_are_named_and_replaced() {
    for (modes, words) in [
        (&["version", "version"], "the worker protocol has version 4 there and 3 here"),
        (&["wire", "wire"], "documents have format version 999 there and 1 here"),
        (&["stranger", "stranger"], "is this a Leafhold worker?"),
        (&["leaves", "leaves"], "its process ended (exit status: 0)"),
        (&["half", "half"], "its process ended (exit status: 0) in the middle of a message"),
        (&["half-stream", "half-stream"], "rows that cannot be read: the stream is cut off"),
        (&["garbage", "garbage"], "that says nothing"),
        (&["no-ports", "no-ports"], "it answers with rows for"),
        (&["twice", "twice"], "instead of rows"),
    ] {
        let message = lost(&run_that_begins(modes, 0).unwrap_err());
        assert!(message.contains(words), "{modes:?}: {message}");
        let outcome = run_that_begins(modes, 2).unwrap_or_else(|error| panic!("{modes:?}: {error}"));
        assert_eq!(rows(&outcome), sorted(&partitions()), "{modes:?}");
    }
}

#[test]
fn a_worker_that_hangs_is_replaced() {
    let silent = &["silent", "silent"];
    let message = lost(&run_that_begins(silent, 0).unwrap_err());
    assert!(message.contains("it gave no sign of life for 3s"), "{message}");
    assert_eq!(rows(&run_that_begins(silent, 2).unwrap()), sorted(&partitions()));
    // One that is stopped in the middle of a task.
    let mut scene = Scene::shuffle(&[vec![vec![SLEEPS, 300]], numbers(0..4)]);
    let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_retries(2);
    let outcome = std::thread::scope(|scope| {
        let census = scene.census.clone();
        scope.spawn(move || {
            let first = census.wait_for(1)[0];
            std::thread::sleep(Duration::from_millis(50));
            stop(first);
        });
        scene.run(executor).unwrap()
    });
    assert_eq!(rows(&outcome), [vec![vec![SLEEPS, 300]], numbers(0..4)].concat());
    scene.assert_clean(&outcome.report);
}

/// How a run of one bad row among good ones ends, on workers of a mode.
fn run_with(row: [i64; 2], mode: &'static str, retries: u32) -> Box<RunError> {
    let mut partitions = partitions();
    partitions[2].push(row.to_vec());
    let mut scene = Scene::shuffle(&partitions);
    let executor = ProcessExecutor::new(scene.census.workers(mode, 2)).with_retries(retries);
    let error = scene.run(executor).unwrap_err();
    scene.assert_clean(&error.report);
    error
}

#[test]
fn a_task_that_takes_its_process_down_is_lost_when_retries_are_used_up() {
    for (row, words) in [([EXITS, 0], "exit status: 0"), ([EXITS, 9], "exit status: 9"), ([ABORTS, 0], "SIGABRT")] {
        for retries in [0, 2] {
            let error = run_with(row, "honest", retries);
            let message = lost(&error);
            assert!(message.contains(words), "{message}");
            let event = error.report.tasks.iter().find(|event| event.state == TaskState::Lost).unwrap();
            assert_eq!((event.attempt, event.attempts.len()), (retries + 1, retries as usize));
            assert!(event.attempts.iter().all(|attempt| attempt.error.message.contains(words)), "{:?}", event.attempts);
            assert!(error.report.count(TaskState::UpstreamFailed) > 0);
        }
    }
}

#[test]
fn a_lost_task_is_tried_elsewhere_if_anybody_there_has_nothing_to_do() {
    // One task, and two workers.
    let mut builder = Builder::default();
    let read = builder.values(&[vec![vec![ABORTS, 0]]]);
    let root = builder.project(&read, &[0, 1]);
    let mut scene = Scene::of(builder, &root);
    let error = scene.run(ProcessExecutor::new(scene.census.workers("honest", 2)).with_retries(5)).unwrap_err();
    scene.assert_clean(&error.report);
    let [event] = &error.report.tasks[..] else { panic!("{:?}", error.report.tasks) };
    let mut workers: Vec<_> = event.attempts.iter().map(|attempt| attempt.worker.clone().unwrap()).collect();
    workers.extend(event.worker.clone());
    assert_eq!(workers.len(), 6);
    assert!(workers.windows(2).all(|pair| pair[0] != pair[1]), "{workers:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_task_that_outgrows_its_memory_takes_down_its_own_process_alone() {
    // The one begins when the other one has: each has a process.
    let beside = vec![vec![BEGINS, 0], vec![WAITS, 0]];
    let mut scene = Scene::shuffle(&[beside, vec![vec![FOLLOWS, 0], vec![HOLDS, 4000]], numbers(0..4)]);
    let executor = ProcessExecutor::new(scene.census.workers("honest-and-small", 2));
    let error = scene.run(executor.clone()).unwrap_err();
    let message = lost(&error);
    assert!(message.contains("SIGABRT") && message.contains("memory allocation of"), "{message}");
    assert_eq!(error.report.count(TaskState::Lost), 1, "{:?}", states(&error.report));
    let event = |partition: usize| error.report.tasks.iter().find(|event| event.partition == partition).unwrap();
    assert_eq!((event(1).state, event(1).attempt), (TaskState::Lost, 1));
    assert!(event(0).state == TaskState::Cancelled && event(0).started.is_some(), "{:?}", event(0));
    assert_eq!(scene.census.started().len(), 2, "nobody had to be replaced");
    assert_eq!(scene.census.left(), [scene.census.wait_for_begun(0)], "the other one waits for the next run");
    drop(executor);
    scene.assert_clean(&error.report);
}

#[test]
fn a_task_that_fails_or_panics_is_no_fault_of_its_worker() {
    for (row, kind, words) in
        [([FAILS, 7], "compute", "the kernel fails at 7"), ([PANICS, 7], "panic", "the kernel panics at 7")]
    {
        let error = run_with(row, "honest", 3);
        assert!(error.to_string().contains(words), "{error}");
        let failed: Vec<_> = error.report.tasks.iter().filter(|event| event.state == TaskState::Failed).collect();
        let [event] = failed.as_slice() else { panic!("{:?}", states(&error.report)) };
        let told = event.error.as_ref().unwrap();
        assert_eq!((told.kind.as_str(), event.attempt), (kind, 1), "it is not tried again");
        assert!(told.message.contains(words));
        assert!(told.trace.as_ref().unwrap().contains("behaviour.rs"), "{told:?}");
        assert!(error.report.count(TaskState::UpstreamFailed) > 0);
        assert_eq!(error.report.count(TaskState::Lost), 0);
    }
}

#[test]
fn a_dropped_run_stops_its_tasks_and_keeps_its_workers() {
    let mut scene = Scene::shuffle(&[vec![vec![WAITS, 0]], vec![vec![WAITS, 1]], numbers(0..4)]);
    let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_observer(scene.heard.clone());
    let run = executor.submit(scene.graph());
    scene.census.wait_for(2);
    drop(run);
    scene.assert_heard();
    scene.assert_let_go();
    assert_eq!(scene.census.left().len(), 2, "they wait for the next run");
    drop(executor);
    scene.assert_nothing_left();
}

#[test]
fn a_run_that_is_dropped_while_its_workers_start_leaves_nothing() {
    for pause in 0..20 {
        let mut scene = Scene::shuffle(&slow());
        let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_observer(scene.heard.clone());
        let run = executor.submit(scene.graph());
        drop(executor);
        std::thread::sleep(Duration::from_millis(pause));
        drop(run);
        scene.assert_heard();
        scene.assert_nothing_left();
    }
}

#[test]
fn a_cancelled_run_says_so_of_every_task() {
    let mut scene = Scene::shuffle(&[vec![vec![WAITS, 0]], vec![vec![WAITS, 1]], numbers(0..4)]);
    let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_observer(scene.heard.clone());
    let run = executor.submit(scene.graph());
    scene.census.wait_for(2);
    std::thread::sleep(Duration::from_millis(30));
    run.cancel();
    let error = run.wait().unwrap_err();
    assert_eq!(error.cause, RunCause::Cancelled);
    assert_eq!(states(&error.report), [(TaskState::Cancelled, scene.tasks)]);
    drop(executor);
    scene.assert_clean(&error.report);
}

#[test]
fn a_cancelled_run_whose_task_does_not_stop_is_over_without_the_process_of_that_task() {
    for dropped in [false, true] {
        // Only the second one listens.
        let deaf = vec![vec![BEGINS, 0], vec![SLEEPS, 120_000]];
        let mut scene = Scene::shuffle(&[deaf, vec![vec![BEGINS, 1], vec![WAITS, 0]], numbers(0..4)]);
        let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_observer(scene.heard.clone());
        let executor = executor.with_spill_target(TemporaryFolder::within(scene.census.temporary()));
        let run = executor.submit(scene.graph());
        let [deaf, other] = [0, 1].map(|number| scene.census.wait_for_begun(number));
        assert_ne!(deaf, other);
        let begun = Instant::now();
        let report = match dropped {
            true => {
                drop(run);
                None
            }
            false => {
                run.cancel();
                let error = run.wait().unwrap_err();
                assert_eq!(error.cause, RunCause::Cancelled);
                assert_eq!(states(&error.report), [(TaskState::Cancelled, scene.tasks)]);
                for event in &error.report.tasks {
                    assert_eq!((event.started.is_some(), event.attempts.len()), (event.attempt == 1, 0), "{event:?}");
                }
                let began: Vec<_> = error.report.tasks.iter().filter(|event| event.attempt == 1).collect();
                assert_eq!(began.iter().map(|event| event.partition).collect::<Vec<_>>(), [0, 1]);
                Some(error.report)
            }
        };
        let took = begun.elapsed();
        assert!(took >= quick().stop && took < Duration::from_secs(60), "it is given its time to stop: {took:?}");
        scene.assert_heard();
        scene.assert_let_go();
        assert_eq!(scene.census.left(), [other], "who stopped waits for the next run");
        assert_eq!(scene.census.started().len(), 2, "nobody is started for a run that is over");
        drop(executor);
        report.iter().for_each(|report| scene.assert_clean(report));
        scene.assert_nothing_left();
    }
}

#[test]
fn workers_serve_run_after_run() {
    let census = Census::new();
    let executor = ProcessExecutor::new(census.workers("honest", 2)).with_retries(1);
    for at in 0..10 {
        let mut scene = Scene::shuffle(&slow());
        let outcome = scene.run(executor.clone()).unwrap();
        assert_eq!(rows(&outcome), sorted(&slow()));
        if at == 4 {
            signal("KILL", census.left()[0]);
        }
    }
    assert_eq!(census.started().len(), 3, "two, and one for the one that was killed");
    drop(executor);
    census.assert_nobody_left();
}

#[test]
fn a_program_that_cannot_be_started_fails_the_run() {
    let mut scene = Scene::shuffle(&partitions());
    let kernels = std::sync::Arc::new(crate::behaviour::Behaving::default());
    let workers = ProcessWorkers::new(kernels, 2, || std::process::Command::new("/nowhere/leafhold"));
    let error = scene.run(ProcessExecutor::new(workers).with_retries(2)).unwrap_err();
    let message = lost(&error);
    assert!(message.contains("/nowhere/leafhold cannot be started"), "{message}");
    scene.assert_clean(&error.report);
}

#[test]
fn a_chain_of_ten_thousand_tasks_runs_and_its_report_says_so() {
    let mut builder = Builder::default();
    let mut at = builder.values(&[numbers(0..3)]);
    for _ in 0..10_000 {
        let next = builder.project(&at, &[1, 0]);
        at = builder.exchange(&next, leafhold::optimize::Partitioning::Replicated);
    }
    let mut scene = Scene::of(builder, &at);
    drop(at);
    assert!(scene.tasks >= 10_000, "{}", scene.tasks);
    let workers = scene.census.workers("honest", 2);
    let outcome = scene.run(ProcessExecutor::new(workers)).unwrap();
    assert_eq!(rows(&outcome), numbers(0..3));
    assert_eq!(outcome.report.count(TaskState::Ok), scene.tasks);
    assert_eq!(outcome.report.critical_path.len(), scene.tasks);
    assert!(outcome.report.tasks.iter().all(|event| event.host.is_some()), "each by a worker process");
    scene.assert_clean(&outcome.report);
}
