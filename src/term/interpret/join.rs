//! Joins: every pair of rows is tried.

use super::scalar::{Context, positions};
use super::{EvalError, Relation, Row, Value};
use crate::expr::{JoinKind, Volatility};
use crate::term::{ColumnId, ScalarId};

/// A join of two relations.
pub(super) fn join(
    context: Context<'_>,
    kind: JoinKind,
    on: &[ScalarId],
    left: &Relation,
    right: &Relation,
) -> Result<Relation, EvalError> {
    let both: Vec<ColumnId> = left.columns.iter().chain(&right.columns).copied().collect();
    let at = positions(&both);
    let mut rows = Vec::new();
    let mut right_matched = vec![false; right.rows.len()];
    for row in &left.rows {
        let (mut matched, mut unknown) = (false, false);
        for (other, right_matched) in right.rows.iter().zip(&mut right_matched) {
            let pair = concat(row, other);
            let met = match kind {
                JoinKind::NullAwareAnti => context.all(on, &at, &pair)?,
                _ => Some(context.holds(on, &at, &pair)?),
            };
            match met {
                Some(true) => {
                    (matched, *right_matched) = (true, true);
                    if kind.gives_right() {
                        rows.push(pair);
                    }
                }
                Some(false) => {}
                None => unknown = true,
            }
        }
        match kind {
            JoinKind::Left | JoinKind::Full if !matched => rows.push(concat(row, &nulls(right.columns.len()))),
            JoinKind::Semi if matched => rows.push(row.clone()),
            JoinKind::Anti if !matched => rows.push(row.clone()),
            // NOT IN: one unknown comparison is enough to be unsure; over nothing there is none.
            JoinKind::NullAwareAnti if !matched && !unknown => rows.push(row.clone()),
            _ => {}
        }
    }
    if kind.nulls_left() {
        let unmatched = right.rows.iter().zip(&right_matched).filter(|(_, matched)| !**matched);
        rows.extend(unmatched.map(|(row, _)| concat(&nulls(left.columns.len()), row)));
    }
    Ok(Relation { columns: if kind.gives_right() { both } else { left.columns.clone() }, rows })
}

/// The left rows, each with whether the condition is true of a right row: null where it is true of none
/// and null of one. All right rows are tried, so that an error does not depend on their order.
pub(super) fn mark_join(
    context: Context<'_>,
    mark: ColumnId,
    on: &[ScalarId],
    left: &Relation,
    right: &Relation,
) -> Result<Relation, EvalError> {
    let both: Vec<ColumnId> = left.columns.iter().chain(&right.columns).copied().collect();
    let at = positions(&both);
    let mut rows = Vec::with_capacity(left.rows.len());
    for row in &left.rows {
        let mut found = Some(false);
        for other in &right.rows {
            match context.all(on, &at, &concat(row, other))? {
                Some(true) => found = Some(true),
                None if found == Some(false) => found = None,
                _ => {}
            }
        }
        rows.push(concat(row, &[found.into()]));
    }
    Ok(Relation { columns: left.columns.iter().copied().chain([mark]).collect(), rows })
}

/// An inner join of any number of relations.
///
/// A conjunct that cannot fail holds as soon as its columns are there, which keeps the products
/// small; the others wait for the whole row, so that no error comes from rows that are not there.
pub(super) fn join_set(context: Context<'_>, on: &[ScalarId], inputs: &[&Relation]) -> Result<Relation, EvalError> {
    let mut product = Relation { columns: Vec::new(), rows: vec![Row::new()] };
    let mut waiting: Vec<ScalarId> = on.to_vec();
    for input in inputs {
        product.columns.extend(&input.columns);
        let at = positions(&product.columns);
        let ready = |conjunct: &ScalarId| {
            let facts = context.terms.scalar_facts(*conjunct);
            !context.terms.can_fail_under(*conjunct, context.semantics)
                && facts.volatility < Volatility::Volatile
                && facts.columns.iter().all(|column| at.contains_key(&column))
        };
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
        waiting = later;
        let mut rows = Vec::new();
        for row in &product.rows {
            for other in &input.rows {
                let row = concat(row, other);
                if context.holds(&now, &at, &row)? {
                    rows.push(row);
                }
            }
        }
        product.rows = rows;
    }
    let at = positions(&product.columns);
    let mut rows = Vec::new();
    for row in product.rows {
        if context.holds(&waiting, &at, &row)? {
            rows.push(row);
        }
    }
    Ok(Relation { columns: product.columns, rows })
}

pub(super) fn concat(left: &[Value], right: &[Value]) -> Row {
    left.iter().chain(right).cloned().collect()
}

pub(super) fn nulls(count: usize) -> Row {
    vec![Value::Null; count]
}
