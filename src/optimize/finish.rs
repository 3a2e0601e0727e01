//! From the chosen operators to a plan: exact column pruning, and columns in order.
//!
//! Every node gives just what something above it reads (an exception: one column stays where nothing
//! is read but rows are counted).

use std::cell::RefCell;
use std::sync::Arc;

use indexmap::IndexMap;

use super::condition;
use super::cost::Movement;
use super::extract::{Best, Candidate, Choice, Extraction, Goal};
use super::hashed_leaves::HashedLeaves;
use super::key_columns::{sort_keys, with_key_columns};
use super::plan::{Partitioning, PhysicalOp, PlanColumn, PlanNode, PlanOp};
use crate::expr::{Scalar, SortKey, Window};
use crate::term::{AggregateId, AlternativeOp, ColumnId, ColumnSet, Required, ScalarId, Terms, UnnestSpec};

/// Builds the physical tree of an extraction whose root gives at least these columns; with it, the columns that plans have
/// beyond those of the query, which are numbered after them. No recursion.
pub(super) fn finish(
    terms: &Terms,
    extraction: &Extraction,
    hashed: &HashedLeaves,
    output: &[ColumnId],
) -> (Arc<PlanNode>, Vec<PlanColumn>) {
    let order = goals_in_order(extraction);
    let outputs = available(terms, extraction, &order);
    let needed = needed(terms, extraction, &order, &outputs, output);
    let mut built: IndexMap<Goal, Arc<PlanNode>> = IndexMap::new();
    let made = RefCell::new(Vec::new());
    for goal in &order {
        let builder = Builder { terms, hashed, made: &made, built: &built, needed: &needed[goal] };
        let node = builder.build(*goal, &extraction.best[goal]);
        built.insert(*goal, node);
    }
    (built[&extraction.root].clone(), made.into_inner())
}

fn inputs_of(goal: Goal, best: &Best) -> Vec<Goal> {
    match &best.choice {
        Choice::Compute(candidate) => candidate.inputs.to_vec(),
        Choice::Move(_) => vec![(goal.0, Required::Any)],
    }
}

/// The goals that the root reaches, inputs first.
fn goals_in_order(extraction: &Extraction) -> Vec<Goal> {
    let mut seen = std::collections::HashSet::new();
    let mut order = Vec::new();
    let mut stack = vec![(extraction.root, false)];
    while let Some((goal, done)) = stack.pop() {
        if done {
            order.push(goal);
        } else if seen.insert(goal) {
            stack.push((goal, true));
            let inputs = inputs_of(goal, &extraction.best[&goal]);
            stack.extend(inputs.into_iter().rev().map(|input| (input, false)));
        }
    }
    order
}

/// The columns that each goal's choice can give.
fn available(terms: &Terms, extraction: &Extraction, order: &[Goal]) -> IndexMap<Goal, ColumnSet> {
    let mut outputs: IndexMap<Goal, ColumnSet> = IndexMap::new();
    for goal in order {
        let set = match &extraction.best[goal].choice {
            Choice::Move(_) => outputs[&(goal.0, Required::Any)].clone(),
            Choice::Compute(candidate) => {
                let input = |at: usize| &outputs[&candidate.inputs[at]];
                match candidate.op {
                    AlternativeOp::Read(get) => terms.get_spec(get).columns.iter().copied().collect(),
                    AlternativeOp::Empty(columns) => terms.columns_of(columns).iter().copied().collect(),
                    AlternativeOp::Project(projection) => {
                        terms.projection(projection).iter().map(|(to, _)| *to).collect()
                    }
                    AlternativeOp::HashJoin { kind, .. } | AlternativeOp::NestedLoopJoin { kind, .. } => {
                        match kind.gives_right() {
                            true => input(0).union(input(1)),
                            false => input(0).clone(),
                        }
                    }
                    AlternativeOp::MarkJoin { mark, .. } => input(0).union(&ColumnSet::of(mark)),
                    AlternativeOp::Window(window) => {
                        let made: ColumnSet = terms.window(window).calls.iter().map(|(to, _)| *to).collect();
                        input(0).union(&made)
                    }
                    AlternativeOp::Unnest(UnnestSpec { list, element, .. }) => {
                        input(0).difference(&ColumnSet::of(list)).union(&ColumnSet::of(element))
                    }
                    AlternativeOp::HashAggregate { spec, .. } => {
                        let spec = terms.aggregate(spec);
                        spec.group.iter().copied().chain(spec.aggregates.iter().map(|(to, _)| *to)).collect()
                    }
                    AlternativeOp::Union(union) => terms.union_spec(union).output.iter().copied().collect(),
                    AlternativeOp::Extension(extension) => terms.extension(extension).output.iter().copied().collect(),
                    AlternativeOp::Filter(_) | AlternativeOp::Sort { .. } | AlternativeOp::Limit { .. } => {
                        input(0).clone()
                    }
                }
            }
        };
        outputs.insert(*goal, set);
    }
    outputs
}

/// The columns that something reads of each goal: users before inputs.
fn needed(
    terms: &Terms,
    extraction: &Extraction,
    order: &[Goal],
    outputs: &IndexMap<Goal, ColumnSet>,
    root: &[ColumnId],
) -> IndexMap<Goal, ColumnSet> {
    let mut needed: IndexMap<Goal, ColumnSet> = order.iter().map(|goal| (*goal, ColumnSet::new())).collect();
    needed[&extraction.root] = root.iter().copied().collect();
    for goal in order.iter().rev() {
        if needed[goal].is_empty() {
            needed[goal] = outputs[goal].iter().next().into_iter().collect();
        }
        let own = needed[goal].clone();
        let best = &extraction.best[goal];
        let mut demand = |input: Goal, columns: ColumnSet| {
            let columns = columns.intersection(&outputs[&input]);
            needed[&input].extend(&columns);
        };
        match &best.choice {
            Choice::Move(_) => {
                let mut columns = own;
                if let Required::Hashed(hashed) = goal.1 {
                    terms.columns_of(hashed).iter().for_each(|column| columns.insert(*column));
                }
                demand((goal.0, Required::Any), columns);
            }
            Choice::Compute(candidate) => {
                for (at, input) in candidate.inputs.iter().enumerate() {
                    let mut columns = read_by(terms, candidate, at, &own);
                    if let Required::Hashed(hashed) = input.1 {
                        terms.columns_of(hashed).iter().for_each(|column| columns.insert(*column));
                    }
                    demand(*input, columns);
                }
            }
        }
    }
    needed
}

/// What a candidate reads of one input, given what is needed of itself.
fn read_by(terms: &Terms, candidate: &Candidate, at: usize, own: &ColumnSet) -> ColumnSet {
    let mut columns = ColumnSet::new();
    let read = |columns: &mut ColumnSet, scalar: ScalarId| columns.extend(&terms.scalar_facts(scalar).columns);
    match candidate.op {
        AlternativeOp::Read(_) | AlternativeOp::Empty(_) => {}
        AlternativeOp::Filter(predicates) => {
            columns = own.clone();
            terms.predicates(predicates).iter().for_each(|predicate| read(&mut columns, *predicate));
        }
        AlternativeOp::Project(projection) => {
            let kept = terms.projection(projection).iter().filter(|(to, _)| own.contains(*to));
            kept.for_each(|(_, scalar)| read(&mut columns, *scalar));
        }
        AlternativeOp::HashJoin { keys, residual, .. } => {
            columns = own.clone();
            for (left, right) in terms.keys(keys) {
                read(&mut columns, *left);
                read(&mut columns, *right);
            }
            terms.predicates(residual).iter().for_each(|predicate| read(&mut columns, *predicate));
        }
        AlternativeOp::NestedLoopJoin { on, .. } => {
            columns = own.clone();
            terms.predicates(on).iter().for_each(|predicate| read(&mut columns, *predicate));
        }
        AlternativeOp::MarkJoin { mark, on } => {
            columns = own.difference(&ColumnSet::of(mark));
            terms.predicates(on).iter().for_each(|predicate| read(&mut columns, *predicate));
        }
        AlternativeOp::Window(window) => {
            let spec = terms.window(window);
            let made: ColumnSet = spec.calls.iter().map(|(to, _)| *to).collect();
            columns = own.difference(&made);
            let kept: Vec<_> = spec.calls.iter().filter(|(to, _)| own.contains(*to)).collect();
            if !kept.is_empty() {
                spec.partition_by.iter().for_each(|column| columns.insert(*column));
                spec.order_by.iter().for_each(|key| read(&mut columns, key.scalar));
            }
            kept.iter().flat_map(|(_, call)| call.scalars()).for_each(|scalar| read(&mut columns, scalar));
        }
        AlternativeOp::Unnest(UnnestSpec { list, element, .. }) => {
            columns = own.difference(&ColumnSet::of(element));
            columns.insert(list);
        }
        AlternativeOp::HashAggregate { phase, spec } => {
            let content = terms.aggregate(spec);
            content.group.iter().for_each(|column| columns.insert(*column));
            let kept = calls(terms, spec, own);
            match phase.reads_states() {
                true => kept.iter().for_each(|(to, _)| columns.insert(*to)),
                false => kept.iter().flat_map(|(_, call)| call.scalars()).for_each(|scalar| read(&mut columns, scalar)),
            }
        }
        AlternativeOp::Sort { keys, .. } => {
            columns = own.clone();
            terms.sort_keys(keys).iter().for_each(|key| read(&mut columns, key.scalar));
        }
        AlternativeOp::Limit { .. } => columns = own.clone(),
        AlternativeOp::Union(union) => {
            let spec = terms.union_spec(union);
            let kept = spec.output.iter().zip(&spec.inputs[at]).filter(|(to, _)| own.contains(**to));
            kept.for_each(|(_, from)| columns.insert(*from));
        }
        AlternativeOp::Extension(extension) => {
            terms.extension(extension).inputs[at].iter().for_each(|column| columns.insert(*column));
        }
    }
    columns
}

/// The aggregates that something reads; one at least where there is no key, so that a row remains.
fn calls<'t>(
    terms: &'t Terms,
    spec: AggregateId,
    needed: &ColumnSet,
) -> Vec<&'t (ColumnId, crate::term::TermAggregate)> {
    let spec = terms.aggregate(spec);
    let kept: Vec<_> = spec.aggregates.iter().filter(|(to, _)| needed.contains(*to)).collect();
    match kept.is_empty() && spec.group.is_empty() {
        true => spec.aggregates.first().into_iter().collect(),
        false => kept,
    }
}

struct Builder<'a> {
    terms: &'a Terms,
    hashed: &'a HashedLeaves,
    /// Columns that the query has not.
    made: &'a RefCell<Vec<PlanColumn>>,
    built: &'a IndexMap<Goal, Arc<PlanNode>>,
    needed: &'a ColumnSet,
}

impl Builder<'_> {
    fn build(&self, goal: Goal, best: &Best) -> Arc<PlanNode> {
        match &best.choice {
            Choice::Move(movement) => {
                let input = self.built[&(goal.0, Required::Any)].clone();
                let to = match (movement, goal.1) {
                    (Movement::Shuffle, Required::Hashed(columns)) => {
                        Partitioning::Hashed(self.terms.columns_of(columns).to_vec())
                    }
                    (Movement::Broadcast, _) => Partitioning::Replicated,
                    _ => Partitioning::Single,
                };
                self.exchange(input, to, Vec::new(), best)
            }
            Choice::Compute(candidate) => self.compute(candidate, best),
        }
    }

    fn exchange(
        &self,
        input: Arc<PlanNode>,
        to: Partitioning<ColumnId>,
        merge: Vec<SortKey<ColumnId>>,
        best: &Best,
    ) -> Arc<PlanNode> {
        if input.partitioning == to && to == Partitioning::Single {
            return input;
        }
        Arc::new(PlanNode {
            output: input.output.clone(),
            partitioning: to.clone(),
            rows: best.rows,
            cost: best.cost,
            op: PlanOp::Exchange { to, merge },
            inputs: vec![input],
        })
    }

    fn compute(&self, candidate: &Candidate, best: &Best) -> Arc<PlanNode> {
        let terms = self.terms;
        let inputs: Vec<Arc<PlanNode>> = candidate.inputs.iter().map(|input| self.built[input].clone()).collect();
        let node =
            |op: PlanOp, output: Vec<ColumnId>, partitioning: Partitioning<ColumnId>, inputs: Vec<Arc<PlanNode>>| {
                Arc::new(PlanNode { op, inputs, output, partitioning, rows: best.rows, cost: best.cost })
            };
        let kept = |at: usize| inputs[at].partitioning.clone();
        let first = || inputs[0].output.clone();
        match candidate.op {
            AlternativeOp::Read(get) => {
                let spec = terms.get_spec(get);
                let positions: Vec<usize> =
                    (0..spec.columns.len()).filter(|at| self.needed.contains(spec.columns[*at])).collect();
                let output: Vec<ColumnId> = positions.iter().map(|at| spec.columns[*at]).collect();
                let partitioning = match spec.leaf.partitions() {
                    1 => Partitioning::Single,
                    _ => self.hashed.among(terms, get, &output).map_or(Partitioning::Any, Partitioning::Hashed),
                };
                node(PlanOp::Read { leaf: get.0 as usize, columns: positions }, output, partitioning, inputs)
            }
            AlternativeOp::Empty(_) => node(PlanOp::Empty, self.needed.iter().collect(), Partitioning::Single, inputs),
            AlternativeOp::Filter(predicates) => {
                let op = PhysicalOp::Filter { predicate: condition::filters(terms, terms.predicates(predicates)) };
                let (output, partitioning) = (first(), kept(0));
                self.pruned(node(PlanOp::Compute(op), output, partitioning, inputs))
            }
            AlternativeOp::Project(projection) => {
                let columns = terms.projection(projection).iter().filter(|(to, _)| self.needed.contains(*to));
                let (output, columns): (Vec<_>, Vec<_>) =
                    columns.map(|(to, scalar)| (*to, terms.tree(*scalar))).unzip();
                let partitioning = kept(0);
                node(PlanOp::Compute(PhysicalOp::Project { columns }), output, partitioning, inputs)
            }
            AlternativeOp::HashJoin { kind, keys, residual, build } => {
                let partitioning = match (&inputs[0].partitioning, &inputs[1].partitioning) {
                    (left @ Partitioning::Hashed(_), right @ Partitioning::Hashed(_)) => match kind {
                        crate::expr::JoinKind::Right => right.clone(),
                        crate::expr::JoinKind::Full => Partitioning::Any,
                        _ => left.clone(),
                    },
                    (left, right) => beside(left, right),
                };
                let residual = terms.predicates(residual);
                let op = PhysicalOp::HashJoin {
                    kind,
                    keys: terms
                        .keys(keys)
                        .iter()
                        .map(|(left, right)| (terms.tree(*left), terms.tree(*right)))
                        .collect(),
                    residual: (!residual.is_empty()).then(|| condition::filters(terms, residual)),
                    build,
                };
                let output = join_output(kind, &inputs);
                self.pruned(node(PlanOp::Compute(op), output, partitioning, inputs))
            }
            AlternativeOp::NestedLoopJoin { kind, on } => {
                let partitioning = beside(&inputs[0].partitioning, &inputs[1].partitioning);
                let on = terms.predicates(on);
                let condition = (!on.is_empty()).then(|| match kind {
                    crate::expr::JoinKind::NullAwareAnti => condition::decides(terms, on),
                    _ => condition::filters(terms, on),
                });
                let op = PhysicalOp::NestedLoopJoin { kind, condition };
                let output = join_output(kind, &inputs);
                self.pruned(node(PlanOp::Compute(op), output, partitioning, inputs))
            }
            AlternativeOp::MarkJoin { mark, on } => {
                let on = terms.predicates(on);
                let nullable = on.iter().any(|predicate| terms.scalar_facts(*predicate).nullable);
                let op = PhysicalOp::MarkJoin {
                    condition: (!on.is_empty()).then(|| condition::decides(terms, on)),
                    nullable,
                };
                let mut output = first();
                output.push(mark);
                let partitioning = beside(&inputs[0].partitioning, &inputs[1].partitioning);
                self.pruned(node(PlanOp::Compute(op), output, partitioning, inputs))
            }
            AlternativeOp::Window(window) => {
                let spec = terms.window(window);
                let read: Vec<_> = spec.calls.iter().filter(|(to, _)| self.needed.contains(*to)).collect();
                if read.is_empty() {
                    // Nobody reads what it adds.
                    return self.pruned(inputs[0].clone());
                }
                let mut output = first();
                output.extend(read.iter().map(|(to, _)| *to));
                let order_by = spec.order_by.iter().map(|key| terms.sort_tree(key)).collect();
                let partition_by = spec.partition_by.iter().map(|column| Scalar::column(*column)).collect();
                let op = PhysicalOp::Window {
                    window: Window { partition_by, order_by },
                    calls: read.iter().map(|(_, call)| terms.window_call_tree(call)).collect(),
                };
                let partitioning = kept(0);
                self.pruned(node(PlanOp::Compute(op), output, partitioning, inputs))
            }
            AlternativeOp::Unnest(UnnestSpec { list, element, nulls }) => {
                let output =
                    inputs[0].output.iter().map(|column| if *column == list { element } else { *column }).collect();
                let partitioning = match kept(0) {
                    Partitioning::Hashed(columns) if columns.contains(&list) => Partitioning::Any,
                    other => other,
                };
                let op = PhysicalOp::Unnest { column: list, nulls };
                self.pruned(node(PlanOp::Compute(op), output, partitioning, inputs))
            }
            AlternativeOp::HashAggregate { phase, spec } => {
                let group = terms.aggregate(spec).group.clone();
                let calls = calls(terms, spec, self.needed);
                let output = group.iter().copied().chain(calls.iter().map(|(to, _)| *to)).collect();
                let aggregates = calls.iter().map(|(_, call)| terms.call_tree(call)).collect();
                let partitioning = kept(0);
                let op = PhysicalOp::Aggregate { phase, group, aggregates };
                let made = node(PlanOp::Compute(op), output, partitioning, inputs);
                // States are the engine's: nothing may come between the two halves but an exchange.
                if phase.gives_states() { made } else { self.pruned(made) }
            }
            AlternativeOp::Sort { keys, fetch } => {
                let (input, keys) = match fetch {
                    None => with_key_columns(terms, inputs[0].clone(), keys, self.made),
                    Some(_) => (inputs[0].clone(), sort_keys(terms, keys)),
                };
                let (output, partitioning) = (input.output.clone(), input.partitioning.clone());
                let op = PhysicalOp::Sort { keys: keys.clone(), fetch };
                let sorted = node(PlanOp::Compute(op), output, partitioning, vec![input]);
                let merged = self.exchange(sorted, Partitioning::Single, keys, best);
                self.pruned(merged)
            }
            AlternativeOp::Limit { offset, fetch } => {
                let output = first();
                self.pruned(node(
                    PlanOp::Compute(PhysicalOp::Limit { offset, fetch }),
                    output,
                    Partitioning::Single,
                    inputs,
                ))
            }
            AlternativeOp::Union(union) => {
                let spec = terms.union_spec(union);
                let positions: Vec<usize> =
                    (0..spec.output.len()).filter(|at| self.needed.contains(spec.output[*at])).collect();
                let output = positions.iter().map(|at| spec.output[*at]).collect();
                let inputs = inputs
                    .into_iter()
                    .zip(&spec.inputs)
                    .map(|(input, columns)| arrange(input, positions.iter().map(|at| columns[*at]).collect()))
                    .collect();
                node(PlanOp::Compute(PhysicalOp::Union), output, Partitioning::Any, inputs)
            }
            AlternativeOp::Extension(extension) => {
                let spec = terms.extension(extension);
                let inputs = inputs.into_iter().zip(&spec.inputs);
                let inputs = inputs.map(|(input, columns)| arrange(input, columns.clone())).collect();
                let op = PhysicalOp::Extension { extension: spec.extension.clone() };
                let inputs: Vec<Arc<PlanNode>> = inputs;
                let single = inputs.iter().all(|input| input.partitioning == Partitioning::Single);
                let partitioning = if single { Partitioning::Single } else { Partitioning::Any };
                self.pruned(node(PlanOp::Compute(op), spec.output.clone(), partitioning, inputs))
            }
        }
    }

    /// Drops the columns that nothing above reads.
    fn pruned(&self, node: Arc<PlanNode>) -> Arc<PlanNode> {
        let columns: Vec<ColumnId> =
            node.output.iter().copied().filter(|column| self.needed.contains(*column)).collect();
        arrange(node, columns)
    }
}

fn join_output(kind: crate::expr::JoinKind, inputs: &[Arc<PlanNode>]) -> Vec<ColumnId> {
    let mut output = inputs[0].output.clone();
    if kind.gives_right() {
        output.extend(&inputs[1].output);
    }
    output
}

/// How the rows of a join with a replicated side lie, or of one with both sides in one partition: what extraction counted
/// with (`Delivered::of_join`).
fn beside(left: &Partitioning<ColumnId>, right: &Partitioning<ColumnId>) -> Partitioning<ColumnId> {
    match (left, right) {
        (Partitioning::Replicated, other) | (other, Partitioning::Replicated) => other.clone(),
        (Partitioning::Single, Partitioning::Single) => Partitioning::Single,
        _ => Partitioning::Any,
    }
}

/// A projection to these columns in this order, unless they are that already.
pub fn arrange(input: Arc<PlanNode>, columns: Vec<ColumnId>) -> Arc<PlanNode> {
    if input.output == columns {
        return input;
    }
    Arc::new(PlanNode {
        op: PlanOp::Compute(PhysicalOp::Project {
            columns: columns.iter().map(|column| Scalar::column(*column)).collect(),
        }),
        partitioning: input.partitioning.clone(),
        rows: input.rows,
        cost: input.cost,
        output: columns,
        inputs: vec![input],
    })
}
