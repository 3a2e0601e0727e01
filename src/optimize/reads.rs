//! Which columns an operator, or a whole term, reads.

use std::collections::HashMap;

use super::graph::terms_in_order;
use crate::term::{ColumnSet, RelOp, ScalarId, TermId, Terms};

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
    let scalars = |columns: &mut ColumnSet, scalars: &[ScalarId]| {
        scalars.iter().for_each(|scalar| columns.extend(&terms.scalar_facts(*scalar).columns));
    };
    match op {
        RelOp::Get(_) | RelOp::Empty(_) | RelOp::Distinct | RelOp::Limit { .. } => {}
        RelOp::Project(projection) => {
            terms.projection(projection).iter().for_each(|(_, scalar)| scalars(&mut columns, &[*scalar]));
        }
        RelOp::Filter(on) | RelOp::Join(_, on) | RelOp::JoinSet(on) | RelOp::MarkJoin(_, on) | RelOp::Apply(_, on) => {
            scalars(&mut columns, terms.predicates(on));
        }
        RelOp::Aggregate(spec) => {
            let spec = terms.aggregate(spec);
            spec.group.iter().for_each(|column| columns.insert(*column));
            let args: Vec<ScalarId> = spec.aggregates.iter().flat_map(|(_, call)| call.scalars()).collect();
            scalars(&mut columns, &args);
        }
        RelOp::Window(window) => {
            let spec = terms.window(window);
            spec.partition_by.iter().for_each(|column| columns.insert(*column));
            let keys = spec.order_by.iter().map(|key| key.scalar);
            let args: Vec<ScalarId> = keys.chain(spec.calls.iter().flat_map(|(_, call)| call.scalars())).collect();
            scalars(&mut columns, &args);
        }
        RelOp::Unnest(spec) => columns.insert(spec.list),
        RelOp::Sort(keys) | RelOp::TopK { keys, .. } => {
            let keys: Vec<ScalarId> = terms.sort_keys(keys).iter().map(|key| key.scalar).collect();
            scalars(&mut columns, &keys);
        }
        RelOp::Union(union) => {
            terms.union_spec(union).inputs.iter().flatten().for_each(|column| columns.insert(*column));
        }
        RelOp::Extension(extension) => {
            terms.extension(extension).inputs.iter().flatten().for_each(|column| columns.insert(*column));
        }
    }
    columns
}
