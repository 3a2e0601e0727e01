use std::sync::Arc;

use super::builder::{TaskInput, TaskInputs};
use super::{DataInput, FutureInput, FutureLeaf, LeafInput, TaskId};
use crate::leaf::{FromDelayed, Leaf, Values};
use crate::token::{Token, Tokenizer};

/// Where a slot's rows come from, for every partition of a stage: a rule, not a list per partition.
#[derive(Clone)]
pub(super) enum Sources {
    /// A partition reads port 0 of the task at its position.
    Each(Arc<[TaskId]>),
    /// Every partition reads port 0 of all of these.
    All(Arc<[TaskId]>),
    /// A partition reads the port of its own number of all of these.
    Ports(Arc<[TaskId]>),
    /// So many partitions divide these among them, in order, and read port 0 of theirs.
    Groups(Arc<[TaskId]>, usize),
    /// A partition reads the future at its position.
    Futures(FromDelayed, Arc<FutureLeaf>),
    /// A partition reads the data at its position. With the leaf's identity.
    Data(Values, Token),
}

impl Sources {
    /// What the partitions of one stage give, to the same partitions of another.
    pub(super) fn each(tasks: Vec<TaskId>) -> Self {
        match tasks.len() {
            // One partition may be read by many tasks.
            1 => Sources::All(tasks.into()),
            _ => Sources::Each(tasks.into()),
        }
    }

    pub(super) fn data(values: &Values, leaf: &Leaf) -> Self {
        let mut tokenizer = Tokenizer::new("values-leaf");
        leaf.tokenize(&mut tokenizer, false);
        Sources::Data(values.clone(), tokenizer.finish())
    }

    /// How many reads of tasks so many partitions make.
    pub(super) fn edges(&self, partitions: usize) -> usize {
        match self {
            Sources::Each(_) => partitions,
            Sources::All(tasks) | Sources::Ports(tasks) => tasks.len().saturating_mul(partitions),
            Sources::Groups(tasks, _) => tasks.len(),
            Sources::Futures(..) | Sources::Data(..) => 0,
        }
    }

    /// Puts what one partition reads.
    pub(super) fn put(&self, partition: usize, inputs: &mut TaskInputs) {
        match self {
            Sources::Each(tasks) => inputs.push(TaskInput::Task { task: tasks[partition], port: 0 }),
            Sources::All(tasks) => tasks.iter().for_each(|task| inputs.push(TaskInput::Task { task: *task, port: 0 })),
            Sources::Ports(tasks) => {
                tasks.iter().for_each(|task| inputs.push(TaskInput::Task { task: *task, port: partition }));
            }
            Sources::Groups(tasks, groups) => {
                let bound = |group: usize| group * tasks.len() / groups;
                let own = &tasks[bound(partition)..bound(partition + 1)];
                own.iter().for_each(|task| inputs.push(TaskInput::Task { task: *task, port: 0 }));
            }
            Sources::Futures(leaf, shared) => {
                let handle = leaf.handles()[partition].clone();
                let future = FutureInput { handle, leaf: shared.clone(), partition };
                inputs.push(TaskInput::Leaf(LeafInput::Future(future)));
            }
            Sources::Data(values, leaf) => {
                let (data, token) = (values.partitions()[partition].clone(), partition_token(*leaf, partition));
                inputs.push(TaskInput::Leaf(LeafInput::Data(DataInput { data, token })));
            }
        }
    }
}

fn partition_token(leaf: Token, partition: usize) -> Token {
    let mut tokenizer = Tokenizer::new("values-partition");
    tokenizer.put_token(leaf);
    tokenizer.put(&partition);
    tokenizer.finish()
}
