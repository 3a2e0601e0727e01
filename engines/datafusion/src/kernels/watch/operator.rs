use std::any::Any;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::WindowAggExec;
use futures::{StreamExt, TryStreamExt};

use super::Watch;
use super::sort::WatchedSort;
use crate::kernels::mapped::MappedExec;
use crate::kernels::source::slices;

/// The batches of an operator, as long as the task is not cancelled.
///
/// Sources look for themselves. But one batch of theirs may become any number in a join, and whoever reads those to their
/// end, such as an aggregate, would not be stopped before it has; and a window gives all of its rows as one batch, which
/// would be worked on without a look.
pub(super) fn watched(input: Arc<dyn ExecutionPlan>, watch: Watch) -> MappedExec {
    MappedExec::new("WatchedExec", input, move |batches| {
        let watch = watch.clone();
        let pieces = batches.map_ok(|batch| futures::stream::iter(slices(batch).map(Ok))).try_flatten();
        pieces.and_then(move |piece| std::future::ready(watch.look().map(|()| piece))).boxed()
    })
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

/// The leaves of a plan, what makes many batches, and sorts, watched.
pub(super) fn watched_plan(plan: Arc<dyn ExecutionPlan>, watch: &Watch) -> Result<Arc<dyn ExecutionPlan>> {
    let watched = plan.transform_up(|node| {
        let any: &dyn Any = &*node;
        if let Some(sort) = any.downcast_ref::<SortExec>() {
            return Ok(Transformed::yes(Arc::new(WatchedSort::new(sort, watch.clone())) as _));
        }
        match node.children().is_empty() || makes_many(&*node) {
            true => Ok(Transformed::yes(watch.batches(node))),
            false => Ok(Transformed::no(node)),
        }
    })?;
    Ok(watched.data)
}
