//! What the threads of the local executor add to a task.

use std::sync::Arc;

use anyhow::ensure;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{Frame, col, lit};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::{Executor, KernelError, Kernels, LocalExecutor, SlotData, TaskContext, TaskOutput};
use leafhold_datafusion::{DataFusionKernels, EngineFunctions};

use crate::measure::{Minimum, timed};
use crate::python::{self, DASK};
use crate::report::Row;
use crate::reporting;

/// Tasks that do nothing.
const TRIVIAL: usize = 100_000;
/// Tasks of DataFusion's operators over a small batch.
const SMALL: usize = 10_000;
/// Rows of a small batch.
const ROWS: i64 = 100;
const THREADS: usize = 2;

/// Kernels that give the same empty batch every time.
struct Nothing(RecordBatch);

impl Kernels for Nothing {
    fn run(&self, fragment: &Fragment, _: Vec<SlotData>, _: &TaskContext) -> Result<TaskOutput, KernelError> {
        let ports = (0..fragment.output.ports()).map(|_| vec![self.0.clone()]).collect();
        Ok(TaskOutput { ports, node_rows: Vec::new(), ..TaskOutput::default() })
    }
}

fn batch(rows: i64) -> RecordBatch {
    let numbers = Int64Array::from_iter_values(0..rows);
    RecordBatch::try_from_iter([("a", Arc::new(numbers) as _)]).expect("a column of numbers is a batch")
}

/// A filter per partition of a small batch, of which half of the rows pass: what could be known beforehand is pruned.
fn graph(tasks: usize) -> anyhow::Result<TaskGraph> {
    let batch = batch(ROWS);
    let schema = batch.schema();
    let values = Values::new("t", schema, (0..tasks).map(|_| vec![batch.clone()]).collect());
    let frame = Frame::from_leaf(Leaf::Values(values))?.filter(col("a").gt(lit(ROWS / 2)))?;
    let graph = lower(&Planner::new(Arc::new(EngineFunctions)).plan(frame.expr())?)?;
    ensure!(graph.len() == tasks, "{} tasks instead of {tasks}", graph.len());
    Ok(graph)
}

fn per_task(executor: &LocalExecutor, graph: &TaskGraph, repetitions: usize) -> anyhow::Result<f64> {
    let mut time = Minimum::default();
    for _ in 0..repetitions {
        let tasks = graph.clone();
        let (outcome, taken) = timed(|| executor.submit(tasks).wait())?;
        ensure!(outcome.report.is_ok());
        time.add(taken);
    }
    Ok(time.get() * 1e3 / graph.len() as f64)
}

/// Microseconds per task: of tasks that do nothing, beside peers; of small ones; and what observers and reports take of
/// both.
pub fn rows(repetitions: usize) -> anyhow::Result<Vec<Row>> {
    let trivial = graph(TRIVIAL)?;
    let nothing = LocalExecutor::new(Arc::new(Nothing(batch(0))), THREADS);
    let plain = per_task(&nothing, &trivial, repetitions)?;
    let datafusion = LocalExecutor::new(Arc::new(DataFusionKernels), THREADS);
    let small = per_task(&datafusion, &graph(SMALL)?, repetitions)?;
    let peers = python::executors(repetitions);
    let mut rows =
        vec![Row::beside("threads".to_owned(), "us_per_task", plain, DASK, peers.map(|peers| peers.dask_us))];
    if let Some(ray) = peers.and_then(|peers| peers.ray_us) {
        rows.push(Row::new("threads".to_owned(), "us_per_task", plain, "Ray", ray));
    }
    rows.push(Row::alone("threads-datafusion-100-rows".to_owned(), "us_per_task", small));
    rows.extend(reporting::rows("tasks that do nothing", &nothing, &trivial, repetitions)?);
    rows.extend(reporting::rows("DataFusion over 100 rows", &datafusion, &trivial, repetitions)?);
    Ok(rows)
}
