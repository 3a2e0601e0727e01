use std::sync::Arc;

use arrow_schema::SchemaRef;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Fragment;
use crate::leaf::{FutureHandle, PartitionData, Reading};
use crate::token::Token;

/// The name of a task within its graph.
pub type TaskId = NodeIndex<u32>;

/// Where the rows of an input slot come from.
#[derive(Clone, Debug)]
pub enum TaskInput {
    /// A port of an earlier task.
    Task {
        /// The task.
        task: TaskId,
        /// Which of its ports.
        port: usize,
    },
    /// A live future, held strongly.
    Future {
        /// The handle.
        handle: FutureHandle,
        /// The name of the leaf, for errors.
        leaf: Arc<str>,
        /// Which partition of the leaf.
        partition: usize,
        /// What the leaf promised: data of another schema is an error that names the partition.
        schema: SchemaRef,
        /// How the leaf reads its futures, and what makes their data again.
        reading: Reading,
    },
    /// Data at hand.
    Data {
        /// The batches.
        data: PartitionData,
        /// Their identity: that of the leaf, and which partition of it they are.
        token: Token,
    },
}

impl TaskInput {
    /// The task that this reads, if it reads one.
    pub fn producer(&self) -> Option<TaskId> {
        match self {
            TaskInput::Task { task, .. } => Some(*task),
            _ => None,
        }
    }
}

/// One piece of work: a shared fragment and where its inputs come from.
#[derive(Clone, Debug)]
pub struct Task {
    /// What to compute.
    pub fragment: Arc<Fragment>,
    /// For each slot, its sources in order.
    pub inputs: Vec<Vec<TaskInput>>,
    /// Which partition of its stage this is.
    pub partition: usize,
    /// Which stage: tasks of one fragment, numbered in topological order.
    pub stage: usize,
    /// The identity of the work: fragment, partition and inputs. Identical work is one task.
    pub token: Token,
    /// Larger runs first.
    pub priority: i64,
}

/// An edge: the consumer reads a port of the producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortUse {
    /// The producer's port.
    pub port: usize,
    /// The consumer's slot.
    pub slot: usize,
}

/// All tasks of a plan. It owns the futures that its tasks read.
#[derive(Clone, Debug)]
pub struct TaskGraph {
    /// The tasks; an edge goes from a producer to a consumer.
    pub graph: DiGraph<Task, PortUse, u32>,
    /// The tasks whose port 0 is the result, in partition order.
    pub outputs: Vec<TaskId>,
    /// The schema of the result.
    pub schema: SchemaRef,
    /// Nodes of the plan that do the same as another one, and that one: they have no tasks of their
    /// own, and the other's rows.
    pub aliases: Vec<(usize, usize)>,
}

impl TaskGraph {
    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// A task.
    pub fn task(&self, id: TaskId) -> &Task {
        &self.graph[id]
    }
}

impl std::ops::Index<usize> for TaskGraph {
    type Output = Task;
    fn index(&self, task: usize) -> &Task {
        &self.graph[TaskId::new(task)]
    }
}

impl std::ops::IndexMut<usize> for TaskGraph {
    fn index_mut(&mut self, task: usize) -> &mut Task {
        &mut self.graph[TaskId::new(task)]
    }
}
