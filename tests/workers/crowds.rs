//! Several runs at a time on the worker processes of one executor.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leafhold::run::process::ProcessExecutor;
use leafhold::run::{Executor, Outcome, RunCause, RunError, TaskState, TemporaryFolder};

use crate::behaviour::{BEGINS, EXITS, FAILS, SLEEPS, WAITS};
use crate::plans::Builder;
use crate::program::{Census, signal};
use crate::run_scene::{Scene, partitions_with, shuffled};
use crate::scene::{Belongings, partitions, rows, states};

/// What becomes of a run among others.
#[derive(Clone, Copy)]
enum Fate {
    Ends,
    FindsRows,
    Fails,
    LosesItsWorker,
    IsCancelled,
}

const FATES: [Fate; 5] = [Fate::Ends, Fate::FindsRows, Fate::Fails, Fate::LosesItsWorker, Fate::IsCancelled];

impl Fate {
    /// The run that has it. Of all runs, this one has the number.
    fn scene(self, number: i64) -> Scene {
        let scene = match self {
            Fate::Ends => Scene::shuffle(&partitions()),
            // Values are the same in each run, so another one may have its rows.
            Fate::FindsRows => {
                let mut builder = Builder::default();
                let read = builder.values(&partitions());
                let sorted = shuffled(&builder, &read);
                Scene::of(builder, &sorted)
            }
            Fate::Fails => Scene::shuffle(&partitions_with([FAILS, number])),
            Fate::LosesItsWorker => Scene::shuffle(&partitions_with([EXITS, 7])),
            Fate::IsCancelled => {
                let mut partitions = partitions();
                partitions[2] = vec![vec![BEGINS, number], vec![WAITS, 0]];
                Scene::shuffle(&partitions)
            }
        };
        scene.beside_others()
    }

    fn run(
        self,
        scene: &mut Scene,
        number: i64,
        executor: ProcessExecutor,
        census: &Census,
    ) -> Result<Outcome, Box<RunError>> {
        if !matches!(self, Fate::IsCancelled) {
            return scene.run_on(executor);
        }
        let graph = scene.graph();
        let run = executor.with_observer(scene.heard.clone()).submit(graph);
        census.wait_for_begun(number);
        run.cancel();
        run.wait()
    }

    fn assert_met(self, number: i64, result: &Result<Outcome, Box<RunError>>) {
        match (self, result) {
            (Fate::Ends | Fate::FindsRows, Ok(outcome)) => assert_eq!(rows(outcome), partitions().concat()),
            (Fate::Fails, Err(error)) => {
                assert!(matches!(error.cause, RunCause::Kernel { partition: 2, .. }), "{error}");
                assert!(error.to_string().contains(&format!("the kernel fails at {number}")), "{error}");
            }
            (Fate::LosesItsWorker, Err(error)) => {
                assert!(matches!(error.cause, RunCause::Lost { partition: 2, .. }), "{error}");
                assert!(error.to_string().contains("exit status: 7"), "{error}");
                assert_eq!(error.report.count(TaskState::Lost), 1, "{:?}", states(&error.report));
            }
            (Fate::IsCancelled, Err(error)) => assert_eq!(error.cause, RunCause::Cancelled),
            (_, Ok(outcome)) => panic!("run {number} ends well: {:?}", states(&outcome.report)),
            (_, Err(error)) => panic!("run {number}: {error}"),
        }
    }
}

#[test]
fn many_runs_from_many_threads_share_the_processes_of_one_executor() {
    let belongings = Belongings::now();
    let census = Census::new();
    let executor = ProcessExecutor::new(census.workers("honest", 3));
    let executor = executor.with_spill_target(TemporaryFolder::within(census.temporary()));
    std::thread::scope(|scope| {
        for at in 0..5 {
            let (executor, census) = (executor.clone(), &census);
            scope.spawn(move || {
                for (round, fate) in FATES.into_iter().cycle().skip(at).take(10).enumerate() {
                    let number = (at * 10 + round) as i64;
                    let mut scene = fate.scene(number);
                    let result = fate.run(&mut scene, number, executor.clone(), census);
                    fate.assert_met(number, &result);
                    let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
                    for name in report.tasks.iter().filter_map(|event| event.worker.as_deref()) {
                        assert!(["process-0", "process-1", "process-2"].contains(&name), "{name}");
                    }
                    scene.assert_clean(report);
                }
            });
        }
    });
    let replaced = census.started().len() - census.left().len();
    assert_eq!(replaced, 10, "as many as have left of themselves");
    drop(executor);
    census.assert_nobody_left();
    belongings.assert_given_back();
}

/// No task can be lost more often.
const KILLS: usize = 20;

#[test]
fn runs_beside_others_give_the_right_answer_when_processes_of_all_of_them_are_killed() {
    let belongings = Belongings::now();
    let census = Census::new();
    let executor = ProcessExecutor::new(census.workers("honest", 3)).with_retries(KILLS as u32);
    let retried = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (executor, retried) = (executor.clone(), &retried);
            scope.spawn(move || {
                for _ in 0..5 {
                    let mut slow = partitions();
                    slow.iter_mut().for_each(|rows| rows.push(vec![SLEEPS, 5]));
                    let mut scene = Scene::shuffle(&slow).beside_others();
                    let outcome = scene.run_on(executor.clone()).unwrap_or_else(|error| panic!("{error}"));
                    let mut expected = slow.concat();
                    expected.sort();
                    assert_eq!(rows(&outcome), expected);
                    let attempts = outcome.report.tasks.iter().flat_map(|event| &event.attempts);
                    retried.fetch_add(attempts.count(), Ordering::SeqCst);
                    scene.assert_clean(&outcome.report);
                }
            });
        }
        scope.spawn(|| {
            for at in 0..KILLS {
                std::thread::sleep(Duration::from_millis(40));
                let there = census.left();
                there.get(at % there.len().max(1)).into_iter().for_each(|process| signal("KILL", *process));
            }
        });
    });
    let retried = retried.into_inner();
    assert!(retried > 2, "only {retried} attempts were lost: this tests nothing");
    drop(executor);
    census.assert_nobody_left();
    belongings.assert_given_back();
}
