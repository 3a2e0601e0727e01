//! SQL that DataFusion reads past, or plans as something else: better no answer than a wrong one.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query, SetExpr, SetOperator, SetQuantifier, Spanned, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::SqlError;
use crate::error::Place;

/// An error where a statement has such a part, with its place.
pub(crate) fn refuse(statement: &Statement, sql: &str) -> Result<(), SqlError> {
    let Statement::Statement(statement) = statement else { return Ok(()) };
    let ControlFlow::Break((what, instead, span)) = statement.visit(&mut Parts) else { return Ok(()) };
    let place = Place::new(sql, span.start.line, span.start.column);
    Err(SqlError::Invalid { message: format!("`{what}` is not supported; {instead}"), place })
}

/// Looks for them.
struct Parts;

/// What it is, what to do instead, and where.
type Found = (&'static str, &'static str, Span);

impl Visitor for Parts {
    type Break = Found;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Found> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(("FOR UPDATE", "queries lock nothing here, leave it away", query.span()));
        }
        set_operation(&query.body)
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<Found> {
        match table {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                ControlFlow::Break(("TABLESAMPLE", "filter by `random()`, or take a `limit`", table.span()))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Found> {
        match expr {
            Expr::SimilarTo { .. } => {
                ControlFlow::Break(("SIMILAR TO", "use `LIKE`, or `regexp_like` with `^` and `$`", expr.span()))
            }
            // The parser takes all that follows for the right side; a pair of parentheses would be there as such.
            Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => match &**right {
                Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor, .. } => {
                    let instead = "put the comparison in parentheses";
                    ControlFlow::Break(("IS DISTINCT FROM .. AND, OR", instead, expr.span()))
                }
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}

/// `EXCEPT ALL` and `INTERSECT ALL` count rows; DataFusion's joins do not.
fn set_operation(body: &SetExpr) -> ControlFlow<Found> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return ControlFlow::Continue(()) };
    let all = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
    match op {
        SetOperator::Except | SetOperator::Minus if all => {
            ControlFlow::Break(("EXCEPT ALL", "number equal rows with `row_number()`, or use `EXCEPT`", body.span()))
        }
        SetOperator::Intersect if all => {
            let instead = "number equal rows with `row_number()`, or use `INTERSECT`";
            ControlFlow::Break(("INTERSECT ALL", instead, body.span()))
        }
        _ => {
            set_operation(left)?;
            set_operation(right)
        }
    }
}
