//! Applies: the right side is computed for every left row. One that reads nothing of the left row is an input like
//! any other: it is computed once, and its errors do not depend on whether there is a left row.

use super::join::{concat, nulls};
use super::scalar::{Context, positions};
use super::{EvalError, Relation, Row, Value};
use crate::term::{ApplyForm, ColumnId, ColumnSet, ScalarId, TermId, free_columns};

/// What an `apply` gives over its left rows; within `right`, their columns are free.
pub(super) fn apply(
    context: Context<'_>,
    form: ApplyForm,
    on: &[ScalarId],
    left: &Relation,
    right: TermId,
) -> Result<Relation, EvalError> {
    // Columns of an apply further out stay visible; those of this one come first.
    let (mut scope, outer_row) = match context.outer {
        Some((at, row)) => (at.clone(), row),
        None => (Default::default(), &[][..]),
    };
    scope.extend(left.columns.iter().enumerate().map(|(at, column)| (*column, outer_row.len() + at)));
    let right_columns: Vec<ColumnId> = context.terms.facts(right).outputs.iter().collect();
    let both: Vec<ColumnId> = left.columns.iter().chain(&right_columns).copied().collect();
    let at = positions(&both);
    let closed = match free_columns(context.terms, right).is_empty() {
        true => Some(context.relation(right)?.select(&right_columns)?),
        false => None,
    };
    let (closed, on) = match (closed, form) {
        // So is the question of how many rows it has, where the condition asks nothing of the left row either.
        (Some(found), ApplyForm::Scalar { .. }) if context.reads_only(on, &right_columns) => {
            let at = positions(&right_columns);
            let mut rows = Vec::new();
            for row in found.rows {
                if context.holds(on, &at, &row)? {
                    rows.push(row);
                }
            }
            match rows.len() {
                0 | 1 => (Some(Relation { columns: found.columns, rows }), &[][..]),
                rows => return Err(EvalError::SeveralRows { rows }),
            }
        }
        (closed, _) => (closed, on),
    };
    let mut rows: Vec<Row> = Vec::new();
    for row in &left.rows {
        let found = match &closed {
            Some(found) => found.clone(),
            None => {
                let seen = concat(outer_row, row);
                Context { outer: Some((&scope, &seen)), ..context }.relation(right)?.select(&right_columns)?
            }
        };
        let (mut matches, mut unknown) = (Vec::new(), false);
        for other in &found.rows {
            let pair = concat(row, other);
            match context.all(on, &at, &pair)? {
                Some(true) => matches.push(pair),
                Some(false) => {}
                None => unknown = true,
            }
        }
        match form {
            ApplyForm::Inner => rows.append(&mut matches),
            ApplyForm::Left if matches.is_empty() => rows.push(concat(row, &nulls(right_columns.len()))),
            ApplyForm::Left => rows.append(&mut matches),
            ApplyForm::Semi if !matches.is_empty() => rows.push(row.clone()),
            ApplyForm::Anti if matches.is_empty() => rows.push(row.clone()),
            ApplyForm::Semi | ApplyForm::Anti => {}
            ApplyForm::Mark(_) => {
                let mark = if !matches.is_empty() {
                    Some(true)
                } else if unknown {
                    None
                } else {
                    Some(false)
                };
                rows.push(concat(row, &[mark.into()]));
            }
            ApplyForm::Scalar { value, .. } => {
                let value = match matches.as_slice() {
                    [] => Value::Null,
                    [only] => match at.get(&value) {
                        Some(at) => only[*at].clone(),
                        None => return Err(EvalError::MissingColumn { place: "an apply", column: value }),
                    },
                    more => return Err(EvalError::SeveralRows { rows: more.len() }),
                };
                rows.push(concat(row, &[value]));
            }
        }
    }
    let columns = match form {
        ApplyForm::Inner | ApplyForm::Left => both,
        ApplyForm::Semi | ApplyForm::Anti => left.columns.clone(),
        ApplyForm::Mark(column) | ApplyForm::Scalar { output: column, .. } => {
            left.columns.iter().copied().chain([column]).collect()
        }
    };
    Ok(Relation { columns, rows })
}

impl Context<'_> {
    fn reads_only(&self, conjuncts: &[ScalarId], columns: &[ColumnId]) -> bool {
        let columns: ColumnSet = columns.iter().copied().collect();
        conjuncts.iter().all(|conjunct| self.terms.scalar_facts(*conjunct).columns.is_subset(&columns))
    }
}
