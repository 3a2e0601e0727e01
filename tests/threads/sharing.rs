//! What runs of one executor share: threads, and rows that somebody still holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leafhold::lower::{Fragment, FragmentOutput, TaskGraph, lower};
use leafhold::optimize::{Partitioning, Plan};
use leafhold::run::{
    Executor, ExecutorOptions, KernelError, Kernels, LocalExecutor, Observer, RunCause, RunReport, SlotData,
    TaskContext, TaskEvent, TaskOutput, TaskState,
};
use parking_lot::Mutex;

use crate::behaviour::{Behaving, FAILS};
use crate::kernels::{Row, RowKernels};
use crate::plans::{Builder, batch, numbers};
use crate::scene::{Belongings, Scene, partitions, partitions_with, rows, shuffled, states};

fn plan(partitions: &[Vec<Row>]) -> Plan {
    let mut builder = Builder::default();
    let read = builder.values(partitions);
    let sorted = shuffled(&builder, &read);
    builder.plan(&sorted)
}

/// So many tasks that need nothing of each other.
fn wide(tasks: std::ops::Range<i64>) -> TaskGraph {
    let mut builder = Builder::default();
    let read = builder.values(&tasks.map(|at| numbers(at..at + 1)).collect::<Vec<_>>());
    let project = builder.project(&read, &[1, 0]);
    lower(&builder.plan(&project)).unwrap()
}

/// The same over futures.
fn wide_scene(tasks: i64) -> Scene {
    let mut builder = Builder::default();
    let read = builder.delayed(&(0..tasks).map(|at| numbers(at..at + 1)).collect::<Vec<_>>());
    let project = builder.project(&read, &[1, 0]);
    drop(read);
    Scene::of(builder, &project).beside_others()
}

/// A shuffle of values: its rows may be those that another run holds.
fn shuffle_of_values(partitions: &[Vec<Row>]) -> Scene {
    let mut builder = Builder::default();
    let read = builder.values(partitions);
    let sorted = shuffled(&builder, &read);
    Scene::of(builder, &sorted).beside_others()
}

/// Kernels that need a millisecond for each task.
#[derive(Default)]
struct Slow(RowKernels);

impl Kernels for Slow {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        std::thread::sleep(Duration::from_millis(1));
        self.0.run(fragment, inputs, context)
    }
}

/// Which run ended when, and by whom its tasks were run.
struct Ends(&'static str, Arc<Mutex<Vec<&'static str>>>, Arc<AtomicUsize>);

impl Observer for Ends {
    fn on_event(&self, event: &TaskEvent) {
        self.2.fetch_add(1, Ordering::SeqCst);
        assert_eq!(event.worker.as_deref(), Some("local-0"));
    }
    fn on_finish(&self, _: &RunReport) {
        self.1.lock().push(self.0);
    }
}

#[test]
fn a_short_run_is_not_starved_by_a_long_one_on_the_same_thread() {
    let belongings = Belongings::now();
    let executor = LocalExecutor::new(Arc::new(Slow::default()), 1);
    let (ends, done) = (Arc::new(Mutex::default()), Arc::new(AtomicUsize::new(0)));
    let submit = |name, scene: &mut Scene| {
        let executor = executor.clone().with_observer(Arc::new(Ends(name, ends.clone(), done.clone())));
        executor.with_observer(scene.heard.clone()).submit(scene.graph())
    };
    let (mut short_scene, mut long_scene) = (wide_scene(20), wide_scene(400));
    let long = submit("long", &mut long_scene);
    while done.load(Ordering::SeqCst) < 5 {
        std::thread::yield_now();
    }
    let short = submit("short", &mut short_scene);
    let (short, long) = (short.wait().unwrap(), long.wait().unwrap());
    assert_eq!(*ends.lock(), ["short", "long"]);
    assert!(short.report.wall < long.report.wall);
    // They took turns: the long one went on beside the short one.
    assert_eq!((short.report.count(TaskState::Ok), long.report.count(TaskState::Ok)), (20, 400));
    for (scene, outcome, tasks) in [(&short_scene, &short, 20), (&long_scene, &long, 400)] {
        assert_eq!(rows(outcome), numbers(0..tasks).iter().map(|row| vec![row[1], row[0]]).collect::<Vec<_>>());
        scene.assert_clean(&outcome.report);
    }
    drop(executor);
    belongings.assert_given_back();
}

#[test]
fn many_runs_from_many_threads_share_the_threads_of_one_executor() {
    let belongings = Belongings::now();
    let executor = LocalExecutor::new(Arc::new(Behaving::default()), 2);
    std::thread::scope(|scope| {
        for at in 0..8 {
            let executor = executor.clone();
            scope.spawn(move || {
                for round in 0..10 {
                    let fails = (at + round) % 3 == 0;
                    let partitions = if fails { partitions_with([FAILS, at]) } else { partitions() };
                    let mut scene = match round % 2 {
                        0 => Scene::shuffle(&partitions).beside_others(),
                        _ => shuffle_of_values(&partitions),
                    };
                    let result = scene.run_on(executor.clone());
                    assert_eq!(result.is_err(), fails, "a run that fails harms no other one");
                    match &result {
                        Ok(outcome) => assert_eq!(rows(outcome), partitions.concat()),
                        Err(error) => {
                            let RunCause::Kernel { partition: 2, .. } = &error.cause else { panic!("{error}") };
                            assert!(error.to_string().contains(&format!("the kernel fails at {at}")), "{error}");
                        }
                    }
                    let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
                    let workers = report.tasks.iter().filter_map(|event| event.worker.as_deref());
                    assert!(workers.into_iter().all(|name| ["local-0", "local-1"].contains(&name)));
                    scene.assert_clean(report);
                }
            });
        }
    });
    drop(executor);
    belongings.assert_given_back();
}

/// Kernels that run another graph on their own executor, and wait for it.
#[derive(Default)]
struct Nested {
    rows: RowKernels,
    executor: Mutex<Option<LocalExecutor>>,
    /// How many tasks wait, and the most that did.
    waiting: AtomicUsize,
    most: AtomicUsize,
}

impl Kernels for Nested {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        if matches!(fragment.output, FragmentOutput::Hashed { .. }) {
            let executor = self.executor.lock().clone().unwrap();
            self.most.fetch_max(self.waiting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Rows of its own: others are not to have them.
            let first = 10 * context.partition as i64;
            let inner = executor.submit(wide(first..first + 10)).wait().unwrap();
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            assert_eq!(inner.report.count(TaskState::Ok), 10);
        }
        self.rows.run(fragment, inputs, context)
    }
}

#[test]
fn a_task_may_wait_for_a_run_of_its_own_executor() {
    for threads in [1, 2] {
        let kernels = Arc::new(Nested::default());
        let executor = LocalExecutor::new(kernels.clone(), threads);
        *kernels.executor.lock() = Some(executor.clone());
        // Each of these tasks that divide rows waits.
        let many: Vec<_> = (0..60).map(|at| numbers(2 * at..2 * at + 2)).collect();
        let outcome = executor.submit(lower(&plan(&many)).unwrap()).wait().unwrap();
        assert_eq!(rows(&outcome).len(), 120);
        // A task that waits has a thread in its place, which does what is waited for, and not the next one that waits.
        assert!(
            kernels.most.load(Ordering::SeqCst) <= 2 * threads,
            "{} of 60 waited at once",
            kernels.most.load(Ordering::SeqCst)
        );
        // Otherwise executor and kernels hold each other.
        *kernels.executor.lock() = None;
    }
}

#[test]
fn rows_that_somebody_holds_are_not_computed_again() {
    let kernels = Arc::new(RowKernels::default());
    let executor = LocalExecutor::new(kernels.clone(), 2);
    let plan = plan(&partitions());
    let runs = || kernels.runs.load(Ordering::SeqCst);
    let first = executor.submit(lower(&plan).unwrap()).wait().unwrap();
    let once = runs();
    let again = executor.submit(lower(&plan).unwrap()).wait().unwrap();
    assert_eq!(runs(), once, "nothing ran");
    let (outputs, tasks) = (first.partitions.len(), first.report.tasks.len());
    let expected = [(TaskState::Cached, outputs), (TaskState::Skipped, tasks - outputs)];
    assert_eq!(states(&again.report), expected);
    let cached = again.report.tasks.iter().find(|event| event.state == TaskState::Cached).unwrap();
    assert_eq!((cached.rows, cached.worker.as_deref(), cached.attempt), (24, None, 0));
    assert_eq!(rows(&again), rows(&first));
    // The second holder is as good as the first; without any, the work is done again.
    drop(first);
    let third = executor.submit(lower(&plan).unwrap()).wait().unwrap();
    assert_eq!(runs(), once);
    drop((again, third));
    executor.submit(lower(&plan).unwrap()).wait().unwrap();
    assert_eq!(runs(), 2 * once);
}

/// Counts the tasks that have ended.
#[derive(Default)]
struct Ended(AtomicUsize);

impl Observer for Ended {
    fn on_event(&self, _: &TaskEvent) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn futures_behind_those_that_only_found_rows_had_read_are_awaited() {
    let kernels = Arc::new(RowKernels::default());
    let mut builder = Builder::default();
    let (read, mut promises) = builder.pending("orders", 3);
    let projected = builder.project(&read, &[1, 0]);
    drop(read);
    let plan = builder.plan(&projected);
    let last = promises.pop().unwrap();
    for (at, promise) in (0..).zip(promises) {
        promise.fulfil(vec![batch(&numbers(at..at + 1))]);
    }
    let ended = Arc::new(Ended::default());
    let options = ExecutorOptions::default().with_observer(ended.clone());
    let executor = LocalExecutor::new(kernels.clone(), 2).with_options(options);
    let first = executor.submit(lower(&plan).unwrap());
    while ended.0.load(Ordering::SeqCst) < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let second = executor.submit(lower(&plan).unwrap());
    last.fulfil(vec![batch(&numbers(9..10))]);
    // Whoever waits for ever fails here.
    let (done, outcome) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = done.send([second.wait().unwrap(), first.wait().unwrap()]);
    });
    let [second, first] = outcome.recv_timeout(Duration::from_secs(60)).expect("both runs end");
    assert_eq!(rows(&second), rows(&first));
    assert_eq!(second.report.count(TaskState::Cached), 2);
}

#[test]
fn rows_of_other_data_or_of_another_executor_are_not_taken() {
    let kernels = Arc::new(RowKernels::default());
    let executor = LocalExecutor::new(kernels.clone(), 2);
    let first = executor.submit(lower(&plan(&partitions())).unwrap()).wait().unwrap();
    let mut other = partitions();
    other[5][3][0] += 100;
    let second = executor.submit(lower(&plan(&other)).unwrap()).wait().unwrap();
    assert_ne!(rows(&first), rows(&second));
    let elsewhere = LocalExecutor::new(kernels, 2);
    let third = elsewhere.submit(lower(&plan(&partitions())).unwrap()).wait().unwrap();
    assert_eq!(third.report.count(TaskState::Ok), third.report.tasks.len());
}

#[test]
fn what_may_differ_every_time_is_computed_every_time() {
    use leafhold::expr::{Frame, MapPartitions};
    use leafhold::leaf::{Leaf, Values};
    use leafhold::optimize::Planner;
    let functions = Arc::new(leafhold::expr::CoreFunctions);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let schema = crate::plans::two_columns();
    let values = Values::new("values", schema.clone(), vec![vec![crate::plans::batch(&numbers(0..4))]]);
    let frame = Frame::new(leafhold::expr::Expr::leaf(Leaf::Values(values)).unwrap(), functions.clone());
    let function = move |batches: &[arrow_array::RecordBatch]| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(batches.to_vec())
    };
    let function = MapPartitions::new("draw", "1", schema, function);
    let frame = frame.map_partitions(function).unwrap();
    let plan = Planner::new(functions).plan(frame.expr()).unwrap();
    let executor = LocalExecutor::new(Arc::new(RowKernels::default()), 1);
    let kept: Vec<_> = (0..3).map(|_| executor.submit(lower(&plan).unwrap()).wait().unwrap()).collect();
    assert_eq!(calls.load(Ordering::SeqCst), kept.len());
}

#[test]
fn a_chain_of_ten_thousand_tasks_runs_and_its_report_says_so() {
    let mut builder = Builder::default();
    let mut at = builder.values(&[numbers(0..2)]);
    for _ in 0..10_000 {
        let next = builder.project(&at, &[1, 0]);
        at = builder.exchange(&next, Partitioning::Replicated);
    }
    let graph = lower(&builder.plan(&at)).unwrap();
    let tasks = graph.len();
    assert!(tasks >= 10_000, "{tasks}");
    let outcome = LocalExecutor::new(Arc::new(RowKernels::default()), 2).submit(graph).wait().unwrap();
    assert_eq!(outcome.report.count(TaskState::Ok), tasks);
    assert_eq!(outcome.report.critical_path.len(), tasks);
    assert_eq!(outcome.report.peak_ports, Some(2), "a port goes with its reader");
}
