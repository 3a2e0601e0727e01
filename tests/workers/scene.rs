//! A run on worker processes, and what must hold however it ends.

use std::sync::Arc;

use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::{Partitioning, Plan};
use leafhold::run::process::ProcessExecutor;
use leafhold::run::{Executor, Observer, Outcome, RunError, RunReport, Submitted, TaskEvent, TaskState};
use parking_lot::Mutex;

use crate::kernels::{Row, rows_of};
use crate::plans::{Builder, Counts, numbers};
use crate::program::Census;
use crate::trace_format::check_report;

/// What an observer hears of one run.
#[derive(Default)]
pub struct Heard {
    pub submitted: Mutex<Vec<usize>>,
    pub ended: Mutex<Vec<usize>>,
    pub finished: Mutex<usize>,
}

impl Observer for Heard {
    fn on_submit(&self, submitted: &Submitted) {
        self.submitted.lock().push(submitted.tasks);
    }
    fn on_event(&self, event: &TaskEvent) {
        self.ended.lock().push(event.task);
    }
    fn on_finish(&self, _: &RunReport) {
        *self.finished.lock() += 1;
    }
}

/// Threads and open files of this process: what a run must give back. Only nextest gives every test a
/// process of its own; elsewhere there is nothing to compare.
fn belongings() -> Option<(usize, usize)> {
    std::env::var_os("NEXTEST")?;
    let count = |folder: &str| std::fs::read_dir(folder).ok().map(Iterator::count);
    Some((count("/proc/self/task")?, count("/proc/self/fd")?))
}

/// Leftovers of this process in the folder for temporary files.
fn temporary_files() -> Vec<std::ffi::OsString> {
    let mine = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name.starts_with("leafhold") && name.contains(&std::process::id().to_string())
    };
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap();
    entries.filter_map(|entry| Some(entry.ok()?.file_name())).filter(mine).collect()
}

/// A run that will be, and what it should give.
pub struct Scene {
    pub census: Arc<Census>,
    pub counts: Arc<Counts>,
    pub heard: Arc<Heard>,
    pub tasks: usize,
    graph: Option<TaskGraph>,
    belongings: Option<(usize, usize)>,
}

impl Scene {
    /// A scene of some plan, of which nothing else is kept.
    pub fn of(builder: Builder, root: &crate::plans::Node) -> Self {
        // The thread that releases futures is there for good.
        leafhold::leaf::release::drain();
        let belongings = belongings();
        let counts = builder.counts.clone();
        let plan: Plan = builder.plan(root);
        let graph = lower(&plan).unwrap();
        let (census, heard, tasks) = (Census::new(), Arc::new(Heard::default()), graph.len());
        Scene { census, counts, heard, tasks, graph: Some(graph), belongings }
    }

    /// Futures of some partitions, hashed into three, each sorted.
    pub fn shuffle(partitions: &[Vec<Row>]) -> Self {
        let mut builder = Builder::default();
        let read = builder.delayed(partitions);
        let hashed = builder.hashed(&read);
        let single = builder.exchange(&hashed, Partitioning::Single);
        let sorted = builder.sorted(&single, None);
        drop((read, hashed, single));
        Scene::of(builder, &sorted)
    }

    pub fn graph(&mut self) -> TaskGraph {
        self.graph.take().unwrap()
    }

    /// Runs the scene to its end on these workers.
    pub fn run(&mut self, executor: ProcessExecutor) -> Result<Outcome, Box<RunError>> {
        let graph = self.graph();
        executor.with_observer(self.heard.clone()).submit(graph).wait()
    }

    /// What holds of every run, once its executor is gone: every task ended once, every future was let go once, nothing is
    /// left of processes, files and threads.
    pub fn assert_clean(&self, report: &RunReport) {
        assert_eq!(report.tasks.len(), self.tasks);
        let each_once: Vec<usize> = (0..self.tasks).collect();
        assert_eq!(report.tasks.iter().map(|event| event.task).collect::<Vec<_>>(), each_once, "law T1");
        let mut ended = self.heard.ended.lock().clone();
        ended.sort_unstable();
        assert_eq!(ended, each_once, "law T1, as observers hear it");
        assert_eq!(*self.heard.finished.lock(), 1);
        // Law F1, of workers that died and tasks that were tried again, too.
        check_report(report);
        self.assert_nothing_left();
    }

    /// The same without a report.
    pub fn assert_nothing_left(&self) {
        self.census.assert_nobody_left();
        assert_eq!(self.counts.live(), 0, "law L2: every future was let go");
        let (created, released) = (&self.counts.created, &self.counts.released);
        let count = |counter: &std::sync::atomic::AtomicUsize| counter.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(count(created), count(released), "once");
        assert_eq!(temporary_files(), Vec::<std::ffi::OsString>::new());
        if let Some((threads, files)) = self.belongings {
            // A thread that was joined may still stand in the list for a moment.
            let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
            let more = || belongings().is_some_and(|now| now.0 > threads || now.1 > files);
            while more() && std::time::Instant::now() < until {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            let (now_threads, now_files) = belongings().unwrap();
            assert!(now_threads <= threads, "threads: {threads} before, {now_threads} after");
            assert!(now_files <= files, "open files: {files} before, {now_files} after");
        }
    }
}

/// The rows of all partitions.
pub fn rows(outcome: &Outcome) -> Vec<Row> {
    outcome.partitions.iter().flat_map(|partition| rows_of(partition)).collect()
}

/// How many tasks ended in each of the states that occur.
pub fn states(report: &RunReport) -> Vec<(TaskState, usize)> {
    let counts = TaskState::ALL.into_iter().map(|state| (state, report.count(state)));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// Six partitions of four rows.
pub fn partitions() -> Vec<Vec<Row>> {
    (0..6).map(|at| numbers(at * 4..at * 4 + 4)).collect()
}
