//! Attempts that do not count, and those that follow them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use leafhold::lower::Fragment;
use leafhold::run::{
    Attempt, Envelope, Executor, ExecutorOptions, KernelError, Kernels, LocalExecutor, Measured, PoolExecutor,
    RunCause, SlotData, TaskContext, TaskOutput, TaskState, Worker, WorkerLost, Workers, run_fragment,
};
use parking_lot::Mutex;

use crate::kernels::RowKernels;
use crate::scene::{Scene, partitions, rows, states};

/// Kernels that fail so many times at each task before they do it.
pub struct Unlucky {
    times: usize,
    tried: Mutex<HashMap<(String, usize), usize>>,
    rows: RowKernels,
}

impl Unlucky {
    pub fn new(times: usize) -> Self {
        Unlucky { times, tried: Mutex::default(), rows: RowKernels::default() }
    }
}

impl Kernels for Unlucky {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let mut tried = self.tried.lock();
        let times = tried.entry((fragment.token.to_string(), context.partition)).or_default();
        *times += 1;
        match *times <= self.times {
            true => Err(KernelError::Compute(format!("no luck, time {times}"))),
            false => {
                drop(tried);
                self.rows.run(fragment, inputs, context)
            }
        }
    }
}

#[test]
fn failures_are_tried_again_when_that_is_asked_for() {
    for (times, retries) in [(2, 2), (2, 1), (1, 0)] {
        let mut scene = Scene::shuffle(&partitions());
        let options = ExecutorOptions::default().with_retries(retries).with_failures_retried();
        let executor = LocalExecutor::new(Arc::new(Unlucky::new(times)), 2);
        let result = executor.with_options(options.with_observer(scene.heard.clone())).submit(scene.graph()).wait();
        match result {
            Ok(outcome) => {
                assert!(times <= retries as usize);
                assert_eq!(rows(&outcome).len(), 24);
                for event in &outcome.report.tasks {
                    assert_eq!((event.attempt, event.attempts.len()), (3, 2));
                    for (before, number) in event.attempts.iter().zip(1..) {
                        assert_eq!(before.number, number);
                        assert!(before.error.message.ends_with(&format!("no luck, time {number}")), "{before:?}");
                        assert!(before.started.unwrap() <= before.ended && before.ended <= event.started.unwrap());
                    }
                }
                scene.assert_clean(&outcome.report);
            }
            Err(error) => {
                assert!(times > retries as usize);
                // Others may fail while the run already ends: nothing is tried again then.
                let failed = error.report.tasks.iter().filter(|event| event.state == TaskState::Failed);
                let most = failed.map(|event| (event.attempt, event.attempts.len())).max();
                assert_eq!(most, Some((retries + 1, retries as usize)));
                scene.assert_clean(&error.report);
            }
        }
    }
}

#[test]
fn failures_are_not_tried_again_unless_that_is_asked_for() {
    let mut scene = Scene::shuffle(&partitions());
    let executor = LocalExecutor::new(Arc::new(Unlucky::new(1)), 1).with_retries(5);
    let error = executor.with_observer(scene.heard.clone()).submit(scene.graph()).wait().unwrap_err();
    assert!(matches!(error.cause, RunCause::Kernel { .. }), "{error}");
    assert_eq!(error.report.tasks.iter().map(|event| event.attempt).max(), Some(1));
    scene.assert_clean(&error.report);
}

/// Workers that go away so many times at tasks of partition 1.
struct Moody {
    times: u32,
}

struct MoodyWorker {
    times: u32,
    name: Arc<str>,
}

impl Workers for Moody {
    fn slots(&self) -> usize {
        2
    }
    fn name(&self, slot: usize) -> String {
        format!("moody-{slot}")
    }
    fn worker(&self, slot: usize) -> Box<dyn Worker> {
        Box::new(MoodyWorker { times: self.times, name: self.name(slot).into() })
    }
}

impl Worker for MoodyWorker {
    fn run(&mut self, attempt: Attempt<'_>) -> Result<Envelope, WorkerLost> {
        let started = attempt.clock.now();
        if attempt.context.partition == 1 && attempt.number <= self.times {
            let (worker, cause) = (self.name.clone(), "it went home".to_owned());
            return Err(WorkerLost { worker, host: None, cause, started: None, ended: attempt.clock.now() });
        }
        let kernels = RowKernels::default();
        let result = run_fragment(&kernels, attempt.fragment, attempt.inputs, &attempt.context);
        let measured = Measured {
            worker: self.name.clone(),
            host: Some("elsewhere".into()),
            started,
            ended: attempt.clock.now(),
            transfer: Duration::from_micros(7),
            peak_memory: Some(1 << 20),
            // What it says need not be so, and is no reason to panic.
            spilled_bytes: u64::MAX,
            observed: Default::default(),
        };
        Ok(Envelope { result, measured, trace: None })
    }
}

#[test]
fn a_worker_that_goes_away_loses_its_attempt_and_another_one_follows() {
    for (times, retries) in [(1, 1), (2, 3), (1, 0)] {
        let mut scene = Scene::shuffle(&partitions());
        let executor = PoolExecutor::of(Moody { times }).with_retries(retries);
        match scene.run_on(executor) {
            Ok(outcome) => {
                assert!(times <= retries);
                assert_eq!(rows(&outcome).len(), 24);
                for event in outcome.report.tasks.iter().filter(|event| event.partition == 1) {
                    assert_eq!((event.attempt, event.attempts.len() as u32), (times + 1, times));
                    let said = &event.attempts[0].error.message;
                    assert!(said.contains("it went home") && !said.contains("more retries"), "{event:?}");
                    assert_eq!(event.attempts[0].started, None, "nobody heard that it had started");
                }
                let text = outcome.report.to_text();
                assert!(text.contains("\nretried (worker-lost): attempt 1 of stage 0 partition 1 on moody-"), "{text}");
                let event = &outcome.report.tasks[0];
                assert_eq!((event.host.as_deref(), event.peak_memory), (Some("elsewhere"), Some(1 << 20)));
                assert_eq!(event.transfer, Duration::from_micros(7));
                scene.assert_clean(&outcome.report);
            }
            Err(error) => {
                assert!(times > retries);
                let RunCause::Lost { cause, partition: 1, .. } = &error.cause else { panic!("{error}") };
                assert_eq!(cause, "it went home");
                let lost = error.report.tasks.iter().find(|event| event.state == TaskState::Lost).unwrap();
                let error_of_task = lost.error.as_ref().unwrap();
                assert_eq!(error_of_task.kind, "worker-lost");
                assert!(error_of_task.message.ends_with("; more retries would try it again"), "{error_of_task}");
                assert!(error.report.count(TaskState::UpstreamFailed) >= 1, "{:?}", states(&error.report));
                scene.assert_clean(&error.report);
            }
        }
    }
}
