//! Panics where none should be: of a worker, and of foreign code that runs in the driver as data go.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use leafhold::lower::Fragment;
use leafhold::run::{
    Attempt, Envelope, ExecutorOptions, FragmentError, KernelError, Kernels, LocalExecutor, Measured, PoolExecutor,
    RunCause, RunClock, RunReport, SlotData, SpillFile, SpillTarget, TaskContext, TaskOutput, TaskState,
    TemporaryFolder, Worker, WorkerLost, Workers, run_fragment,
};

use crate::kernels::RowKernels;
use crate::scene::{Belongings, Scene, partitions, rows, states};

/// The workers of an executor one of which panics at partition 1, as soon as partition 0 is at work. That goes on until it
/// is to stop, and then says so, or that it has failed.
#[derive(Clone)]
struct Panicky {
    stops: bool,
    at_work: Arc<AtomicBool>,
}

impl Workers for Panicky {
    fn slots(&self) -> usize {
        2
    }
    fn name(&self, slot: usize) -> String {
        format!("panicky-{slot}")
    }
    fn worker(&self, _: usize) -> Box<dyn Worker> {
        Box::new(self.clone())
    }
}

/// Waits for what comes in any case.
fn wait_until(what: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !what() {
        assert!(Instant::now() < until, "it never comes");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn measured(clock: RunClock, started: Duration) -> Measured {
    Measured {
        worker: "panicky".into(),
        host: None,
        started,
        ended: clock.now(),
        transfer: Duration::ZERO,
        peak_memory: None,
        spilled_bytes: 0,
        observed: Default::default(),
    }
}

impl Worker for Panicky {
    fn run(&mut self, attempt: Attempt<'_>) -> Result<Envelope, WorkerLost> {
        let started = attempt.clock.now();
        let result = match attempt.context.partition {
            0 => {
                self.at_work.store(true, Ordering::SeqCst);
                wait_until(|| attempt.context.is_cancelled());
                Err(FragmentError::Kernel(match self.stops {
                    true => KernelError::Cancelled,
                    false => KernelError::Compute("it fails instead".into()),
                }))
            }
            1 => {
                wait_until(|| self.at_work.swap(false, Ordering::SeqCst));
                panic!("a worker panics");
            }
            _ => run_fragment(&RowKernels::default(), attempt.fragment, attempt.inputs, &attempt.context),
        };
        let measured = measured(attempt.clock, started);
        Ok(Envelope { result, measured, trace: None })
    }
}

#[test]
fn a_worker_that_panics_ends_the_run_and_the_pool_goes_on() {
    for stops in [true, false] {
        let belongings = Belongings::now();
        let executor = PoolExecutor::of(Panicky { stops, at_work: Arc::default() });
        for _ in 0..3 {
            let mut scene = Scene::shuffle(&partitions()).beside_others();
            let error = scene.run_on(executor.clone()).unwrap_err();
            assert_eq!(error.cause, RunCause::Worker("a worker panics".to_owned()));
            let report = &error.report;
            let event = |partition: usize| report.tasks.iter().find(|event| event.partition == partition).unwrap();
            // Nobody answered for its task: that ended with the run, as all did that had not ended before.
            assert_eq!((event(1).state, event(1).started), (TaskState::Cancelled, None));
            let expected = if stops { TaskState::Cancelled } else { TaskState::Failed };
            assert!(event(0).state == expected && event(0).started.is_some(), "{:?}", event(0));
            assert_eq!(report.count(TaskState::Failed), usize::from(!stops), "{:?}", states(report));
            scene.assert_clean(report);
        }
        drop(executor);
        belongings.assert_given_back();
    }
}

/// The one worker of an executor, which panics when it is made, or when it has nothing to do: the first time.
#[derive(Clone)]
struct Touchy {
    when_made: bool,
    kernels: Arc<RowKernels>,
    panicked: Arc<AtomicBool>,
}

impl Touchy {
    fn panic_once(&self) {
        assert!(self.panicked.swap(true, Ordering::SeqCst), "a worker is touchy");
    }
}

impl Workers for Touchy {
    fn slots(&self) -> usize {
        1
    }
    fn name(&self, slot: usize) -> String {
        format!("touchy-{slot}")
    }
    fn worker(&self, _: usize) -> Box<dyn Worker> {
        if self.when_made {
            self.panic_once();
        }
        Box::new(self.clone())
    }
}

impl Worker for Touchy {
    fn run(&mut self, attempt: Attempt<'_>) -> Result<Envelope, WorkerLost> {
        let started = attempt.clock.now();
        let result = run_fragment(&*self.kernels, attempt.fragment, attempt.inputs, &attempt.context);
        let measured = measured(attempt.clock, started);
        Ok(Envelope { result, measured, trace: None })
    }
    fn rest(&mut self) {
        if !self.when_made {
            self.panic_once();
        }
    }
}

#[test]
fn a_worker_that_panics_before_or_after_its_tasks_is_followed_by_another_one() {
    for when_made in [true, false] {
        let panicked = Arc::<AtomicBool>::default();
        let executor = PoolExecutor::of(Touchy { when_made, kernels: Arc::default(), panicked: panicked.clone() });
        let mut first = Scene::shuffle(&partitions()).beside_others();
        let result = first.run_on(executor.clone());
        match result {
            Ok(outcome) => first.assert_clean(&outcome.report),
            Err(error) => {
                assert!(when_made, "{error}");
                assert_eq!(error.cause, RunCause::Worker("a worker is touchy".to_owned()));
                first.assert_clean(&error.report);
            }
        }
        wait_until(|| panicked.load(Ordering::SeqCst));
        let mut second = Scene::shuffle(&partitions()).beside_others();
        let outcome = second.run_on(executor).unwrap();
        assert_eq!(rows(&outcome).len(), 24);
        second.assert_clean(&outcome.report);
    }
}

const WORDS: &str = "what foreign code holds panics as it goes";

/// What panics when it goes, while it should.
struct Bomb(Arc<AtomicBool>);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0.load(Ordering::SeqCst), "{WORDS}");
    }
}

/// Kernels whose stages share something that panics when it goes: those with this word in their label.
struct Sharing {
    label: &'static str,
    panics: Arc<AtomicBool>,
}

impl Kernels for Sharing {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        if fragment.label.contains(self.label) {
            context.stage.get_or_init(|| Bomb(self.panics.clone()));
        }
        RowKernels::default().run(fragment, inputs, context)
    }
}

/// A run that goes wrong for want of a better driver's code, one after it on the same executor that does not, and what must
/// hold of both.
fn run_twice(executor: impl Fn() -> LocalExecutor, panics: &AtomicBool) -> RunReport {
    let belongings = Belongings::now();
    let executor = executor();
    panics.store(true, Ordering::SeqCst);
    let mut scene = Scene::shuffle(&partitions()).beside_others();
    let error = scene.run_on(executor.clone()).unwrap_err();
    assert_eq!(error.cause, RunCause::Worker(WORDS.to_owned()));
    scene.assert_clean(&error.report);
    panics.store(false, Ordering::SeqCst);
    let mut again = Scene::shuffle(&partitions()).beside_others();
    let outcome = again.run_on(executor.clone()).unwrap();
    assert_eq!(rows(&outcome), partitions().concat());
    again.assert_clean(&outcome.report);
    drop((executor, outcome));
    belongings.assert_given_back();
    error.report
}

#[test]
fn what_a_stage_shares_and_that_panics_as_it_goes_ends_the_run_and_the_pool_goes_on() {
    for threads in [1, 2] {
        // That of all stages; that of the last one.
        for label in ["", "sort"] {
            let panics = Arc::new(AtomicBool::new(true));
            let kernels = Arc::new(Sharing { label, panics: panics.clone() });
            let report = run_twice(|| LocalExecutor::new(kernels.clone(), threads), &panics);
            let states = states(&report);
            assert!(
                states.iter().all(|(state, _)| [TaskState::Ok, TaskState::Cancelled].contains(state)),
                "{states:?}"
            );
            assert_eq!(report.count(TaskState::Cancelled) > 0, label.is_empty(), "{states:?}");
        }
    }
}

/// A folder for files that panic when they go.
struct Bombs(TemporaryFolder, Arc<AtomicBool>);

struct FileWithBomb(Box<dyn SpillFile>, #[allow(dead_code)] Bomb);

impl SpillTarget for Bombs {
    fn create(&self) -> io::Result<Box<dyn SpillFile>> {
        Ok(Box::new(FileWithBomb(self.0.create()?, Bomb(self.1.clone()))))
    }
}

impl SpillFile for FileWithBomb {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        self.0.write_at(bytes, place)
    }
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        self.0.read_at(buffer, place)
    }
}

#[test]
fn a_file_that_panics_as_it_goes_ends_the_run_and_the_pool_goes_on() {
    for threads in [1, 2] {
        let panics = Arc::new(AtomicBool::new(true));
        let options = ExecutorOptions::default().with_memory_limit(1);
        let options = options.with_spill_target(Bombs(TemporaryFolder::default(), panics.clone()));
        let kernels = Arc::new(RowKernels::default());
        let report = run_twice(|| LocalExecutor::new(kernels.clone(), threads).with_options(options.clone()), &panics);
        assert!(report.spilled_bytes > 0, "nothing was in files");
    }
}
