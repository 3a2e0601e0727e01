use std::ops::Deref;

use super::{Input, LeafInput, Source, TaskDag, TaskId};

/// All tasks of a plan: a [`TaskDag`] and the futures and data at its leaves, which it owns.
///
/// It does not change once it is built. Whoever runs it takes it apart with [`into_parts`](TaskGraph::into_parts)
/// and lets go of each future after its last read.
#[derive(Clone, Debug)]
pub struct TaskGraph {
    pub(super) dag: TaskDag,
    /// By task, slot and source.
    pub(super) leaf_inputs: Vec<LeafInput>,
}

impl TaskGraph {
    /// The sources of each slot of a task, in order. O(1) to begin, O(1) per source.
    pub fn slots(&self, task: TaskId) -> impl ExactSizeIterator<Item = impl ExactSizeIterator<Item = Source<'_>>> {
        self.dag.inputs(task).map(|slot| slot.map(|input| self.source(input)))
    }

    /// All sources of a task, slot after slot.
    pub fn sources(&self, task: TaskId) -> impl Iterator<Item = Source<'_>> {
        self.slots(task).flatten()
    }

    /// What tasks read that no other task gives: [`TaskDag::leaf_inputs_of`] says which is whose.
    pub fn leaf_inputs(&self) -> &[LeafInput] {
        &self.leaf_inputs
    }

    /// The tasks, and what [`Input::Leaf`] counts in.
    pub fn into_parts(self) -> (TaskDag, Vec<LeafInput>) {
        (self.dag, self.leaf_inputs)
    }

    fn source(&self, input: Input) -> Source<'_> {
        match input {
            Input::Task { task, port } => Source::Task { task, port },
            Input::Leaf(at) => Source::from(&self.leaf_inputs[at]),
        }
    }
}

impl Deref for TaskGraph {
    type Target = TaskDag;
    fn deref(&self) -> &TaskDag {
        &self.dag
    }
}
