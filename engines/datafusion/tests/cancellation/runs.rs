//! Whole runs that are cancelled while an operator is at work: they end with their report, and whoever worked is free.

use std::os::unix::net::UnixListener;
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{Expr, Frame, FrameBound, JoinKind, Scalar, Window, WindowFrame, col, count, lit, sum};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::process::{ProcessExecutor, ProcessWorkers};
use leafhold::run::{Executor, LocalExecutor, RunCause, TaskState};
use leafhold_datafusion::{DataFusionCodec, EngineFunctions};

use crate::program::{Announced, command, forget, wait_for};

/// Two columns in two partitions: numbers, each once, in no order, and all of them zero.
fn table(name: &str, columns: [&str; 2], rows: i64) -> Frame {
    let batch = |at: i64| {
        let numbers = Int64Array::from_iter_values((0..rows / 2).map(|row| (row * 7_919 % rows) * 2 + at));
        let zeros = Int64Array::from_iter_values((0..rows / 2).map(|_| 0));
        let [first, second] = columns;
        RecordBatch::try_from_iter([(first, Arc::new(numbers) as _), (second, Arc::new(zeros) as _)]).unwrap()
    };
    let batches = vec![vec![batch(0)], vec![batch(1)]];
    let leaf = Leaf::Values(Values::new(name, batches[0][0].schema(), batches));
    Frame::new(Expr::leaf(leaf).unwrap(), Arc::new(EngineFunctions))
}

/// What is cancelled, and the operator that is at work then. Joins would take for ever, all others wait until they are told
/// to stop.
fn queries() -> Vec<(&'static str, Frame)> {
    let t = |rows| table("t", ["a", "b"], rows);
    let u = |rows| table("u", ["x", "y"], rows);
    let (long, longer) = (400_000, 1_000_000);
    let less = || col("a") + col("x");
    let last_four = WindowFrame::rows(FrameBound::Preceding(3), FrameBound::CurrentRow);
    let over = |window: Window| t(longer).window(window, [("w", sum(col("a")).over(last_four).unwrap())]).unwrap();
    let join = |kind, on: Vec<Scalar>| t(long).join(&u(long), kind, on).unwrap();
    vec![
        ("filter", t(longer).filter((col("a") % lit(7i64)).gt(lit(3i64))).unwrap()),
        ("sort", t(longer).sort([col("a").asc()]).unwrap()),
        ("hash-aggregate", t(longer).group_by(["a"]).aggregate([("n", count(col("b")))]).unwrap()),
        ("window", over(Window::partition_by([col("a") % lit(64i64)]).order_by([col("a").asc()]))),
        ("hash-join", join(JoinKind::Inner, vec![col("b").eq(col("y")), less().lt(lit(0i64))])),
        ("nested-loop-join", join(JoinKind::Inner, vec![less().lt(lit(0i64))])),
        (
            "nested-loop-join",
            t(long).cross_join(&u(long)).unwrap().group_by([]).aggregate([("n", count(col("b")))]).unwrap(),
        ),
    ]
}

fn graph(frame: &Frame) -> TaskGraph {
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(2);
    lower(&planner.plan(frame.expr()).unwrap()).unwrap()
}

/// Cancels each query while its operator is at work; and asks afterwards who does the next.
fn cancels_all(executor: &dyn Executor, listener: &UnixListener) {
    let small = table("t", ["a", "b"], 10).filter(col("a").gt(lit(4i64))).unwrap();
    for (operator, frame) in queries() {
        let graph = graph(&frame);
        let tasks = graph.len();
        let run = executor.submit(graph);
        let process = wait_for(listener, operator);
        run.cancel();
        let Err(error) = run.wait() else { panic!("{operator} came to its end although it was told to stop") };
        assert!(matches!(error.cause, RunCause::Cancelled), "{operator}: {error}");
        let report = &error.report;
        let each_once: Vec<usize> = (0..tasks).collect();
        assert_eq!(report.tasks.iter().map(|event| event.task).collect::<Vec<_>>(), each_once, "{operator}");
        let ended = |event: &leafhold::run::TaskEvent| matches!(event.state, TaskState::Ok | TaskState::Cancelled);
        assert!(report.tasks.iter().all(ended), "{operator}: {:?}", report.tasks);
        let began = report.tasks.iter().filter(|event| event.state == TaskState::Cancelled && event.started.is_some());
        assert_eq!(began.count(), 1, "{operator}, which was at work: {:?}", report.tasks);
        forget(listener);
        // A worker process that did not stop in time would have been killed.
        let next = executor.submit(self::graph(&small));
        assert_eq!(wait_for(listener, "filter"), process, "{operator}: the same process does the next task");
        let partitions = next.wait().unwrap().partitions;
        let rows = partitions.iter().flat_map(|partition| partition.iter()).map(|batch| batch.num_rows());
        assert_eq!(rows.sum::<usize>(), 8, "{operator}");
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
    cancels_all(&executor, &listener);
}

#[test]
fn law_c1_runs_on_worker_processes_stop_within_their_operators() {
    let (_folder, path, listener) = socket();
    let kernels = Arc::new(Announced(path.clone()));
    let workers = ProcessWorkers::new(kernels, 1, move || command(&path)).with_codec(Arc::new(DataFusionCodec));
    cancels_all(&ProcessExecutor::new(workers), &listener);
}
