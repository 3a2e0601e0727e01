//! A run on some executor, and what must hold however it ends. Each test program uses a part.
#![allow(dead_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use leafhold::leaf::release;
use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::{Partitioning, Plan};
use leafhold::run::{
    Executor, Observer, Outcome, PoolExecutor, RunError, RunReport, Submitted, TaskEvent, TaskState, Workers,
};
use parking_lot::Mutex;

use crate::kernels::{Row, rows_of};
use crate::plans::{Builder, Counts, Node, numbers};
use crate::trace_format::check_report;
use crate::upstream::{Readers, assert_upstream_failed};

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

impl Heard {
    /// Law T1: of so many tasks, each ended once.
    pub fn assert_each_once(&self, tasks: usize) {
        let mut ended = self.ended.lock().clone();
        ended.sort_unstable();
        assert_eq!(ended, (0..tasks).collect::<Vec<_>>(), "law T1, as observers hear it");
        assert_eq!((self.submitted.lock().as_slice(), *self.finished.lock()), (&[tasks][..], 1));
    }
}

/// Threads and open files of this process: what a run must give back. Only nextest gives every test a process of its
/// own; elsewhere there is nothing to compare.
#[derive(Clone, Copy, Debug)]
pub struct Belongings(Option<(usize, usize)>);

impl Belongings {
    pub fn now() -> Self {
        // The thread that releases futures is there for good.
        release::drain();
        let count = |folder: &str| std::fs::read_dir(folder).ok().map(Iterator::count);
        let both = || Some((count("/proc/self/task")?, count("/proc/self/fd")?));
        Belongings(std::env::var_os("NEXTEST").and_then(|_| both()))
    }

    /// Asserts that no more is there than was.
    pub fn assert_given_back(self) {
        let Some(before) = self.0 else { return };
        // A thread that was joined may still stand in the list for a moment.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let more = || Belongings::now().0.is_some_and(|now| now.0 > before.0 || now.1 > before.1);
        while more() && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(!more(), "threads and open files: {before:?} before, {:?} after", Belongings::now());
    }
}

/// A run that will be.
pub struct Scene {
    pub counts: Arc<Counts>,
    pub heard: Arc<Heard>,
    pub tasks: usize,
    readers: Readers,
    graph: Option<TaskGraph>,
    /// Nothing, where others run beside it: whoever began before all of them compares.
    belongings: Option<Belongings>,
}

impl Scene {
    /// A scene of some plan, of which nothing else is kept.
    pub fn of(builder: Builder, root: &Node) -> Self {
        let (belongings, counts) = (Some(Belongings::now()), builder.counts.clone());
        Scene::of_graph(lower(&builder.plan(root)).unwrap(), counts, belongings)
    }

    /// Futures of some partitions, hashed into as many, gathered and sorted.
    pub fn shuffle_all(partitions: &[Vec<Row>]) -> Self {
        let (belongings, mut builder) = (Some(Belongings::now()), Builder::default());
        let counts = builder.counts.clone();
        let read = builder.delayed(partitions);
        let sorted = shuffled(&builder, &read);
        drop(read);
        let plan = Plan { target_partitions: partitions.len(), ..builder.plan(&sorted) };
        drop(sorted);
        Scene::of_graph(lower(&plan).unwrap(), counts, belongings)
    }

    fn of_graph(graph: TaskGraph, counts: Arc<Counts>, belongings: Option<Belongings>) -> Self {
        let (tasks, readers) = (graph.len(), Readers::of(&graph));
        Scene { counts, heard: Arc::default(), tasks, readers, graph: Some(graph), belongings }
    }

    /// The same while other runs are under way, or their executor is to stay.
    pub fn beside_others(mut self) -> Self {
        self.belongings = None;
        self
    }

    /// Futures of some partitions, hashed into three, gathered and sorted.
    pub fn shuffle(partitions: &[Vec<Row>]) -> Self {
        let mut builder = Builder::default();
        let read = builder.delayed(partitions);
        let sorted = shuffled(&builder, &read);
        drop(read);
        Scene::of(builder, &sorted)
    }

    pub fn graph(&mut self) -> TaskGraph {
        self.graph.take().unwrap()
    }

    /// Runs the scene to its end, and hears of it.
    pub fn run_on<W: Workers>(&mut self, executor: PoolExecutor<W>) -> Result<Outcome, Box<RunError>> {
        let graph = self.graph();
        executor.with_observer(self.heard.clone()).submit(graph).wait()
    }

    /// What holds of every run, once its executor is gone: every task ended once, what reads a failure, and nothing else, says
    /// so, every future was let go once, no thread and no open file is left.
    pub fn assert_clean(&self, report: &RunReport) {
        self.assert_each_once(report);
        assert_upstream_failed(report, &self.readers);
        self.assert_nothing_left();
    }

    /// Every task ended once, by the report and by what observers heard; and the report can be drawn.
    pub fn assert_each_once(&self, report: &RunReport) {
        let each_once: Vec<usize> = (0..self.tasks).collect();
        assert_eq!(report.tasks.iter().map(|event| event.task).collect::<Vec<_>>(), each_once, "law T1");
        self.assert_heard();
        check_report(report);
    }

    /// The same as observers hear it.
    pub fn assert_heard(&self) {
        self.heard.assert_each_once(self.tasks);
    }

    pub fn assert_nothing_left(&self) {
        self.assert_let_go();
        self.belongings.into_iter().for_each(Belongings::assert_given_back);
    }

    /// Every future was let go, once.
    pub fn assert_let_go(&self) {
        assert_eq!(self.counts.live(), 0, "law L2: every future was let go");
        let (created, released) = (&self.counts.created, &self.counts.released);
        assert_eq!(created.load(Ordering::SeqCst), released.load(Ordering::SeqCst), "once");
    }
}

/// Hashed into three, gathered and sorted.
pub fn shuffled(builder: &Builder, read: &Node) -> Node {
    let hashed = builder.hashed(read);
    let single = builder.exchange(&hashed, Partitioning::Single);
    builder.sorted(&single, None)
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

/// The same, and a row in the third that says what else to do.
pub fn partitions_with(row: [i64; 2]) -> Vec<Vec<Row>> {
    let mut partitions = partitions();
    partitions[2].push(row.to_vec());
    partitions
}
