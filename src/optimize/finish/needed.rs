//! Which columns the choices of an extraction give, and which of these something above reads.

use indexmap::IndexMap;

use super::super::extract::{Candidate, Choice, Extraction, Goal};
use crate::term::{AggregateId, AlternativeOp, ColumnId, ColumnSet, Required, ScalarId, Terms, UnnestSpec};

/// The columns that each goal's choice can give.
pub(super) fn available(terms: &Terms, extraction: &Extraction, order: &[Goal]) -> IndexMap<Goal, ColumnSet> {
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
pub(super) fn needed(
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
pub(super) fn calls<'t>(
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
