//! Applies: the right side is computed for every left row.

use super::join::{concat, nulls};
use super::scalar::{Context, positions};
use super::{EvalError, Relation, Row, Value};
use crate::term::{ApplyForm, ColumnId, ScalarId, TermId};

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
    let mut rows: Vec<Row> = Vec::new();
    for row in &left.rows {
        let seen = concat(outer_row, row);
        let found = Context { outer: Some((&scope, &seen)), ..context }.relation(right)?.select(&right_columns)?;
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
