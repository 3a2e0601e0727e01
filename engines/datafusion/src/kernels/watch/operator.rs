use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::TryStreamExt;

use super::Watch;
use crate::kernels::source::slices;

/// The batches of an operator, as long as the task is not cancelled.
///
/// Sources look for themselves. But one batch of theirs may become any number in a join, and whoever reads those to their
/// end, such as an aggregate, would not be stopped before it has; and a window gives all of its rows as one batch, which
/// would be worked on without a look.
#[derive(Debug)]
pub(super) struct WatchedExec {
    input: Arc<dyn ExecutionPlan>,
    watch: Watch,
}

impl WatchedExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, watch: Watch) -> Self {
        WatchedExec { input, watch }
    }
}

/// Whether an operator makes many batches of one, or a large one of many.
pub(super) fn makes_many(operator: &dyn ExecutionPlan) -> bool {
    let any: &dyn Any = operator;
    any.is::<HashJoinExec>()
        || any.is::<NestedLoopJoinExec>()
        || any.is::<CrossJoinExec>()
        || any.is::<WindowAggExec>()
        || any.is::<UnnestExec>()
}

/// The leaves of a plan and what makes many batches, watched.
pub(super) fn watched_plan(plan: Arc<dyn ExecutionPlan>, watch: &Watch) -> Result<Arc<dyn ExecutionPlan>> {
    let watched = plan.transform_up(|node| match node.children().is_empty() || makes_many(&*node) {
        true => Ok(Transformed::yes(watch.batches(node))),
        false => Ok(Transformed::no(node)),
    })?;
    Ok(watched.data)
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
            (Some(input), true) => Ok(Arc::new(WatchedExec::new(input, self.watch.clone()))),
            _ => exec_err!("WatchedExec has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let watch = self.watch.clone();
        let batches = self.input.execute(partition, context)?;
        let pieces = batches.map_ok(|batch| futures::stream::iter(slices(batch).map(Ok))).try_flatten();
        let pieces = pieces.and_then(move |piece| std::future::ready(watch.look().map(|()| piece)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), pieces)))
    }
}
