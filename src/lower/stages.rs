use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::builder::{GraphBuilder, TaskInputs};
use super::piece::Piece;
use super::sources::Sources;
use super::tokens::{fragment_token, task_token};
use super::{Alias, Fragment, FragmentNode, FragmentOp, FragmentOutput, LowerError, Task, TaskGraph, TaskId};
use crate::leaf::FutureHandle;
use crate::token::Token;

/// The tasks made so far. Identical work is made once.
#[derive(Default)]
pub(super) struct Stages {
    graph: GraphBuilder,
    inputs: TaskInputs,
    by_token: HashMap<Token, TaskId>,
    aliases: Vec<Alias>,
    stages: usize,
}

impl Stages {
    /// Makes the tasks of a finished piece, one per partition, in partition order.
    pub(super) fn cut(&mut self, mut piece: Piece, output: FragmentOutput) -> Result<Vec<TaskId>, LowerError> {
        let edges = piece.slots.iter().map(|sources| sources.edges(piece.partitions));
        self.graph.reserve(piece.partitions, edges.fold(0, usize::saturating_add))?;
        let token = fragment_token(&piece.nodes, &output);
        let label = label(&piece.nodes, &output);
        let inputs = piece.slots.len();
        let nodes = std::mem::take(&mut piece.nodes);
        let fragment = Arc::new(Fragment { nodes, output, inputs, token, label });
        let stage = self.stages;
        let mut tasks = Vec::with_capacity(piece.partitions);
        for partition in 0..piece.partitions {
            self.inputs.clear();
            for sources in &piece.slots {
                sources.put(partition, &mut self.inputs);
                self.inputs.end_slot();
            }
            let producer = |task: TaskId| self.graph[task].token;
            let partition = piece.number(partition);
            let token = task_token(&fragment, partition, self.inputs.slots(), producer, FutureHandle::generation);
            if let Some(known) = self.by_token.get(&token) {
                let known = *known;
                tasks.push(known);
                self.alias(known, &fragment);
                continue;
            }
            self.stages = stage + 1;
            let task = Task { fragment: fragment.clone(), partition, stage, token, priority: 0 };
            let id = self.graph.push(task, &mut self.inputs);
            self.by_token.insert(token, id);
            tasks.push(id);
        }
        Ok(tasks)
    }

    /// The rows of a known task are those of a fragment that does the same for other nodes.
    fn alias(&mut self, task: TaskId, fragment: &Fragment) {
        let known = self.graph[task].fragment.nodes.iter();
        let others =
            known.zip(&fragment.nodes).enumerate().filter(|(_, (known, new))| known.plan_node != new.plan_node);
        self.aliases.extend(others.filter_map(|(operator, (_, new))| {
            new.plan_node.map(|plan_node| Alias { task, operator: operator as u32, plan_node: plan_node as u32 })
        }));
    }

    /// Makes at most `fan_in` tasks of many, by a tree of tasks of at most as many inputs. `nodes` reduce what
    /// lies in slot 0; what is reduced in parts and then again must be what is reduced at once.
    pub(super) fn reduce(
        &mut self,
        mut tasks: Vec<TaskId>,
        nodes: &[FragmentNode],
        fan_in: usize,
    ) -> Result<Vec<TaskId>, LowerError> {
        let fan_in = fan_in.max(2);
        while tasks.len() > fan_in {
            let groups = tasks.len().div_ceil(fan_in);
            let slots = vec![Sources::Groups(tasks.into(), groups)];
            tasks = self.cut(Piece::of(nodes.to_vec(), slots, groups), FragmentOutput::Whole)?;
        }
        Ok(tasks)
    }

    pub(super) fn into_graph(self, outputs: Vec<TaskId>, schema: SchemaRef) -> TaskGraph {
        self.graph.finish(outputs, schema, self.aliases).prioritized()
    }
}

/// The longest label: more operators than this are counted, not named.
const LABELLED: usize = 6;

/// The operators of a fragment in a few words.
pub(super) fn label(nodes: &[FragmentNode], output: &FragmentOutput) -> String {
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|node| match &node.op {
            FragmentOp::Input { .. } => None,
            op => Some(op.name()),
        })
        .chain(output.label())
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
