use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::{Executor, RunFailure, RunReport};
use crate::expr::Frame;
use crate::leaf::FutureHandle;
use crate::lower::lower;
use crate::optimize::{Plan, PlanError, PlanOp, Planner};

/// The result of a plan, in this process.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows, in partition order. Batches without rows are left out.
    pub batches: Vec<RecordBatch>,
    /// Futures that live as long as this result: see [`Outcome::adopted`](super::Outcome::adopted).
    pub adopted: Vec<FutureHandle>,
    /// What happened, task by task.
    pub report: RunReport,
}

impl Collected {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Lowers a plan, runs it, and gathers its rows. The plan keeps its futures, so it can run again.
///
/// # Errors
/// A plan that contradicts itself, or a run that failed (with its report inside).
pub fn collect(plan: &Plan, executor: &dyn Executor) -> Result<Collected, RunFailure> {
    let mut result = executor.submit(lower(plan)?).wait();
    let report = match &mut result {
        Ok(outcome) => &mut outcome.report,
        Err(error) => &mut error.report,
    };
    fill_exchanges(plan, report);
    let outcome = result?;
    let batches = outcome.partitions.iter().flat_map(|partition| partition.iter());
    let batches = batches.filter(|batch| batch.num_rows() > 0).cloned().collect();
    Ok(Collected { schema: outcome.schema, batches, adopted: outcome.adopted, report: outcome.report })
}

/// Why a frame gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan did not run to its end.
    #[error(transparent)]
    Run(#[from] RunFailure),
}

impl Frame {
    /// Plans the frame, runs it, and gathers its rows. The frame keeps its futures, so it can be collected
    /// again, also after its maker has let go of every handle.
    ///
    /// # Errors
    /// No plan, or a run that failed (with its report inside).
    pub fn collect(&self, planner: &Planner, executor: &dyn Executor) -> Result<Collected, CollectError> {
        Ok(collect(&planner.plan(self.expr())?, executor)?)
    }
}

/// An exchange only moves rows: it gives what its input gave, however many tasks read it.
fn fill_exchanges(plan: &Plan, report: &mut RunReport) {
    let order = plan.post_order();
    let index: std::collections::HashMap<_, _> =
        order.iter().enumerate().map(|(at, node)| (Arc::as_ptr(node), at)).collect();
    for (at, node) in order.iter().enumerate() {
        if let (PlanOp::Exchange { .. }, [input]) = (&node.op, node.inputs.as_slice())
            && let Some(rows) = report.node_rows.get(&index[&Arc::as_ptr(input)]).copied()
        {
            report.node_rows.entry(at).or_insert(rows);
        }
    }
}
