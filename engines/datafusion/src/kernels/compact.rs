//! Batches that hold no more memory than they show.
//!
//! A slice shares the buffers of the whole. Aggregates and windows make all of their rows as one batch and hand out
//! slices of it, and a source does so with a large batch that it is given. Most operators do not mind; some count what
//! they hold by whole buffers, once for each batch, so that rows in *n* slices are *n* times as large to them. Under a limit of
//! memory they, and all who share the limit, would go to files long before there is no room. There they are given copies of
//! what slices show:
//!
//! | operator | counts the buffers of | and is given |
//! |---|---|---|
//! | sort, top-k | each batch that it keeps | copies |
//! | nested loop join | each batch of the side that it holds | copies |
//! | hash join | all batches together, each buffer once | slices |
//! | merge of sorted partitions | one batch or two of each | slices |
//! | aggregate, window | no batch | slices |
//!
//! What DataFusion itself planned, behind a barrier, is left as it is.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use futures::{StreamExt, TryStreamExt};
use leafhold::leaf::compact;

use super::mapped::MappedExec;

/// The batches of an operator, with buffers of their own where they show less than half of those that they have.
pub(super) fn compacted(input: Arc<dyn ExecutionPlan>) -> MappedExec {
    MappedExec::new("CompactExec", input, |batches| {
        batches.and_then(|batch| std::future::ready(compact(&batch).map_err(Into::into))).boxed()
    })
}
