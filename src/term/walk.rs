//! What a term reads, and the terms that it is made of.

use std::collections::{HashMap, HashSet};

use super::{ApplyForm, ColumnSet, RelOp, ScalarId, TermId, Terms};
use crate::expr::Volatility;

/// Terms in the order in which they can be added: inputs first.
pub fn terms_in_order(terms: &Terms, root: TermId) -> Vec<TermId> {
    let mut seen = HashSet::new();
    let mut order = Vec::new();
    let mut stack = vec![(root, false)];
    while let Some((id, inputs_done)) = stack.pop() {
        if inputs_done {
            order.push(id);
        } else if seen.insert(id) {
            stack.push((id, true));
            stack.extend(terms.term(id).inputs.iter().rev().map(|input| (*input, false)));
        }
    }
    order
}

/// The columns that a term reads and nothing in it gives. O(terms), no recursion.
pub fn free_columns(terms: &Terms, root: TermId) -> ColumnSet {
    let mut free: HashMap<TermId, ColumnSet> = HashMap::new();
    for id in terms_in_order(terms, root) {
        let node = terms.term(id);
        let mut given = ColumnSet::new();
        let mut all = ColumnSet::new();
        for (at, input) in node.inputs.iter().enumerate() {
            let mut below = free[input].clone();
            if at == 1 && matches!(node.op, RelOp::Apply(_, _)) {
                below = below.difference(&given);
            }
            all.extend(&below);
            given.extend(&terms.facts(*input).outputs);
        }
        all.extend(&reads(terms, node.op).difference(&given));
        free.insert(id, all);
    }
    free.remove(&root).unwrap_or_default()
}

/// The columns that an operator itself reads.
pub fn reads(terms: &Terms, op: RelOp) -> ColumnSet {
    let mut columns = ColumnSet::new();
    for scalar in scalars_of(terms, op) {
        columns.extend(&terms.scalar_facts(scalar).columns);
    }
    match op {
        RelOp::Aggregate(spec) => terms.aggregate(spec).group.iter().for_each(|column| columns.insert(*column)),
        RelOp::Window(spec) => terms.window(spec).partition_by.iter().for_each(|column| columns.insert(*column)),
        RelOp::Unnest(spec) => columns.insert(spec.list),
        RelOp::Union(union) => {
            terms.union_spec(union).inputs.iter().flatten().for_each(|column| columns.insert(*column));
        }
        RelOp::Extension(extension) => {
            terms.extension(extension).inputs.iter().flatten().for_each(|column| columns.insert(*column));
        }
        _ => {}
    }
    columns
}

/// The scalars that an operator itself evaluates.
fn scalars_of(terms: &Terms, op: RelOp) -> Vec<ScalarId> {
    match op {
        RelOp::Project(projection) => terms.projection(projection).iter().map(|(_, scalar)| *scalar).collect(),
        RelOp::Filter(on) | RelOp::Join(_, on) | RelOp::JoinSet(on) | RelOp::MarkJoin(_, on) | RelOp::Apply(_, on) => {
            terms.predicates(on).to_vec()
        }
        RelOp::Aggregate(spec) => {
            terms.aggregate(spec).aggregates.iter().flat_map(|(_, call)| call.scalars()).collect()
        }
        RelOp::Window(window) => {
            let spec = terms.window(window);
            let keys = spec.order_by.iter().map(|key| key.scalar);
            keys.chain(spec.calls.iter().flat_map(|(_, call)| call.scalars())).collect()
        }
        RelOp::Sort(keys) | RelOp::TopK { keys, .. } => terms.sort_keys(keys).iter().map(|key| key.scalar).collect(),
        RelOp::Get(_)
        | RelOp::Empty(_)
        | RelOp::Distinct
        | RelOp::Limit { .. }
        | RelOp::Unnest(_)
        | RelOp::Union(_)
        | RelOp::Extension(_) => Vec::new(),
    }
}

/// Whether a volatile function is called anywhere in a term.
pub fn is_volatile(terms: &Terms, root: TermId) -> bool {
    let volatile = |scalar: &ScalarId| terms.scalar_facts(*scalar).volatility == Volatility::Volatile;
    terms_in_order(terms, root).into_iter().any(|term| scalars_of(terms, terms.term(term).op).iter().any(volatile))
}

/// Whether anything in a term can raise an error: a scalar, an aggregate, what an engine or a user runs, a scalar
/// subquery of several rows.
pub fn can_fail_within(terms: &Terms, root: TermId) -> bool {
    terms_in_order(terms, root).into_iter().any(|term| {
        let op = terms.term(term).op;
        let own = match op {
            RelOp::Extension(_) | RelOp::Apply(ApplyForm::Scalar { .. }, _) => true,
            RelOp::Aggregate(spec) => {
                terms.aggregate(spec).aggregates.iter().any(|(_, call)| terms.call_can_fail(call))
            }
            RelOp::Window(window) => {
                terms.window(window).calls.iter().any(|(_, call)| terms.window_call_can_fail(call))
            }
            _ => false,
        };
        own || scalars_of(terms, op).into_iter().any(|scalar| terms.scalar_facts(scalar).can_fail)
    })
}
