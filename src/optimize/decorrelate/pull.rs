//! Conditions on left rows, taken out of the right side of an `apply`.

use crate::expr::{BinaryOp, JoinKind, ScalarOp, Volatility};
use crate::term::{AggregateSpec, ColumnId, ColumnSet, RelNode, RelOp, ScalarId, TermId, Terms, free_columns, reads};

/// A relation that has a row if and only if this one has, and what must hold of that row: its `filters`, if they may go.
pub(super) fn existing(terms: &mut Terms, mut term: TermId, filters: bool) -> (TermId, Vec<ScalarId>) {
    let mut conditions = Vec::new();
    loop {
        let node = terms.term(term).clone();
        match node.op {
            RelOp::Filter(predicates) if filters => {
                let predicates = terms.predicates(predicates).to_vec();
                if predicates.iter().any(|one| terms.scalar_facts(*one).volatility == Volatility::Volatile) {
                    return (term, conditions);
                }
                conditions.extend(predicates);
            }
            // Conditions may read what is computed there, and choose among the first rows.
            RelOp::Project(_) if conditions.is_empty() => {}
            RelOp::Limit { offset: 0, fetch } if conditions.is_empty() && fetch != Some(0) => {}
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
            let (below, mut pulled) = input(terms, 0)?;
            let (below, keys) = equal_keys(terms, below, &mut pulled, outer)?;
            let mut columns = terms.facts(node.inputs[0]).outputs.clone();
            columns.extend(&keys.into_iter().collect());
            let below = terms.exactly(below, &columns);
            Some((terms.add(RelNode::new(RelOp::Distinct, [below])), pulled))
        }
        RelOp::Aggregate(spec) if !own_is_free && !terms.aggregate(spec).group.is_empty() => {
            let AggregateSpec { mut group, aggregates } = terms.aggregate(spec).clone();
            let (below, mut pulled) = pull_within(terms, node.inputs[0], outer, false, deeper)?;
            let (below, keys) = equal_keys(terms, below, &mut pulled, outer)?;
            group.extend(keys);
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

/// The relation with a column for whatever conjuncts compare with something of the left side, and these columns: rows that
/// agree on them belong to the same left rows. What is compared without being a column is computed. A conjunct that only
/// reads the left side has none. `None`, where one reads both sides in another way.
pub(super) fn equal_keys(
    terms: &mut Terms,
    relation: TermId,
    pulled: &mut [ScalarId],
    outer: &ColumnSet,
) -> Option<(TermId, Vec<ColumnId>)> {
    let (mut keys, mut computed) = (Vec::with_capacity(pulled.len()), Vec::new());
    for conjunct in pulled {
        if terms.scalar_facts(*conjunct).columns.is_subset(outer) {
            continue;
        }
        let node = terms.node(*conjunct);
        if node.op != ScalarOp::Binary(BinaryOp::Eq) {
            return None;
        }
        let (a, b) = (node.args[0], node.args[1]);
        let of_outer = |scalar: ScalarId| terms.scalar_facts(scalar).columns.is_subset(outer);
        let of_relation = |scalar: ScalarId| !terms.scalar_facts(scalar).columns.intersects(outer);
        let (own, theirs) = match (of_relation(a) && of_outer(b), of_relation(b) && of_outer(a)) {
            (true, _) => (a, b),
            (_, true) => (b, a),
            _ => return None,
        };
        let key = match terms.as_column(own) {
            Some(column) => column,
            None => {
                let facts = terms.scalar_facts(own);
                let (data_type, nullable) = (facts.data_type.clone(), facts.nullable);
                let key = terms.add_column("key", data_type, nullable);
                computed.push((key, own));
                let own = terms.column_scalar(key);
                *conjunct = terms.scalar(ScalarOp::Binary(BinaryOp::Eq), [own, theirs]);
                key
            }
        };
        keys.push(key);
    }
    keys.sort();
    keys.dedup();
    if computed.is_empty() {
        return Some((relation, keys));
    }
    let given = terms.facts(relation).outputs.clone();
    computed.extend(given.iter().map(|column| (column, terms.column_scalar(column))));
    let projection = terms.intern_projection(computed);
    Some((terms.add(RelNode::new(RelOp::Project(projection), [relation])), keys))
}
