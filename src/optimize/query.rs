use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use super::plan::ResultPartitions;
use super::resolve::{Resolved, resolve};
use crate::expr::{Expr, Name, Op, Repartitioning};
use crate::term::{ColumnId, TermId, Terms};

/// What is planned: a term, and what the result is called.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub root: TermId,
    pub output: Vec<(Name, ColumnId)>,
    pub schema: SchemaRef,
    pub result: Option<ResultPartitions>,
}

impl Query {
    /// The query that an expression is, resolved into an arena.
    pub fn of(expr: &Expr, terms: &mut Terms) -> Query {
        let Resolved { root, output } = resolve(expr, terms);
        Query { root, output, schema: expr.schema().clone(), result: wish(expr) }
    }

    /// The query for all columns of a term.
    pub fn of_term(terms: &Terms, root: TermId) -> Query {
        let facts = terms.facts(root);
        let output: Vec<(Name, ColumnId)> =
            facts.outputs.iter().map(|column| (terms.column(column).name.clone(), column)).collect();
        let fields = output.iter().map(|(name, column)| {
            let data_type = terms.column(*column).data_type.clone();
            Field::new(&**name, data_type, !facts.not_null.contains(*column))
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Query { root, output, schema, result: None }
    }
}

/// How the result is to lie, by the outermost operator. What lies below moves its rows as the plan needs it.
fn wish(expr: &Expr) -> Option<ResultPartitions> {
    let Op::Repartition(to) = expr.op() else { return None };
    let position = |column: &Name| expr.schema().index_of(column).ok();
    let hashed = match to {
        Repartitioning::Hash(columns, _) => columns.iter().map(position).collect::<Option<_>>()?,
        Repartitioning::RoundRobin(_) => Vec::new(),
    };
    Some(ResultPartitions { hashed, count: to.partitions() })
}
