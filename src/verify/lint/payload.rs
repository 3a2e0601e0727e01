//! What a node of a term reads and makes.

use crate::term::{ApplyForm, ColumnId, ColumnSet, RelOp, ScalarId, TermId, Terms};

/// The scalars of a node that are evaluated for rows: all but sort keys, which only order them.
pub(super) fn scalars(terms: &Terms, op: RelOp) -> Vec<ScalarId> {
    match op {
        RelOp::Filter(on) | RelOp::JoinSet(on) | RelOp::Join(_, on) | RelOp::MarkJoin(_, on) | RelOp::Apply(_, on) => {
            terms.predicates(on).to_vec()
        }
        RelOp::Project(projection) => terms.projection(projection).iter().map(|(_, scalar)| *scalar).collect(),
        RelOp::Aggregate(aggregate) => {
            terms.aggregate(aggregate).aggregates.iter().flat_map(|(_, call)| call.scalars()).collect()
        }
        RelOp::Window(window) => terms.window(window).calls.iter().flat_map(|(_, call)| call.scalars()).collect(),
        _ => Vec::new(),
    }
}

/// The keys by which a node orders rows.
fn keys(terms: &Terms, op: RelOp) -> Vec<ScalarId> {
    match op {
        RelOp::Sort(keys) | RelOp::TopK { keys, .. } => terms.sort_keys(keys).iter().map(|key| key.scalar).collect(),
        RelOp::Window(window) => terms.window(window).order_by.iter().map(|key| key.scalar).collect(),
        _ => Vec::new(),
    }
}

/// The columns that a node makes.
fn makes(terms: &Terms, op: RelOp) -> Vec<ColumnId> {
    match op {
        RelOp::Project(projection) => {
            let columns = terms.projection(projection).iter();
            columns
                .filter(|(column, scalar)| terms.as_column(*scalar) != Some(*column))
                .map(|(column, _)| *column)
                .collect()
        }
        RelOp::Aggregate(aggregate) => {
            terms.aggregate(aggregate).aggregates.iter().map(|(column, _)| *column).collect()
        }
        RelOp::Window(window) => terms.window(window).calls.iter().map(|(column, _)| *column).collect(),
        RelOp::Union(union) => terms.union_spec(union).output.clone(),
        RelOp::MarkJoin(mark, _) | RelOp::Apply(ApplyForm::Mark(mark), _) => vec![mark],
        RelOp::Apply(ApplyForm::Scalar { output, .. }, _) => vec![output],
        RelOp::Unnest(spec) => vec![spec.element],
        _ => Vec::new(),
    }
}

/// Whether a node makes sense over these inputs: it reads what they give, makes what they lack, and no column
/// comes from two of them.
pub(super) fn fits(terms: &Terms, op: RelOp, inputs: &[TermId]) -> bool {
    let mut given = ColumnSet::new();
    for input in inputs {
        let outputs = &terms.facts(*input).outputs;
        if given.intersects(outputs) {
            return false;
        }
        given.extend(outputs);
    }
    let reads = scalars(terms, op).into_iter().chain(keys(terms, op));
    let all = |columns: &[ColumnId], given: &ColumnSet| columns.iter().all(|column| given.contains(*column));
    let plain = match op {
        RelOp::Aggregate(aggregate) => all(&terms.aggregate(aggregate).group, &given),
        RelOp::Window(window) => all(&terms.window(window).partition_by, &given),
        RelOp::Unnest(spec) => given.contains(spec.list),
        RelOp::Union(union) => {
            let columns = terms.union_spec(union).inputs.iter();
            columns.zip(inputs).all(|(columns, input)| all(columns, &terms.facts(*input).outputs))
        }
        _ => true,
    };
    plain
        && reads.into_iter().all(|scalar| terms.scalar_facts(scalar).columns.is_subset(&given))
        && makes(terms, op).into_iter().all(|column| !given.contains(column))
}
