use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use leafhold::run::TaskContext as LeafholdTask;

/// The batches of an operator, as long as the run is not cancelled.
///
/// Sources look for themselves. But one batch of theirs may become any number in a join, and whoever reads those to their
/// end, such as an aggregate, would not be stopped before it has.
#[derive(Debug)]
struct WatchedExec {
    input: Arc<dyn ExecutionPlan>,
    cancelled: Arc<AtomicBool>,
}

/// The same operator, watched if it makes many batches of one.
pub(super) fn watched(input: Arc<dyn ExecutionPlan>, task: &LeafholdTask) -> Arc<dyn ExecutionPlan> {
    let any: &dyn std::any::Any = &*input;
    match any.is::<HashJoinExec>() || any.is::<NestedLoopJoinExec>() || any.is::<CrossJoinExec>() {
        true => Arc::new(WatchedExec { input, cancelled: task.cancelled.clone() }),
        false => input,
    }
}

impl DisplayAs for WatchedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatchedExec")
    }
}

impl ExecutionPlan for WatchedExec {
    fn name(&self) -> &str {
        "WatchedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Arc::new(WatchedExec { input, cancelled: self.cancelled.clone() })),
            _ => exec_err!("WatchedExec has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let cancelled = self.cancelled.clone();
        let batches =
            self.input.execute(partition, context)?.map(move |batch| match cancelled.load(Ordering::Relaxed) {
                true => exec_err!("cancelled"),
                false => batch,
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), batches)))
    }
}
