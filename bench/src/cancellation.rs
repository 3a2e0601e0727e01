//! How long a cancelled run goes on, with DataFusion's operators at work on a thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{Expr, Frame, FrameBound, JoinKind, Window, WindowFrame, col, count, lit, sum};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::{Executor, LocalExecutor};
use leafhold_datafusion::{DataFusionKernels, EngineFunctions};

use crate::report::Row;

/// Rows of a table that an operator reads once.
const ROWS: i64 = 4_000_000;
/// Rows of both sides where every pair is tried.
const PAIRED: i64 = 200_000;
/// A run is cancelled after each of so many equal parts of its time.
const MOMENTS: u32 = 10;
/// What takes longer is taken for endless: it is cancelled within this time.
const LONG: Duration = Duration::from_secs(2);

/// Numbers, each once, in no order, and zeros.
fn table(name: &str, columns: [&str; 2], rows: i64) -> anyhow::Result<Frame> {
    let numbers = Int64Array::from_iter_values((0..rows).map(|row| row * 7_919 % rows));
    let zeros = Int64Array::from_iter_values((0..rows).map(|_| 0));
    let [first, second] = columns;
    let batch = RecordBatch::try_from_iter([(first, Arc::new(numbers) as _), (second, Arc::new(zeros) as _)])?;
    let leaf = Leaf::Values(Values::new(name, batch.schema(), vec![vec![batch]]));
    Ok(Frame::new(Expr::leaf(leaf)?, Arc::new(EngineFunctions)))
}

fn queries() -> anyhow::Result<Vec<(&'static str, Frame)>> {
    let t = |rows| table("t", ["a", "b"], rows);
    let pairs =
        |kind, on: Vec<_>| Ok::<_, anyhow::Error>(t(PAIRED)?.join(&table("u", ["x", "y"], PAIRED)?, kind, on)?);
    let never = || (col("a") + col("x")).lt(lit(0i64));
    let window = Window::partition_by([]).order_by([col("a").asc()]);
    let last_four = WindowFrame::rows(FrameBound::Preceding(3), FrameBound::CurrentRow);
    let unique = |rows| {
        Ok::<_, anyhow::Error>(t(rows)?.join(
            &table("u", ["x", "y"], rows)?,
            JoinKind::Inner,
            [col("a").eq(col("x"))],
        )?)
    };
    Ok(vec![
        ("filter", t(ROWS)?.filter((col("a") % lit(7i64)).gt(lit(3i64)))?),
        ("sort", t(ROWS)?.sort([col("a").asc()])?),
        ("aggregate", t(ROWS)?.group_by(["a"]).aggregate([("n", count(col("b")))])?),
        ("window", t(ROWS / 4)?.window(window, [("w", sum(col("a")).over(last_four)?)])?),
        ("hash-join", unique(ROWS)?),
        ("hash-join-of-one-key", pairs(JoinKind::Inner, vec![col("b").eq(col("y")), never()])?),
        ("nested-loop-join", pairs(JoinKind::Inner, vec![never()])?),
        ("cross-join", pairs(JoinKind::Inner, vec![])?.group_by([]).aggregate([("n", sum(col("a") + col("x")))])?),
    ])
}

fn graph(frame: &Frame) -> anyhow::Result<TaskGraph> {
    Ok(lower(&Planner::new(Arc::new(EngineFunctions)).plan(frame.expr())?)?)
}

/// How long a run takes; at most [`LONG`].
fn whole(executor: &LocalExecutor, graph: TaskGraph) -> Duration {
    let run = executor.submit(graph);
    let (canceller, begun) = (run.canceller(), Instant::now());
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if end.recv_timeout(LONG).is_err() {
                canceller.cancel();
            }
        });
        // Cancelled or not: only the time counts.
        let _ = run.wait();
        let time = begun.elapsed();
        let _ = ended.send(());
        time.min(LONG)
    })
}

/// Milliseconds from the cancellation of a run to its end, the worst of several moments.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 1);
    let mut rows = Vec::new();
    for (name, frame) in queries()? {
        let graph = graph(&frame)?;
        let time = whole(&executor, graph.clone());
        let (mut worst, mut cancelled) = (Duration::ZERO, 0);
        for moment in 0..MOMENTS {
            let run = executor.submit(graph.clone());
            std::thread::sleep(time * moment / MOMENTS);
            let asked = Instant::now();
            run.cancel();
            cancelled += u32::from(run.wait().is_err());
            worst = worst.max(asked.elapsed());
        }
        // A run on a machine that was busy before may end early: those count for little, but one has to count.
        ensure!(cancelled > 0, "{name}: no run was cancelled before its end");
        rows.push(Row::alone(format!("cancelled-{name}"), "ms", worst.as_secs_f64() * 1e3));
    }
    Ok(rows)
}
