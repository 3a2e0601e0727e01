//! Conditions on left rows, taken out of the right side of an `apply`.

use crate::expr::{BinaryOp, JoinKind, ScalarOp, Volatility};
use crate::term::{AggregateSpec, ColumnId, ColumnSet, RelNode, RelOp, ScalarId, TermId, Terms, free_columns, reads};

/// A relation that has a row if and only if this one has, and what must hold of that row.
pub(super) fn existing(terms: &mut Terms, mut term: TermId) -> (TermId, Vec<ScalarId>) {
    let mut conditions = Vec::new();
    loop {
        let node = terms.term(term).clone();
        match node.op {
            RelOp::Filter(predicates) => {
                let predicates = terms.predicates(predicates).to_vec();
                if predicates.iter().any(|one| terms.scalar_facts(*one).volatility == Volatility::Volatile) {
                    return (term, conditions);
                }
                conditions.extend(predicates);
            }
            // Conditions may read what is computed there, and choose among the first rows.
            RelOp::Project(_) if conditions.is_empty() => {}
            RelOp::Limit { offset: 0, fetch } if conditions.is_empty() => {
                if fetch == Some(0) {
                    conditions.push(terms.literal(false));
                }
            }
            RelOp::Sort(_) | RelOp::Distinct => {}
            _ => return (term, conditions),
        }
        term = node.inputs[0];
    }
}

/// The relation without the conjuncts that read free columns, and those conjuncts; its other columns stay.
/// With `existence`, it only matters which rows there are, not how often. Recurses on the depth of what
/// stands between the root and the correlated filters, up to [`MAX_PULL`].
pub(super) fn pull(
    terms: &mut Terms,
    term: TermId,
    outer: &ColumnSet,
    existence: bool,
) -> Option<(TermId, Vec<ScalarId>)> {
    pull_within(terms, term, outer, existence, MAX_PULL)
}

/// Deeper correlated filters stay where they are.
const MAX_PULL: usize = 64;

fn pull_within(
    terms: &mut Terms,
    term: TermId,
    outer: &ColumnSet,
    existence: bool,
    left: usize,
) -> Option<(TermId, Vec<ScalarId>)> {
    if free_columns(terms, term).is_empty() {
        return Some((term, Vec::new()));
    }
    let deeper = left.checked_sub(1)?;
    let node = terms.term(term).clone();
    let own_is_free = reads(terms, node.op).intersects(outer);
    let input = |terms: &mut Terms, at: usize| pull_within(terms, node.inputs[at], outer, existence, deeper);
    match node.op {
        RelOp::Filter(predicates) => {
            let (below, mut pulled) = input(terms, 0)?;
            let kept = split(terms, terms.predicates(predicates).to_vec(), outer, &mut pulled)?;
            Some((terms.filter(below, kept), pulled))
        }
        RelOp::JoinSet(predicates) => {
            let mut pulled = Vec::new();
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for at in 0..node.inputs.len() {
                let (below, mut more) = input(terms, at)?;
                inputs.push(below);
                pulled.append(&mut more);
            }
            let kept = split(terms, terms.predicates(predicates).to_vec(), outer, &mut pulled)?;
            Some((terms.join_set(inputs, kept), pulled))
        }
        RelOp::Project(projection) if !own_is_free => {
            let (below, pulled) = input(terms, 0)?;
            let mut columns = terms.projection(projection).to_vec();
            let given = terms.facts(below).outputs.clone();
            let mut wanted = ColumnSet::new();
            pulled.iter().for_each(|one| wanted.extend(&terms.scalar_facts(*one).columns));
            let made: ColumnSet = columns.iter().map(|(to, _)| *to).collect();
            for column in wanted.intersection(&given).difference(&made).iter() {
                columns.push((column, terms.column_scalar(column)));
            }
            let projection = terms.intern_projection(columns);
            Some((terms.add(RelNode::new(RelOp::Project(projection), [below])), pulled))
        }
        // A filter on left rows commutes with what only looks for their partners.
        RelOp::Join(JoinKind::Left | JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti, _)
        | RelOp::MarkJoin(_, _)
            if !own_is_free && free_columns(terms, node.inputs[1]).is_empty() =>
        {
            let (below, pulled) = input(terms, 0)?;
            Some((terms.add(RelNode::new(node.op, [below, node.inputs[1]])), pulled))
        }
        // The order of rows that a join reads means nothing.
        RelOp::Sort(_) if !own_is_free => input(terms, 0),
        RelOp::Distinct if existence => input(terms, 0),
        // Rows and groups of one left row agree on what is equal to it.
        RelOp::Distinct => {
            let (below, pulled) = input(terms, 0)?;
            equal_keys(terms, &pulled, outer)?;
            Some((terms.add(RelNode::new(RelOp::Distinct, [below])), pulled))
        }
        RelOp::Aggregate(spec) if !own_is_free && !terms.aggregate(spec).group.is_empty() => {
            let AggregateSpec { mut group, aggregates } = terms.aggregate(spec).clone();
            let (below, pulled) = pull_within(terms, node.inputs[0], outer, false, deeper)?;
            group.extend(equal_keys(terms, &pulled, outer)?);
            group.sort();
            group.dedup();
            let spec = terms.intern_aggregate(AggregateSpec { group, aggregates });
            Some((terms.add(RelNode::new(RelOp::Aggregate(spec), [below])), pulled))
        }
        _ => None,
    }
}

/// The conjuncts that read no free column; the others go to `pulled`.
fn split(
    terms: &Terms,
    conjuncts: Vec<ScalarId>,
    outer: &ColumnSet,
    pulled: &mut Vec<ScalarId>,
) -> Option<Vec<ScalarId>> {
    let mut kept = Vec::with_capacity(conjuncts.len());
    for conjunct in conjuncts {
        let facts = terms.scalar_facts(conjunct);
        match facts.columns.intersects(outer) {
            false => kept.push(conjunct),
            // It is drawn once per pair where it stands.
            true if facts.volatility == Volatility::Volatile => return None,
            true => pulled.push(conjunct),
        }
    }
    Some(kept)
}

/// The right columns of conjuncts that all compare one with something of the left side.
pub(super) fn equal_keys(terms: &Terms, pulled: &[ScalarId], outer: &ColumnSet) -> Option<Vec<ColumnId>> {
    let mut keys = Vec::with_capacity(pulled.len());
    for conjunct in pulled {
        let node = terms.node(*conjunct);
        if node.op != ScalarOp::Binary(BinaryOp::Eq) {
            return None;
        }
        let (a, b) = (node.args[0], node.args[1]);
        let of_outer = |scalar: ScalarId| terms.scalar_facts(scalar).columns.is_subset(outer);
        let own = |scalar: ScalarId| terms.as_column(scalar).filter(|column| !outer.contains(*column));
        let key = if of_outer(b) { own(a) } else { None };
        keys.push(key.or_else(|| if of_outer(a) { own(b) } else { None })?);
    }
    keys.sort();
    keys.dedup();
    Some(keys)
}
