use std::ops::{Index, Range};

use arrow_schema::SchemaRef;
use petgraph::Direction;
use petgraph::graph::{DiGraph, Edge};

use super::{Alias, PortUse, Task, TaskId};

/// The tasks of a plan and who reads whom: a [`TaskGraph`](super::TaskGraph) without the futures and the data at
/// its leaves, so that reports and schedules may keep it as long as they like.
///
/// An edge takes 24 bytes, a task with its node in the graph 80, a leaf input 8 and its 40 in the task graph.
#[derive(Clone, Debug)]
pub struct TaskDag {
    /// The tasks whose port 0 is the result, in partition order.
    pub outputs: Vec<TaskId>,
    /// The schema of the result.
    pub schema: SchemaRef,
    /// The nodes whose work other nodes' tasks do, in order, each once.
    pub(super) aliases: Vec<Alias>,
    /// An edge goes from a producer to a consumer. Those into one task lie together, by slot, and in the order
    /// of the sources within a slot.
    pub(super) graph: DiGraph<Task, PortUse, u32>,
    /// Where the edges into each task begin; one more than there are tasks.
    pub(super) first_edges: Vec<u32>,
    /// Where the leaf inputs of each task begin; one more than there are tasks.
    pub(super) first_leaves: Vec<u32>,
    /// Where in its task each leaf input is read.
    pub(super) leaf_places: Vec<LeafPlace>,
}

/// Where a task reads a leaf input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeafPlace {
    pub(super) slot: u32,
    /// Which source of the slot it is.
    pub(super) position: u32,
}

/// One source of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A port of an earlier task.
    Task {
        /// The task.
        task: TaskId,
        /// Which of its ports.
        port: usize,
    },
    /// One of the graph's leaf inputs.
    Leaf(usize),
}

impl TaskDag {
    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// How many edges there are: each is one read of one port.
    pub fn edge_count(&self) -> usize {
        self.graph.edge_count()
    }

    /// A task.
    pub fn task(&self, id: TaskId) -> &Task {
        &self.graph[id]
    }

    /// The tasks, producers before their consumers: the one at position `n` has id `n`.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &Task> + DoubleEndedIterator {
        self.graph.raw_nodes().iter().map(|node| &node.weight)
    }

    /// The ids of all tasks, producers before their consumers.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = TaskId> + DoubleEndedIterator + use<> {
        (0..self.len()).map(TaskId::new)
    }

    /// The sources of each slot of a task, in order. O(1) to begin, O(1) per source.
    pub fn inputs(&self, task: TaskId) -> impl ExactSizeIterator<Item = SlotInputs<'_>> {
        let (mut edges, mut leaves) = (self.edges_into(task), self.leaf_inputs_of(task));
        (0..self.task(task).fragment.inputs).map(move |slot| {
            let in_slot = |edge: &Edge<PortUse, u32>| edge.weight.slot as usize == slot;
            let (own, others) = edges.split_at(edges.iter().take_while(|edge| in_slot(edge)).count());
            edges = others;
            let places = &self.leaf_places[leaves.clone()];
            let count = places.iter().take_while(|place| place.slot as usize == slot).count();
            let own_leaves = leaves.start..leaves.start + count;
            leaves.start += count;
            SlotInputs { edges: own, leaves: own_leaves, places: &self.leaf_places, position: 0 }
        })
    }

    /// What a task reads of other tasks, once for each read, by slot and source.
    pub fn reads(&self, task: TaskId) -> impl ExactSizeIterator<Item = (TaskId, PortUse)> + Clone {
        self.edges_into(task).iter().map(|edge| (edge.source(), edge.weight))
    }

    /// The tasks that a task reads, each once, by id.
    pub fn producers(&self, task: TaskId) -> Vec<TaskId> {
        let mut producers: Vec<TaskId> = self.reads(task).map(|(producer, _)| producer).collect();
        producers.sort_unstable();
        producers.dedup();
        producers
    }

    /// The tasks that read a task, once for each read, the last first.
    pub fn consumers(&self, task: TaskId) -> impl Iterator<Item = (TaskId, PortUse)> {
        use petgraph::visit::EdgeRef;
        self.graph.edges_directed(task, Direction::Outgoing).map(|edge| (edge.target(), *edge.weight()))
    }

    /// Which of the graph's leaf inputs a task reads, by slot and source.
    pub fn leaf_inputs_of(&self, task: TaskId) -> Range<usize> {
        let at = task.index();
        self.first_leaves[at] as usize..self.first_leaves[at + 1] as usize
    }

    /// The nodes of the plan that have other nodes' tasks, by task.
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// The nodes of the plan for which a task was not made, and whose rows it gives. O(log n) in all of them.
    pub fn aliases_of(&self, task: TaskId) -> &[Alias] {
        let from = self.aliases.partition_point(|alias| alias.task < task);
        let count = self.aliases[from..].partition_point(|alias| alias.task == task);
        &self.aliases[from..from + count]
    }

    fn edges_into(&self, task: TaskId) -> &[Edge<PortUse, u32>] {
        let at = task.index();
        &self.graph.raw_edges()[self.first_edges[at] as usize..self.first_edges[at + 1] as usize]
    }
}

impl Index<usize> for TaskDag {
    type Output = Task;
    fn index(&self, task: usize) -> &Task {
        &self.graph[TaskId::new(task)]
    }
}

impl Index<TaskId> for TaskDag {
    type Output = Task;
    fn index(&self, task: TaskId) -> &Task {
        &self.graph[task]
    }
}

/// The sources of one slot, in order.
#[derive(Clone, Debug)]
pub struct SlotInputs<'a> {
    edges: &'a [Edge<PortUse, u32>],
    leaves: Range<usize>,
    places: &'a [LeafPlace],
    position: u32,
}

impl Iterator for SlotInputs<'_> {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        let leaf_is_next = !self.leaves.is_empty() && self.places[self.leaves.start].position == self.position;
        self.position += 1;
        if leaf_is_next {
            return self.leaves.next().map(Input::Leaf);
        }
        let (edge, others) = self.edges.split_first()?;
        self.edges = others;
        Some(Input::Task { task: edge.source(), port: edge.weight.port as usize })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.edges.len() + self.leaves.len();
        (len, Some(len))
    }
}

impl ExactSizeIterator for SlotInputs<'_> {}
