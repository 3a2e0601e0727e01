use arrow_schema::SchemaRef;
use petgraph::graph::DiGraph;

use super::dag::LeafPlace;
use super::priority::set_priorities;
use super::{Alias, LeafInput, LowerError, PortUse, Source, Task, TaskDag, TaskGraph, TaskId};

/// What a task is going to read, slot by slot. One is used for all tasks of a graph.
#[derive(Default)]
pub(super) struct TaskInputs {
    sources: Vec<TaskInput>,
    /// Where each slot ends.
    ends: Vec<usize>,
}

/// One source of a task that is not in the graph yet.
pub(super) enum TaskInput {
    Task { task: TaskId, port: usize },
    Leaf(LeafInput),
}

impl TaskInputs {
    pub(super) fn clear(&mut self) {
        self.sources.clear();
        self.ends.clear();
    }

    /// Adds a source to the slot in the making.
    pub(super) fn push(&mut self, source: TaskInput) {
        self.sources.push(source);
    }

    /// Begins the next slot.
    pub(super) fn end_slot(&mut self) {
        self.ends.push(self.sources.len());
    }

    pub(super) fn slots(&self) -> impl ExactSizeIterator<Item = impl ExactSizeIterator<Item = Source<'_>>> {
        (0..self.ends.len()).map(|slot| {
            let from = slot.checked_sub(1).map_or(0, |before| self.ends[before]);
            self.sources[from..self.ends[slot]].iter().map(|source| match source {
                TaskInput::Task { task, port } => Source::Task { task: *task, port: *port },
                TaskInput::Leaf(input) => Source::from(input),
            })
        })
    }
}

impl std::ops::Index<TaskId> for GraphBuilder {
    type Output = Task;
    fn index(&self, task: TaskId) -> &Task {
        &self.graph[task]
    }
}

/// A task graph in the making. Tasks come after those that they read.
#[derive(Default)]
pub(super) struct GraphBuilder {
    graph: DiGraph<Task, PortUse, u32>,
    first_edges: Vec<u32>,
    first_leaves: Vec<u32>,
    leaf_places: Vec<LeafPlace>,
    leaf_inputs: Vec<LeafInput>,
}

impl GraphBuilder {
    pub(super) fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// A task that is there already.
    pub(super) fn get(&self, task: TaskId) -> Option<&Task> {
        self.graph.node_weight(task)
    }

    /// Makes room for so many tasks and edges.
    ///
    /// # Errors
    /// When the graph would have more than its indices can count.
    pub(super) fn reserve(&mut self, tasks: usize, edges: usize) -> Result<(), LowerError> {
        let (all_tasks, all_edges) = (self.len().saturating_add(tasks), self.graph.edge_count().saturating_add(edges));
        // The last index of each kind means "none".
        if all_tasks.max(all_edges) >= u32::MAX as usize {
            return Err(LowerError::TooLarge { tasks: all_tasks, edges: all_edges });
        }
        self.graph.reserve_edges(edges);
        self.graph.reserve_nodes(tasks);
        Ok(())
    }

    /// Adds a task, for which there must be room, and takes its inputs.
    pub(super) fn push(&mut self, task: Task, inputs: &mut TaskInputs) -> TaskId {
        self.first_edges.push(self.graph.edge_count() as u32);
        self.first_leaves.push(self.leaf_inputs.len() as u32);
        let id = self.graph.add_node(task);
        let mut from = 0;
        let mut sources = inputs.sources.drain(..);
        for (slot, end) in inputs.ends.drain(..).enumerate() {
            for (position, source) in sources.by_ref().take(end - from).enumerate() {
                let (slot, position) = (slot as u32, position as u32);
                match source {
                    TaskInput::Task { task, port } => {
                        self.graph.add_edge(task, id, PortUse { port: port as u32, slot });
                    }
                    TaskInput::Leaf(input) => {
                        self.leaf_places.push(LeafPlace { slot, position });
                        self.leaf_inputs.push(input);
                    }
                }
            }
            from = end;
        }
        id
    }

    /// The graph, without priorities.
    pub(super) fn finish(mut self, outputs: Vec<TaskId>, schema: SchemaRef, mut aliases: Vec<Alias>) -> TaskGraph {
        aliases.sort_unstable();
        aliases.dedup();
        self.first_edges.push(self.graph.edge_count() as u32);
        self.first_leaves.push(self.leaf_inputs.len() as u32);
        self.graph.shrink_to_fit();
        self.first_edges.shrink_to_fit();
        self.first_leaves.shrink_to_fit();
        self.leaf_places.shrink_to_fit();
        self.leaf_inputs.shrink_to_fit();
        let (first_edges, first_leaves, leaf_places) = (self.first_edges, self.first_leaves, self.leaf_places);
        let dag = TaskDag { outputs, schema, aliases, graph: self.graph, first_edges, first_leaves, leaf_places };
        TaskGraph { dag, leaf_inputs: self.leaf_inputs }
    }
}

impl TaskGraph {
    /// Sets the priorities: see [`set_priorities`].
    pub(super) fn prioritized(mut self) -> TaskGraph {
        set_priorities(&mut self.dag);
        self
    }
}
