use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::TaskId;
use crate::leaf::{FromDelayed, FutureHandle, PartitionData, Reading};
use crate::token::Token;

/// What a task reads that no other task gives.
#[derive(Clone, Debug)]
pub enum LeafInput {
    /// A live future, held strongly.
    Future(FutureInput),
    /// Data at hand.
    Data(DataInput),
}

/// A partition of a leaf of futures.
#[derive(Clone, Debug)]
pub struct FutureInput {
    /// The handle.
    pub handle: FutureHandle,
    /// What all partitions of the leaf share.
    pub leaf: Arc<FutureLeaf>,
    /// Which partition of the leaf.
    pub partition: usize,
}

/// What the partitions of a leaf of futures share. It holds none of its futures.
#[derive(Clone, Debug)]
pub struct FutureLeaf {
    /// The name of the leaf, for errors.
    pub name: Arc<str>,
    /// What the leaf promised: data of another schema is an error that names the partition.
    pub schema: SchemaRef,
    /// How the leaf reads its futures, and what makes their data again.
    pub reading: Reading,
}

impl FutureLeaf {
    pub(super) fn of(leaf: &FromDelayed) -> Self {
        FutureLeaf { name: leaf.name().into(), schema: leaf.schema().clone(), reading: leaf.reading().clone() }
    }
}

/// A partition of data at hand.
#[derive(Clone, Debug)]
pub struct DataInput {
    /// The batches.
    pub data: PartitionData,
    /// Their identity: that of the leaf, and which partition of it they are.
    pub token: Token,
}

/// Where the rows of an input slot come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A port of an earlier task.
    Task {
        /// The task.
        task: TaskId,
        /// Which of its ports.
        port: usize,
    },
    /// A live future.
    Future(&'a FutureInput),
    /// Data at hand.
    Data(&'a DataInput),
}

impl<'a> Source<'a> {
    /// The task that this reads, if it reads one.
    pub fn producer(self) -> Option<TaskId> {
        match self {
            Source::Task { task, .. } => Some(task),
            Source::Future(_) | Source::Data(_) => None,
        }
    }
}

impl<'a> From<&'a LeafInput> for Source<'a> {
    fn from(input: &'a LeafInput) -> Self {
        match input {
            LeafInput::Future(future) => Source::Future(future),
            LeafInput::Data(data) => Source::Data(data),
        }
    }
}
