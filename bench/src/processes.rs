//! What a worker process adds to a task: this program is its own worker.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::wire::ReadContext;
use leafhold::expr::{CoreFunctions, Frame, JoinKind, col, lit};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::process::{ProcessExecutor, ProcessWorkers, worker_process};
use leafhold::run::work::WorkObservers;
use leafhold::run::{Executor, KernelError, Kernels, SlotData, TaskContext, TaskOutput};

use crate::measure::{Minimum, timed};
use crate::report::Row;

const TASKS: usize = 10_000;
const WORKERS: usize = 2;

/// Tasks that read the same rows.
const READERS: usize = 200;
/// Rows that they all read, of 8 bytes.
const SHARED: i64 = 1 << 20;

/// Kernels that hand on what they are given; of joins nothing.
struct HandOn;

impl Kernels for HandOn {
    fn run(&self, fragment: &Fragment, inputs: Vec<SlotData>, _: &TaskContext) -> Result<TaskOutput, KernelError> {
        if let (2.., Some(last)) = (inputs.len(), fragment.nodes.last()) {
            let ports = vec![vec![RecordBatch::new_empty(last.schema.clone())]];
            return Ok(TaskOutput { ports, node_rows: Vec::new(), ..TaskOutput::default() });
        }
        let batches = inputs.iter().flatten().flat_map(|source| source.iter().cloned()).collect();
        Ok(TaskOutput { ports: vec![batches], node_rows: Vec::new(), ..TaskOutput::default() })
    }
}

/// The worker program.
pub fn worker() -> anyhow::Result<()> {
    Ok(worker_process(&HandOn, &WorkObservers::none(), &ReadContext::new(&CoreFunctions))?)
}

/// A task per partition of one row each.
fn graph() -> anyhow::Result<TaskGraph> {
    let batch = |at: usize| RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![at as i64])) as _)]);
    let batches = (0..TASKS).map(|at| Ok(vec![batch(at)?])).collect::<anyhow::Result<Vec<_>>>()?;
    let schema = batches[0][0].schema();
    let frame = Frame::from_leaf(Leaf::Values(Values::new("t", schema, batches)))?.filter(col("a").gt(lit(-1i64)))?;
    Ok(lower(&Planner::new(Arc::new(CoreFunctions)).plan(frame.expr())?)?)
}

/// A join by pairs, which needs all rows of one side in each of its tasks.
fn broadcast() -> anyhow::Result<TaskGraph> {
    let batch =
        |name, rows: i64| RecordBatch::try_from_iter([(name, Arc::new(Int64Array::from_iter_values(0..rows)) as _)]);
    let table = |name, batches: Vec<Vec<RecordBatch>>| {
        Frame::from_leaf(Leaf::Values(Values::new(name, batches[0][0].schema(), batches)))
    };
    let few = (0..READERS).map(|_| Ok(vec![batch("a", 1)?])).collect::<anyhow::Result<Vec<_>>>()?;
    let (many, few) = (table("u", vec![vec![batch("x", SHARED)?]])?, table("t", few)?);
    let frame = few.join(&many, JoinKind::Left, [col("a").gt(col("x"))])?;
    Ok(lower(&Planner::new(Arc::new(CoreFunctions)).plan(frame.expr())?)?)
}

/// Trivial tasks on two worker processes: the time per task, with processes that run already and with their start.
pub fn rows(repetitions: usize) -> anyhow::Result<Vec<Row>> {
    let program = std::env::current_exe().context("this program")?;
    let graph = graph()?;
    ensure!(graph.len() == TASKS, "{} tasks", graph.len());
    let executor = || {
        let program = program.clone();
        let command = move || {
            let mut command = Command::new(&program);
            command.arg("worker");
            command
        };
        ProcessExecutor::new(ProcessWorkers::new(Arc::new(HandOn), WORKERS, command))
    };
    let warm = executor();
    let (mut cold_time, mut warm_time) = (Minimum::default(), Minimum::default());
    for _ in 0..repetitions {
        let tasks = graph.clone();
        let (outcome, time) = timed(|| executor().submit(tasks).wait())?;
        ensure!(outcome.report.tasks.iter().all(|event| event.host.is_some()), "some task ran in the driver");
        cold_time.add(time);
        warm.submit(graph.clone()).wait()?;
        let tasks = graph.clone();
        warm_time.add(timed(|| warm.submit(tasks).wait())?.1);
    }
    let (broadcast, mut broadcast_time) = (broadcast()?, Minimum::default());
    ensure!(broadcast.len() >= READERS, "{} tasks", broadcast.len());
    for _ in 0..repetitions {
        let tasks = broadcast.clone();
        let (outcome, time) = timed(|| warm.submit(tasks).wait())?;
        ensure!(outcome.report.is_ok());
        broadcast_time.add(time);
    }
    let per_task = |time: Minimum| time.get() * 1e3 / TASKS as f64;
    Ok(vec![
        Row::alone("worker-processes".to_owned(), "us_per_task", per_task(warm_time)),
        Row::alone("worker-processes-started".to_owned(), "us_per_task", per_task(cold_time)),
        Row::alone("worker-processes-200-readers-of-8-MiB".to_owned(), "ms", broadcast_time.get()),
    ])
}
