use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use tracing::field::Empty;
use tracing::info_span;

use super::exchange::limits_of_exchanges;
use super::hash_functions::HashFunctions;
use super::piece::Piece;
use super::positions::{Positions, positional};
use super::prune::partitions_to_read;
use super::sources::Sources;
use super::stages::Stages;
use super::{FragmentNode, FragmentOp, FragmentOutput, FutureLeaf, LowerError, TaskGraph, TaskId};
use crate::expr::{MapPartitions, Scalar};
use crate::leaf::Leaf;
use crate::optimize::{Partitioning, PhysicalOp, Plan, PlanNode, PlanOp};
use crate::term::{AggregatePhase, ColumnId};

/// How many operators of a fragment may stand above one another: engines recurse on them, on threads with a stack of some
/// megabytes. What is higher is cut into stages, which hand on their rows.
pub(super) const FRAGMENT_HEIGHT: usize = 64;

/// Cuts a plan into tasks.
///
/// The plan is cut at its exchanges and at nodes that several parents share; what lies between two cuts
/// is one fragment, run once per partition. The graph has clones of the plan's future handles, so it
/// lives without the plan, and a plan can be lowered any number of times. No recursion on depth.
///
/// # Errors
/// A plan that contradicts itself: see [`LowerError`].
pub fn lower(plan: &Plan) -> Result<TaskGraph, LowerError> {
    lower_for(plan, None)
}

/// The same for kernels whose hash function has this name: tasks run on no others that put rows where the result lies hashed.
pub(crate) fn lower_for<'a>(plan: &'a Plan, own: Option<&'a str>) -> Result<TaskGraph, LowerError> {
    let span = info_span!("lower", tasks = Empty).entered();
    if plan.output.len() != plan.schema.fields().len() {
        return Err(LowerError::Output { columns: plan.output.len(), fields: plan.schema.fields().len() });
    }
    let order = plan.post_order();
    let index = order.iter().enumerate().map(|(at, node)| (Arc::as_ptr(node), at)).collect();
    let mut uses = vec![0; order.len()];
    let (pieces, stages, limits) = (Vec::with_capacity(order.len()), Stages::default(), HashMap::new());
    let functions = HashFunctions::of_nodes(plan, &order, &index)?;
    let mut lowering = Lowering { plan, functions, own, index, pieces, stages, limits, leaves: HashMap::new() };
    order.iter().flat_map(|node| &node.inputs).for_each(|input| uses[lowering.at(input)] += 1);
    lowering.limits = limits_of_exchanges(&order, |node| uses[lowering.at(node)]);
    for (at, node) in order.iter().enumerate() {
        let mut piece = lowering.node(at, node)?;
        if uses[at] > 1 && !piece.only_reads_tasks() {
            piece = lowering.share(piece)?;
        }
        lowering.pieces.push((Some(piece), uses[at]));
    }
    let (root, _) = lowering.pieces.pop().expect("a plan has a root, which comes last");
    let root = root.expect("nothing has taken the root");
    let outputs = lowering.finish(root, order.len() - 1)?;
    let graph = lowering.stages.into_graph(outputs, plan.schema.clone());
    span.record("tasks", graph.len());
    Ok(graph)
}

pub(super) struct Lowering<'a> {
    pub(super) plan: &'a Plan,
    functions: HashFunctions<'a>,
    /// The hash function of the kernels, where it must be this one: that of the result.
    pub(super) own: Option<&'a str>,
    /// The place of each node in post-order.
    index: HashMap<*const PlanNode, usize>,
    /// What each node became, until its last parent has taken it.
    pieces: Vec<(Option<Piece>, usize)>,
    pub(super) stages: Stages,
    /// How many rows are needed of an exchange that only a limit reads.
    pub(super) limits: HashMap<*const PlanNode, u64>,
    /// What reads of one leaf of futures share, by leaf.
    leaves: HashMap<usize, Arc<FutureLeaf>>,
}

impl Lowering<'_> {
    fn at(&self, node: &Arc<PlanNode>) -> usize {
        self.index[&Arc::as_ptr(node)]
    }

    /// The hash function by which the exchange at a node must put its rows.
    pub(super) fn function(&self, at: usize) -> Option<String> {
        let declared = || self.plan.hashed_result().is_some() && !self.plan.moves_for_result();
        let own = || self.own.filter(|_| self.functions.is_of_root(at) && declared());
        self.functions.of_node(at).or_else(own).map(str::to_owned)
    }

    /// Whether a node's rows are the plan's result, but for a projection that keeps them where they are.
    pub(super) fn is_result(&self, node: &PlanNode) -> bool {
        std::ptr::eq(self.result_node(), node)
    }

    /// Whether the partitions of the result have an order among them.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(&self.result_node().op, PlanOp::Exchange { merge, .. } if !merge.is_empty())
    }

    fn result_node(&self) -> &PlanNode {
        let mut result = &self.plan.root;
        while let (PlanOp::Compute(PhysicalOp::Project { .. }), [input]) = (&result.op, result.inputs.as_slice()) {
            result = input;
        }
        result
    }

    /// The piece of an input, for one of its parents.
    pub(super) fn take(&mut self, input: &Arc<PlanNode>) -> Piece {
        let at = self.at(input);
        let (piece, uses) = &mut self.pieces[at];
        *uses -= 1;
        let piece = if *uses == 0 { piece.take() } else { piece.clone() };
        piece.expect("a node is taken once by each use of it")
    }

    fn node(&mut self, at: usize, node: &PlanNode) -> Result<Piece, LowerError> {
        let piece = match &node.op {
            PlanOp::Read { leaf, columns } => self.read(at, node, *leaf, columns)?,
            PlanOp::Empty => {
                expect_inputs(at, node, 0)?;
                let schema = self.schema_of(&node.output);
                Piece::start(FragmentOp::Empty, schema, Some(at), Vec::new(), 1, node.output.clone())
            }
            PlanOp::Exchange { to, merge } => self.exchange(at, node, to, merge)?,
            PlanOp::Compute(PhysicalOp::Union) if node.partitioning == Partitioning::Any => self.union_any(at, node)?,
            PlanOp::Compute(op) => self.compute(at, node, op)?,
        };
        // Only an operator whose columns are not written in the plan can differ from what the node gives.
        match piece.open || piece.layout == node.output {
            true => Ok(piece),
            false => self.rearrange(piece, node.op.name(), at, &node.output),
        }
    }

    fn read(&mut self, at: usize, node: &PlanNode, place: usize, columns: &[usize]) -> Result<Piece, LowerError> {
        expect_inputs(at, node, 0)?;
        let plan = self.plan;
        let owned = plan.leaves.len();
        let leaf = plan.leaves.get(place).ok_or(LowerError::MissingLeaf { leaf: place, owned })?;
        let width = leaf.schema().fields().len();
        if let Some(position) = columns.iter().find(|position| **position >= width) {
            let leaf = leaf.name().to_owned();
            return Err(LowerError::MissingPosition { leaf, position: *position, columns: width });
        }
        let schema = self.schema_of(&node.output);
        let all = columns.len() == width && columns.iter().enumerate().all(|(at, column)| at == *column);
        let input = FragmentOp::Input { slot: 0, columns: (!all).then(|| columns.to_vec()) };
        let (op, slots) = match leaf {
            Leaf::FromDelayed(delayed) => {
                let shared = self.leaves.entry(place).or_insert_with(|| Arc::new(FutureLeaf::of(delayed))).clone();
                (input, vec![Sources::Futures(delayed.clone(), shared)])
            }
            Leaf::Values(values) => (input, vec![Sources::data(values, leaf)]),
            Leaf::Scan(scan) => {
                (FragmentOp::Scan { source: scan.source().clone(), columns: columns.to_vec() }, Vec::new())
            }
        };
        Ok(Piece::start(op, schema, Some(at), slots, leaf.partitions(), node.output.clone()))
    }

    fn compute(&mut self, at: usize, node: &PlanNode, op: &PhysicalOp<ColumnId>) -> Result<Piece, LowerError> {
        match op {
            PhysicalOp::Union | PhysicalOp::Extension { .. } => {}
            PhysicalOp::HashJoin { .. } | PhysicalOp::NestedLoopJoin { .. } | PhysicalOp::MarkJoin { .. } => {
                expect_inputs(at, node, 2)?;
            }
            _ => expect_inputs(at, node, 1)?,
        }
        let partial = match op {
            PhysicalOp::Aggregate { phase, .. } if phase.reads_states() => Some(partial_input(at, node)?),
            _ => None,
        };
        let mut pieces = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            let piece = self.take(input);
            pieces.push(if piece.height < FRAGMENT_HEIGHT { piece } else { self.share(piece)? });
        }
        // A function of the query's own runs beside the kernels, so it has a stage to itself.
        let alone = matches!(op, PhysicalOp::Extension { extension } if MapPartitions::of(&**extension).is_some());
        if alone {
            let share = |piece: Piece| if piece.only_reads() { Ok(piece) } else { self.share(piece) };
            pieces = pieces.into_iter().map(share).collect::<Result<_, _>>()?;
        }
        let layouts: Vec<Vec<ColumnId>> = pieces.iter().map(|piece| piece.layout.clone()).collect();
        let layouts: Vec<&[ColumnId]> = layouts.iter().map(Vec::as_slice).collect();
        let op = positional(op, at, &layouts, partial.map(|partial| partial.output.as_slice()))?;
        let layout = layout_of(&op, node, &layouts);
        let schema = match (&op, pieces.as_slice()) {
            (PhysicalOp::Filter { .. } | PhysicalOp::Sort { .. } | PhysicalOp::Limit { .. }, [input]) => {
                input.schema().clone()
            }
            _ => self.schema_of(&layout),
        };
        if let (PhysicalOp::Filter { predicate }, [input]) = (&op, pieces.as_mut_slice()) {
            prune(input, predicate);
        }
        let keeps_open = matches!(op, PhysicalOp::Aggregate { phase, .. } if phase.gives_states());
        let (mut piece, roots) = self.together(op.name(), at, pieces)?;
        let argument_schema = partial.map(|partial| self.schema_of(&partial.output));
        piece.push(FragmentOp::Compute { op, argument_schema }, roots, schema, Some(at));
        piece.layout = layout;
        piece.open = keeps_open;
        if alone { self.share(piece) } else { Ok(piece) }
    }

    /// Makes one piece of several, partition by partition. One of a single partition is made once and
    /// read by all.
    fn together(
        &mut self,
        operator: &'static str,
        node: usize,
        pieces: Vec<Piece>,
    ) -> Result<(Piece, Vec<usize>), LowerError> {
        let partitions = pieces.iter().map(|piece| piece.partitions).max().unwrap_or(1);
        // Which partitions are left of a table says nothing of those of another input.
        let numbers =
            pieces.iter().filter(|piece| piece.partitions == partitions).find_map(|piece| piece.numbers.clone());
        let paired = |piece: &&Piece| piece.partitions > 1 && piece.numbers != numbers;
        if let (Some(_), Some(other)) = (&numbers, pieces.iter().find(paired)) {
            return Err(LowerError::Partitions { operator, node, left: partitions, right: other.partitions });
        }
        // A task has one number, which every table that it scans reads.
        let first = numbers.as_ref().map_or(0, |numbers| numbers[0]);
        let agrees = |piece: &Piece| piece.partitions > 1 || !piece.scans() || piece.number(0) == first;
        let mut aligned = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece.partitions {
                n if n == partitions && agrees(&piece) => aligned.push(piece),
                1 if piece.only_reads_tasks() => aligned.push(piece),
                1 => aligned.push(self.one_after_the_other(piece)?),
                n => return Err(LowerError::Partitions { operator, node, left: partitions, right: n }),
            }
        }
        // The largest takes in the others, so that a deep tree costs no more than its size times a
        // logarithm.
        let Some(largest) = (0..aligned.len()).max_by_key(|at| (aligned[*at].nodes.len(), std::cmp::Reverse(*at)))
        else {
            return Ok((Piece::of(Vec::new(), Vec::new(), 1), Vec::new()));
        };
        let mut others: Vec<Option<Piece>> = aligned.into_iter().map(Some).collect();
        let mut piece = others[largest].take().expect("it is there");
        let root = piece.root();
        let roots = others.into_iter().map(|other| other.map_or(root, |other| piece.absorb(other))).collect();
        (piece.partitions, piece.numbers) = (partitions, numbers);
        Ok((piece, roots))
    }

    /// Makes a node that several parents use a stage of its own, which runs once.
    fn share(&mut self, piece: Piece) -> Result<Piece, LowerError> {
        let (layout, schema, open) = (piece.layout.clone(), piece.schema().clone(), piece.open);
        let tasks = self.stages.cut(piece, FragmentOutput::Whole)?;
        let partitions = tasks.len();
        let op = FragmentOp::Input { slot: 0, columns: None };
        Ok(Piece { open, ..Piece::start(op, schema, None, vec![Sources::each(tasks)], partitions, layout) })
    }

    fn rearrange(
        &self,
        mut piece: Piece,
        operator: &'static str,
        at: usize,
        output: &[ColumnId],
    ) -> Result<Piece, LowerError> {
        let positions = Positions::new(operator, at, [piece.layout.as_slice()]).columns(output)?;
        let schema = self.schema_of(output);
        push_columns(&mut piece, positions, schema);
        piece.layout = output.to_vec();
        Ok(piece)
    }

    /// Gives the root the user's columns and names.
    fn finish(&mut self, mut piece: Piece, at: usize) -> Result<Vec<TaskId>, LowerError> {
        let output: Vec<ColumnId> = self.plan.output.iter().map(|(_, column)| *column).collect();
        let root = piece.root();
        let projects = matches!(piece.nodes[root].op, FragmentOp::Compute { op: PhysicalOp::Project { .. }, .. });
        if projects && piece.layout == output {
            piece.nodes[root].schema = self.plan.schema.clone();
        } else {
            let positions = Positions::new("output", at, [piece.layout.as_slice()]).columns(&output)?;
            push_columns(&mut piece, positions, self.plan.schema.clone());
        }
        self.result(piece)
    }

    /// The columns as `c0`, `c1`, .. Whether one can be null is the engine's to see.
    pub(super) fn schema_of(&self, layout: &[ColumnId]) -> SchemaRef {
        let field = |(at, column): (usize, &ColumnId)| {
            Field::new(format!("c{at}"), self.plan.column(*column).data_type.clone(), true)
        };
        Arc::new(Schema::new(layout.iter().enumerate().map(field).collect::<Vec<_>>()))
    }
}

/// Leaves out the partitions of a scan of which a filter directly above keeps no row.
fn prune(piece: &mut Piece, predicate: &Scalar<usize>) {
    let [FragmentNode { op: FragmentOp::Scan { source, columns }, .. }] = piece.nodes.as_slice() else { return };
    let kept = partitions_to_read(&**source, columns, predicate);
    if kept.is_empty() {
        (piece.nodes[0].op, piece.partitions) = (FragmentOp::Empty, 1);
    } else if kept.len() < piece.partitions {
        (piece.partitions, piece.numbers) = (kept.len(), Some(kept.into()));
    }
}

fn push_columns(piece: &mut Piece, positions: Vec<usize>, schema: SchemaRef) {
    let op = PhysicalOp::Project { columns: positions.into_iter().map(Scalar::column).collect() };
    let root = piece.root();
    piece.push(FragmentOp::Compute { op, argument_schema: None }, vec![root], schema, None);
}

pub(super) fn expect_inputs(node: usize, plan_node: &PlanNode, expected: usize) -> Result<(), LowerError> {
    match plan_node.inputs.len() {
        found if found == expected => Ok(()),
        found => Err(LowerError::Inputs { operator: plan_node.op.name(), node, expected, found }),
    }
}

/// Which columns an operator itself gives, over inputs that give these: for those who make operators of
/// a plan's nodes. A partial aggregate's states follow what is listed.
pub fn layout_of(op: &PhysicalOp<usize>, node: &PlanNode, inputs: &[&[ColumnId]]) -> Vec<ColumnId> {
    match op {
        PhysicalOp::Filter { .. } | PhysicalOp::Sort { .. } | PhysicalOp::Limit { .. } => inputs[0].to_vec(),
        PhysicalOp::HashJoin { kind, .. } | PhysicalOp::NestedLoopJoin { kind, .. } => match kind.gives_right() {
            true => inputs.concat(),
            false => inputs[0].to_vec(),
        },
        PhysicalOp::Aggregate { phase, group, .. } if phase.gives_states() => {
            group.iter().map(|position| inputs[0][*position]).collect()
        }
        PhysicalOp::Project { .. }
        | PhysicalOp::Aggregate { .. }
        | PhysicalOp::Union
        | PhysicalOp::Extension { .. } => node.output.clone(),
        // These add columns of their own, which stand at the end of what the node gives.
        PhysicalOp::MarkJoin { .. } => [inputs[0], &node.output[node.output.len().saturating_sub(1)..]].concat(),
        PhysicalOp::Window { calls, .. } => {
            [inputs[0], &node.output[node.output.len().saturating_sub(calls.len())..]].concat()
        }
        PhysicalOp::Unnest { .. } => node.output.clone(),
    }
}

/// The input of the partial aggregate whose states a node reads: its calls are written over these columns.
///
/// # Errors
/// When there is no partial aggregate below the node.
pub fn partial_input(at: usize, node: &PlanNode) -> Result<&PlanNode, LowerError> {
    let mut below = node.inputs.first().ok_or(LowerError::NoPartial { node: at })?;
    let combines =
        |op: &PlanOp| matches!(op, PlanOp::Compute(PhysicalOp::Aggregate { phase: AggregatePhase::Combine, .. }));
    while matches!(below.op, PlanOp::Exchange { .. }) || combines(&below.op) {
        below = below.inputs.first().ok_or(LowerError::NoPartial { node: at })?;
    }
    match &below.op {
        PlanOp::Compute(PhysicalOp::Aggregate { phase: AggregatePhase::Partial, .. }) => {
            below.inputs.first().map(|input| &**input).ok_or(LowerError::NoPartial { node: at })
        }
        _ => Err(LowerError::NoPartial { node: at }),
    }
}
