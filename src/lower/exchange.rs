use std::collections::HashMap;
use std::sync::Arc;

use super::lowering::{Lowering, expect_inputs, partial_input};
use super::piece::Piece;
use super::positions::{Positions, positional};
use super::ranges::range_keys;
use super::sources::Sources;
use super::{FragmentNode, FragmentOp, FragmentOutput, LowerError, TaskId};
use crate::expr::{RowOrder, SortKey};
use crate::optimize::{Partitioning, PhysicalOp, PlanNode, PlanOp, ResultPartitions};
use crate::term::{AggregatePhase, ColumnId};

impl Lowering<'_> {
    /// Cuts below an exchange; what is left is the read of what the tasks below give.
    pub(super) fn exchange(
        &mut self,
        at: usize,
        node: &PlanNode,
        to: &Partitioning<ColumnId>,
        merge: &[SortKey<ColumnId>],
    ) -> Result<Piece, LowerError> {
        expect_inputs(at, node, 1)?;
        let piece = self.take(&node.inputs[0]);
        match to {
            // Rows that may lie anyhow, and rows that already lie in one partition, stay.
            Partitioning::Any => Ok(piece),
            Partitioning::Single if piece.partitions == 1 => Ok(piece),
            Partitioning::Single | Partitioning::Replicated => self.gather(at, node, piece, merge),
            Partitioning::Hashed(columns) => self.shuffle(at, piece, columns),
        }
    }

    /// All rows in one partition. Where rows become fewer when partitions meet, a tree of tasks makes them so.
    fn gather(
        &mut self,
        at: usize,
        node: &PlanNode,
        mut piece: Piece,
        merge: &[SortKey<ColumnId>],
    ) -> Result<Piece, LowerError> {
        let (layout, schema, open) = (piece.layout.clone(), piece.schema().clone(), piece.open);
        let (mut op, mut plan_node) = (FragmentOp::Input { slot: 0, columns: None }, None);
        let input = |op| FragmentNode { op, inputs: Vec::new(), schema: schema.clone(), plan_node: None };
        let over = |op, argument_schema| {
            let op = FragmentOp::Compute { op, argument_schema };
            FragmentNode { op, inputs: vec![0], schema: schema.clone(), plan_node: None }
        };
        let mut reduction = Vec::new();
        if !merge.is_empty() {
            let keys = Positions::new("exchange", at, [layout.as_slice()]).sort_keys(merge)?;
            let fetch = match &node.inputs[0].op {
                PlanOp::Compute(PhysicalOp::Sort { fetch, .. }) => *fetch,
                _ => None,
            };
            let ranges = range_keys(&keys, node.rows).filter(|_| fetch.is_none() && self.plan.target_partitions > 1);
            op = FragmentOp::MergeInput { slot: 0, keys, fetch };
            plan_node = Some(at);
            if let Some(ranges) = ranges {
                let piece = self.ranges(at, piece, &op, ranges)?;
                // In order, they are the whole; the result may have them as its partitions.
                return if self.is_result(node) { Ok(piece) } else { self.one_after_the_other(piece) };
            }
            reduction.push(input(op.clone()));
        } else if let (true, PlanOp::Compute(states)) = (open, &node.inputs[0].op) {
            let arguments = &partial_input(at, node)?.output;
            let mut combine = states.clone();
            if let PhysicalOp::Aggregate { phase, .. } = &mut combine {
                *phase = AggregatePhase::Combine;
            }
            let combine = positional(&combine, at, &[&layout], Some(arguments))?;
            reduction.extend([input(op.clone()), over(combine, Some(self.schema_of(arguments)))]);
        } else if let Some(rows) = self.limits.get(&std::ptr::from_ref(node)) {
            let limit = PhysicalOp::Limit { offset: 0, fetch: Some(*rows) };
            if !piece.only_reads_tasks() {
                let (root, op) = (piece.root(), FragmentOp::Compute { op: limit.clone(), argument_schema: None });
                piece.push(op, vec![root], schema.clone(), None);
            }
            reduction.extend([input(op.clone()), over(limit, None)]);
        }
        let mut tasks = self.stages.cut(piece, FragmentOutput::Whole)?;
        if !reduction.is_empty() {
            tasks = self.stages.reduce(tasks, &reduction, self.plan.fan_in)?;
        }
        let sources = vec![Sources::All(tasks.into())];
        Ok(Piece { open, ..Piece::start(op, schema, plan_node, sources, 1, layout) })
    }

    /// The tasks of the result, which lies as somebody wished, if so.
    pub(super) fn result(&mut self, mut piece: Piece) -> Result<Vec<TaskId>, LowerError> {
        let Some(ResultPartitions { hashed, count }) = self.plan.result.clone() else {
            return self.stages.cut(piece, FragmentOutput::Whole);
        };
        // They may lie so already.
        let evenly = hashed.is_empty() && count == piece.partitions;
        if evenly || !hashed.is_empty() && !self.plan.moves_for_result() {
            return self.stages.cut(piece, FragmentOutput::Whole);
        }
        let schema = piece.schema().clone();
        let read = FragmentOp::Input { slot: 0, columns: None };
        let nodes = vec![FragmentNode { op: read, inputs: Vec::new(), schema, plan_node: None }];
        let sources = if count == 1 {
            Sources::All(self.stages.cut(piece, FragmentOutput::Whole)?.into())
        } else if !hashed.is_empty() {
            let function = self.own.map(str::to_owned);
            let output = FragmentOutput::Hashed { columns: hashed, ports: count, function };
            Sources::Ports(self.stages.cut(piece, output)?.into())
        } else if count < piece.partitions {
            // Fewer partitions take in some each, which keeps the order, if there is one.
            Sources::Groups(self.stages.cut(piece, FragmentOutput::Whole)?.into(), count)
        } else {
            // Parts of several partitions that have an order among them would lose it.
            if piece.partitions > 1 && (self.is_ordered() || self.plan.semantics.order == RowOrder::Ordered) {
                piece = self.one_after_the_other(piece)?;
            }
            Sources::Ports(self.stages.cut(piece, FragmentOutput::Even { ports: count })?.into())
        };
        self.stages.cut(Piece::of(nodes, vec![sources], count), FragmentOutput::Whole)
    }

    /// Partitions in one, in their order, which every task that wants them reads.
    pub(super) fn one_after_the_other(&mut self, piece: Piece) -> Result<Piece, LowerError> {
        let (layout, schema, open) = (piece.layout.clone(), piece.schema().clone(), piece.open);
        let sources = vec![Sources::All(self.stages.cut(piece, FragmentOutput::Whole)?.into())];
        let op = FragmentOp::Input { slot: 0, columns: None };
        Ok(Piece { open, ..Piece::start(op, schema, None, sources, 1, layout) })
    }

    /// Rows that agree on some columns in one partition: a task splits its rows over the ports that the
    /// partitions read.
    fn shuffle(&mut self, at: usize, piece: Piece, columns: &[ColumnId]) -> Result<Piece, LowerError> {
        let columns = Positions::new("exchange", at, [piece.layout.as_slice()]).columns(columns)?;
        let (layout, schema, open) = (piece.layout.clone(), piece.schema().clone(), piece.open);
        let ports = self.plan.target_partitions.max(1);
        let sources = match ports {
            1 => Sources::All(self.stages.cut(piece, FragmentOutput::Whole)?.into()),
            _ => {
                let output = FragmentOutput::Hashed { columns, ports, function: self.function(at) };
                Sources::Ports(self.stages.cut(piece, output)?.into())
            }
        };
        let op = FragmentOp::Input { slot: 0, columns: None };
        Ok(Piece { open, ..Piece::start(op, schema, None, vec![sources], ports, layout) })
    }

    /// A union whose inputs keep their partitions: those of the first, then those of the second, ..
    pub(super) fn union_any(&mut self, at: usize, node: &PlanNode) -> Result<Piece, LowerError> {
        let mut tasks = Vec::new();
        for input in &node.inputs {
            let piece = self.take(input);
            tasks.append(&mut self.stages.cut(piece, FragmentOutput::Whole)?);
        }
        let (schema, partitions) = (self.schema_of(&node.output), tasks.len());
        let op = FragmentOp::Input { slot: 0, columns: None };
        Ok(Piece::start(op, schema, Some(at), vec![Sources::each(tasks)], partitions, node.output.clone()))
    }
}

/// How many rows are needed of each exchange that gathers rows for a limit and for nobody else. `uses` says how many
/// parents a node has.
pub(super) fn limits_of_exchanges(
    order: &[Arc<PlanNode>],
    uses: impl Fn(&Arc<PlanNode>) -> usize,
) -> HashMap<*const PlanNode, u64> {
    let mut limits = HashMap::new();
    for node in order {
        let PlanOp::Compute(PhysicalOp::Limit { offset, fetch: Some(fetch) }) = &node.op else { continue };
        let mut below = node.inputs.first();
        // A projection gives as many rows as it gets.
        while let Some(input) = below.filter(|input| uses(input) == 1) {
            match &input.op {
                PlanOp::Compute(PhysicalOp::Project { .. }) => below = input.inputs.first(),
                PlanOp::Exchange { to: Partitioning::Single, merge } if merge.is_empty() => {
                    limits.insert(Arc::as_ptr(input), offset.saturating_add(*fetch));
                    break;
                }
                _ => break,
            }
        }
    }
    limits
}
