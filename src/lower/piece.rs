use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::sources::Sources;
use super::{FragmentNode, FragmentOp};
use crate::term::ColumnId;

/// A fragment in the making: operators that will run together, on one partition per task.
#[derive(Clone)]
pub(super) struct Piece {
    /// The operators; the last one is the root.
    pub(super) nodes: Vec<FragmentNode>,
    /// How many operators stand above one another.
    pub(super) height: usize,
    /// The sources of each slot.
    pub(super) slots: Vec<Sources>,
    /// How many partitions the rows lie in.
    pub(super) partitions: usize,
    /// Which partitions of the table that is scanned these are; all of them, from 0 on, when absent.
    pub(super) numbers: Option<Arc<[usize]>>,
    /// Which column lies at which position of the root.
    pub(super) layout: Vec<ColumnId>,
    /// The states of a partial aggregate: the engine's columns follow the layout.
    pub(super) open: bool,
}

impl Piece {
    /// A piece of one operator without inputs.
    pub(super) fn start(
        op: FragmentOp,
        schema: SchemaRef,
        plan_node: Option<usize>,
        slots: Vec<Sources>,
        partitions: usize,
        layout: Vec<ColumnId>,
    ) -> Self {
        let nodes = vec![FragmentNode { op, inputs: Vec::new(), schema, plan_node }];
        Piece { layout, ..Piece::of(nodes, slots, partitions) }
    }

    /// A piece of these operators, whose columns nobody looks up.
    pub(super) fn of(nodes: Vec<FragmentNode>, slots: Vec<Sources>, partitions: usize) -> Self {
        let height = nodes.len();
        Piece { nodes, height, slots, partitions, numbers: None, layout: Vec::new(), open: false }
    }

    /// The number of a partition: that of the table, where only some of its partitions are read.
    pub(super) fn number(&self, partition: usize) -> usize {
        self.numbers.as_ref().map_or(partition, |numbers| numbers[partition])
    }

    /// The schema of the root.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.nodes[self.root()].schema
    }

    pub(super) fn root(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Puts an operator on top; `inputs` are nodes of this piece.
    pub(super) fn push(&mut self, op: FragmentOp, inputs: Vec<usize>, schema: SchemaRef, plan_node: Option<usize>) {
        self.nodes.push(FragmentNode { op, inputs, schema, plan_node });
        self.height += 1;
    }

    /// Whether a table is scanned in this.
    pub(super) fn scans(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.op, FragmentOp::Scan { .. }))
    }

    /// Whether this only reads what other tasks gave, so that a copy repeats no work and counts no
    /// rows twice.
    pub(super) fn only_reads_tasks(&self) -> bool {
        matches!(self.nodes.as_slice(), [FragmentNode { op: FragmentOp::Input { .. }, plan_node: None, .. }])
    }

    /// Whether this hands on what lies in a slot, or some of its columns.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self.nodes.as_slice(), [FragmentNode { op: FragmentOp::Input { .. }, .. }])
    }

    /// Takes in the operators and slots of another piece; returns where its root is now.
    pub(super) fn absorb(&mut self, other: Piece) -> usize {
        let (nodes, slots) = (self.nodes.len(), self.slots.len());
        self.height = self.height.max(other.height);
        self.slots.extend(other.slots);
        self.nodes.extend(other.nodes.into_iter().map(|mut node| {
            node.inputs.iter_mut().for_each(|input| *input += nodes);
            if let FragmentOp::Input { slot, .. } | FragmentOp::MergeInput { slot, .. } = &mut node.op {
                *slot += slots;
            }
            node
        }));
        self.root()
    }
}
