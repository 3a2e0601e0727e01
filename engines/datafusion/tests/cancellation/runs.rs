//! Whole runs that are cancelled while an operator is at work: they end with their report, and whoever worked is free.

use std::os::unix::net::UnixListener;
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{Expr, Frame, FrameBound, JoinKind, Scalar, Window, WindowFrame, col, count, lit, sum};
use leafhold::lower::lower;
use leafhold::optimize::Planner;
use leafhold::run::process::{ProcessExecutor, ProcessWorkers};
use leafhold::run::{Executor, LocalExecutor, Run, RunCause, TaskState};
use leafhold_datafusion::{DataFusionCodec, EngineFunctions};

use crate::aftermath::{Census, Witness};
use crate::program::{Announced, command, forget, wait_for};

/// Tables over futures of one run.
struct Tables(Arc<Witness>);

impl Tables {
    /// Two columns in two partitions: numbers, each once, in no order, and all of them zero.
    fn table(&self, name: &str, columns: [&str; 2], rows: i64) -> Frame {
        let batch = |at: i64| {
            let numbers = Int64Array::from_iter_values((0..rows / 2).map(|row| (row * 7_919 % rows) * 2 + at));
            let zeros = Int64Array::from_iter_values((0..rows / 2).map(|_| 0));
            let [first, second] = columns;
            RecordBatch::try_from_iter([(first, Arc::new(numbers) as _), (second, Arc::new(zeros) as _)]).unwrap()
        };
        let leaf = self.0.leaf(name, vec![vec![batch(0)], vec![batch(1)]]);
        Frame::new(Expr::leaf(leaf).unwrap(), Arc::new(EngineFunctions))
    }

    fn t(&self, rows: i64) -> Frame {
        self.table("t", ["a", "b"], rows)
    }

    fn u(&self, rows: i64) -> Frame {
        self.table("u", ["x", "y"], rows)
    }

    fn join(&self, kind: JoinKind, on: Vec<Scalar>) -> Frame {
        self.t(LONG).join(&self.u(LONG), kind, on).unwrap()
    }
}

const LONG: i64 = 400_000;
const LONGER: i64 = 1_000_000;

type Query = fn(&Tables) -> Frame;

/// What is cancelled, and the operator that is at work then. Joins would take for ever, all others wait until they are told
/// to stop.
fn queries() -> Vec<(&'static str, Query)> {
    fn less() -> Scalar {
        (col("a") + col("x")).lt(lit(0i64))
    }
    vec![
        ("filter", |tables| tables.t(LONGER).filter((col("a") % lit(7i64)).gt(lit(3i64))).unwrap()),
        ("sort", |tables| tables.t(LONGER).sort([col("a").asc()]).unwrap()),
        ("hash-aggregate", |tables| tables.t(LONGER).group_by(["a"]).aggregate([("n", count(col("b")))]).unwrap()),
        ("window", |tables| {
            let window = Window::partition_by([col("a") % lit(64i64)]).order_by([col("a").asc()]);
            let last_four = WindowFrame::rows(FrameBound::Preceding(3), FrameBound::CurrentRow);
            tables.t(LONGER).window(window, [("w", sum(col("a")).over(last_four).unwrap())]).unwrap()
        }),
        ("hash-join", |tables| tables.join(JoinKind::Inner, vec![col("b").eq(col("y")), less()])),
        ("nested-loop-join", |tables| tables.join(JoinKind::Inner, vec![less()])),
        ("nested-loop-join", |tables| {
            let pairs = tables.t(LONG).cross_join(&tables.u(LONG)).unwrap();
            pairs.group_by([]).aggregate([("n", count(col("b")))]).unwrap()
        }),
    ]
}

/// A run, and who sees it.
fn submit(executor: &dyn Fn(Arc<Witness>) -> Box<dyn Executor>, query: Query) -> (Arc<Witness>, Run) {
    let tables = Tables(Arc::default());
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(2);
    let graph = lower(&planner.plan(query(&tables).expr()).unwrap()).unwrap();
    let run = executor(tables.0.clone()).submit(graph);
    (tables.0, run)
}

/// Cancels each query while its operator is at work; and asks afterwards who does the next.
fn cancels_all(executor: &dyn Fn(Arc<Witness>) -> Box<dyn Executor>, listener: &UnixListener) {
    for (operator, query) in queries() {
        let (witness, run) = submit(executor, query);
        let process = wait_for(listener, operator);
        run.cancel();
        let Err(error) = run.wait() else { panic!("{operator} came to its end although it was told to stop") };
        assert!(matches!(error.cause, RunCause::Cancelled), "{operator}: {error}");
        let report = &error.report;
        witness.assert_clean(report);
        let ended = |event: &leafhold::run::TaskEvent| matches!(event.state, TaskState::Ok | TaskState::Cancelled);
        assert!(report.tasks.iter().all(ended), "{operator}: {:?}", report.tasks);
        let began = report.tasks.iter().filter(|event| event.state == TaskState::Cancelled && event.started.is_some());
        assert_eq!(began.count(), 1, "{operator}, which was at work: {:?}", report.tasks);
        forget(listener);
        // A worker process that did not stop in time would have been killed.
        let (witness, next) = submit(executor, |tables| tables.t(10).filter(col("a").gt(lit(4i64))).unwrap());
        assert_eq!(wait_for(listener, "filter"), process, "{operator}: the same process does the next task");
        let outcome = next.wait().unwrap();
        let rows = outcome.partitions.iter().flat_map(|partition| partition.iter()).map(|batch| batch.num_rows());
        assert_eq!(rows.sum::<usize>(), 8, "{operator}");
        witness.assert_clean(&outcome.report);
        forget(listener);
    }
}

fn socket() -> (tempfile::TempDir, std::path::PathBuf, UnixListener) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    (folder, path, listener)
}

#[test]
fn law_c1_runs_on_threads_stop_within_their_operators() {
    let (_folder, path, listener) = socket();
    let executor = LocalExecutor::new(Arc::new(Announced(path)), 1);
    cancels_all(&|witness| Box::new(executor.clone().with_observer(witness)), &listener);
}

#[test]
fn law_c1_runs_on_worker_processes_stop_within_their_operators() {
    let (folder, path, listener) = socket();
    let kernels = Arc::new(Announced(path.clone()));
    let workers = ProcessWorkers::new(kernels, 1, move || command(&path)).with_codec(Arc::new(DataFusionCodec));
    let executor = ProcessExecutor::new(workers);
    cancels_all(&|witness| Box::new(executor.clone().with_observer(witness)), &listener);
    drop(executor);
    Census::within(folder.path()).assert_nobody_left(1);
}
