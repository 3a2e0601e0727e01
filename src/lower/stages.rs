use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use petgraph::graph::DiGraph;

use super::piece::Piece;
use super::priority::set_priorities;
use super::tokens::{fragment_token, task_token};
use super::{Fragment, FragmentNode, FragmentOp, FragmentOutput, PortUse, Task, TaskGraph, TaskId, TaskInput};
use crate::leaf::FutureHandle;
use crate::token::Token;

/// The tasks made so far. Identical work is made once.
#[derive(Default)]
pub(super) struct Stages {
    graph: DiGraph<Task, PortUse, u32>,
    by_token: HashMap<Token, TaskId>,
    aliases: Vec<(usize, usize)>,
    stages: usize,
}

impl Stages {
    /// Makes the tasks of a finished piece, one per partition, in partition order.
    pub(super) fn cut(&mut self, piece: Piece, output: FragmentOutput) -> Vec<TaskId> {
        let token = fragment_token(&piece.nodes, &output);
        let label = label(&piece.nodes);
        let inputs = piece.slots.len();
        let fragment = Arc::new(Fragment { nodes: piece.nodes, output, inputs, token, label });
        let stage = self.stages;
        let mut tasks = Vec::with_capacity(piece.partitions);
        for partition in 0..piece.partitions {
            let inputs: Vec<Vec<TaskInput>> = piece.slots.iter().map(|sources| sources.of(partition)).collect();
            let producer = |task: TaskId| self.graph[task].token;
            let token = task_token(&fragment, partition, &inputs, producer, FutureHandle::generation);
            if let Some(known) = self.by_token.get(&token) {
                tasks.push(*known);
                continue;
            }
            self.stages = stage + 1;
            let slots = inputs.iter().enumerate();
            let reads = slots.flat_map(|(slot, sources)| sources.iter().map(move |source| (slot, source)));
            let edges: Vec<(TaskId, PortUse)> = reads
                .filter_map(|(slot, source)| match source {
                    TaskInput::Task { task, port } => Some((*task, PortUse { port: *port, slot })),
                    _ => None,
                })
                .collect();
            let task = Task { fragment: fragment.clone(), inputs, partition, stage, token, priority: 0 };
            let id = self.graph.add_node(task);
            for (producer, port_use) in edges {
                self.graph.add_edge(producer, id, port_use);
            }
            self.by_token.insert(token, id);
            tasks.push(id);
        }
        if let Some(first) = tasks.first().filter(|_| self.stages == stage) {
            // All of it is another stage's work: its rows are these nodes' rows.
            let nodes = self.graph[*first].fragment.nodes.iter().zip(&fragment.nodes);
            let pairs = nodes.filter_map(|(known, new)| new.plan_node.zip(known.plan_node));
            self.aliases.extend(pairs.filter(|(new, known)| new != known));
        }
        tasks
    }

    pub(super) fn into_graph(self, outputs: Vec<TaskId>, schema: SchemaRef) -> TaskGraph {
        let mut graph = TaskGraph { graph: self.graph, outputs, schema, aliases: self.aliases };
        set_priorities(&mut graph);
        graph
    }
}

/// The longest label: more operators than this are counted, not named.
const LABELLED: usize = 6;

/// The operators of a fragment in a few words.
pub(super) fn label(nodes: &[FragmentNode]) -> String {
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|node| match &node.op {
            FragmentOp::Input { .. } => None,
            op => Some(op.name()),
        })
        .collect();
    match names.as_slice() {
        [] => "read".to_owned(),
        names if names.len() <= LABELLED => names.join(" > "),
        [first @ .., last] => {
            let shown = &first[..LABELLED - 2];
            format!("{} > .. {} more > {last}", shown.join(" > "), first.len() - shown.len())
        }
    }
}
