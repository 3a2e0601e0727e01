use std::cell::RefCell;
use std::sync::Arc;

use indexmap::IndexMap;

use super::super::condition;
use super::super::cost::Movement;
use super::super::extract::{Best, Candidate, Choice, Goal};
use super::super::hashed_leaves::HashedLeaves;
use super::super::key_columns::{sort_keys, with_key_columns};
use super::super::plan::{Partitioning, PhysicalOp, PlanColumn, PlanNode, PlanOp};
use super::arrange;
use super::needed::calls;
use crate::expr::{JoinKind, Scalar, SortKey, Window};
use crate::term::{AlternativeOp, ColumnId, ColumnSet, Required, Terms, UnnestSpec};

/// Builds the node of one goal over those of its inputs.
pub(super) struct Builder<'a> {
    pub(super) terms: &'a Terms,
    pub(super) hashed: &'a HashedLeaves,
    /// Columns that the query has not.
    pub(super) made: &'a RefCell<Vec<PlanColumn>>,
    pub(super) built: &'a IndexMap<Goal, Arc<PlanNode>>,
    pub(super) needed: &'a ColumnSet,
}

impl Builder<'_> {
    /// The node of a goal that is reached so.
    pub(super) fn build(&self, goal: Goal, best: &Best) -> Arc<PlanNode> {
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
                        JoinKind::Right => right.clone(),
                        JoinKind::Full => Partitioning::Any,
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
                    JoinKind::NullAwareAnti => condition::decides(terms, on),
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

fn join_output(kind: JoinKind, inputs: &[Arc<PlanNode>]) -> Vec<ColumnId> {
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
