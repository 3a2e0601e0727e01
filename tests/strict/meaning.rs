//! A physical plan as a term: what the reference interpreter takes it to mean. Where rows lie means nothing.

use std::collections::HashMap;
use std::sync::Arc;

use leafhold::expr::{BinaryOp, MapPartitions, Scalar, ScalarOp, Semantics, SortKey};
use leafhold::optimize::{PhysicalOp, Plan, PlanNode, PlanOp};
use leafhold::term::{
    AggregatePhase, AggregateSpec, ColumnId, ExtensionSpec, GetSpec, PredicatesId, RelNode, RelOp, TermId, TermSortKey,
    Terms, UnionSpec, WindowSpec,
};

/// The term, over the plan's columns.
pub fn of(plan: &Plan, semantics: Semantics) -> (Terms, TermId) {
    let mut terms = Terms::new(Arc::new(leafhold::expr::CoreFunctions)).with_semantics(semantics);
    for (at, column) in plan.columns.iter().enumerate() {
        let made = terms.add_column(&column.name, column.data_type.clone(), true);
        assert_eq!(made, ColumnId(at as u32));
    }
    let mut done: HashMap<*const PlanNode, TermId> = HashMap::new();
    for node in plan.post_order() {
        let inputs: Vec<TermId> = node.inputs.iter().map(|input| done[&Arc::as_ptr(input)]).collect();
        let term = meaning(&mut terms, plan, &node, inputs);
        done.insert(Arc::as_ptr(&node), term);
    }
    (terms, done[&Arc::as_ptr(&plan.root)])
}

fn sort_key(terms: &mut Terms, key: &SortKey<ColumnId>) -> TermSortKey {
    let scalar = terms.intern_scalar(&key.scalar);
    TermSortKey { scalar, descending: key.descending, nulls_first: key.nulls_first }
}

fn meaning(terms: &mut Terms, plan: &Plan, node: &PlanNode, inputs: Vec<TermId>) -> TermId {
    let op = match &node.op {
        PlanOp::Read { leaf, columns } => {
            let leaf = plan.leaves[*leaf].clone();
            let fields = leaf.schema().fields().clone();
            let given = fields.iter().enumerate().map(|(at, field)| {
                match columns.iter().position(|position| *position == at) {
                    Some(place) => node.output[place],
                    // Nobody reads it.
                    None => terms.add_column(field.name(), field.data_type().clone(), true),
                }
            });
            let spec = GetSpec { columns: given.collect(), leaf, index: terms.gets().len() };
            RelOp::Get(terms.add_get(spec))
        }
        PlanOp::Empty => RelOp::Empty(terms.intern_columns(node.output.clone())),
        PlanOp::Exchange { .. } => return inputs[0],
        PlanOp::Compute(op) => match op {
            PhysicalOp::Filter { predicate } => RelOp::Filter(predicates(terms, [predicate.clone()])),
            PhysicalOp::Project { columns } => {
                let scalars: Vec<_> = columns.iter().map(|scalar| terms.intern_scalar(scalar)).collect();
                RelOp::Project(terms.intern_projection(node.output.iter().copied().zip(scalars).collect()))
            }
            PhysicalOp::HashJoin { kind, keys, residual, .. } => {
                // A hash table is made of every row of its side.
                for (left, right) in keys {
                    for key in [left, right].map(|key| terms.intern_scalar(key)) {
                        assert!(!terms.semantics().is_strict() || !terms.scalar_facts(key).can_fail);
                    }
                }
                let equal = |(a, b): &(_, _)| Scalar::binary(BinaryOp::Eq, Scalar::clone(a), Scalar::clone(b));
                let on: Vec<_> = keys.iter().map(equal).chain(residual.clone()).collect();
                RelOp::Join(*kind, predicates(terms, on))
            }
            PhysicalOp::NestedLoopJoin { kind, condition } => RelOp::Join(*kind, predicates(terms, condition.clone())),
            PhysicalOp::MarkJoin { condition, .. } => {
                let mark = *node.output.last().unwrap();
                RelOp::MarkJoin(mark, predicates(terms, condition.clone()))
            }
            // The states are the rows.
            PhysicalOp::Aggregate { phase: AggregatePhase::Partial, .. } => return inputs[0],
            PhysicalOp::Aggregate { group, aggregates, .. } => {
                let calls: Vec<_> = aggregates.iter().map(|call| terms.intern_call(call)).collect();
                let aggregates = node.output[group.len()..].iter().copied().zip(calls).collect();
                RelOp::Aggregate(terms.intern_aggregate(AggregateSpec { group: group.clone(), aggregates }))
            }
            PhysicalOp::Sort { keys, fetch } => {
                let keys = keys.iter().map(|key| sort_key(terms, key)).collect();
                let keys = terms.intern_sort(keys);
                match fetch {
                    None => RelOp::Sort(keys),
                    Some(fetch) => RelOp::TopK { keys, offset: 0, fetch: *fetch },
                }
            }
            PhysicalOp::Limit { offset, fetch } => RelOp::Limit { offset: *offset, fetch: *fetch },
            PhysicalOp::Union => {
                let inputs = node.inputs.iter().map(|input| input.output.clone()).collect();
                RelOp::Union(terms.intern_union(UnionSpec { output: node.output.clone(), inputs }))
            }
            PhysicalOp::Extension { extension } => {
                assert!(MapPartitions::of(&**extension).is_some());
                let inputs = node.inputs.iter().map(|input| input.output.clone()).collect();
                let spec = ExtensionSpec { extension: extension.clone(), output: node.output.clone(), inputs };
                RelOp::Extension(terms.add_extension(spec))
            }
            PhysicalOp::Window { window, calls } => {
                let keys = window.partition_by.iter().map(|key| match key.op {
                    ScalarOp::Column(column) => column,
                    _ => panic!("a partition's keys are columns"),
                });
                let partition_by = keys.collect();
                let order_by = window.order_by.iter().map(|key| sort_key(terms, key)).collect();
                let made = node.output[node.output.len() - calls.len()..].iter().copied();
                let calls = made.zip(calls).map(|(column, call)| (column, terms.intern_window_call(call))).collect();
                RelOp::Window(terms.intern_window(WindowSpec { partition_by, order_by, calls }))
            }
            PhysicalOp::Unnest { .. } => panic!("no such term is made"),
        },
    };
    terms.add(RelNode::new(op, inputs))
}

/// The condition as it stands: its conjuncts are not taken apart further than terms do.
fn predicates(terms: &mut Terms, conjuncts: impl IntoIterator<Item = Scalar<ColumnId>>) -> PredicatesId {
    let conjuncts: Vec<_> = conjuncts.into_iter().map(|conjunct| terms.intern_scalar(&conjunct)).collect();
    terms.intern_predicates(conjuncts)
}
