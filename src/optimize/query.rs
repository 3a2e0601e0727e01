use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use indexmap::IndexSet;

use super::plan::ResultPartitions;
use super::resolve::{Resolved, resolve_and_count};
use crate::expr::{Expr, Name, Op, Repartitioning, ScalarOp};
use crate::term::{ColumnId, TermId, Terms};

/// What is planned: a term, and what the result is called.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub root: TermId,
    pub output: Vec<(Name, ColumnId)>,
    pub schema: SchemaRef,
    pub result: Option<ResultPartitions>,
    /// How many repartitions say nothing of the result.
    pub repartitions_left_out: usize,
}

impl Query {
    /// The query that an expression is, resolved into an arena.
    pub fn of(expr: &Expr, terms: &mut Terms) -> Query {
        let (Resolved { root, output }, repartitions) = resolve_and_count(expr, terms);
        let result = wish(expr);
        let repartitions_left_out = repartitions - usize::from(result.is_some());
        Query { root, output, schema: expr.schema().clone(), result, repartitions_left_out }
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
        Query { root, output, schema, result: None, repartitions_left_out: 0 }
    }
}

/// How the rows of the result lie, by the outermost repartition: only filters and projections may stand above it, which
/// leave each row where it is. Other operators move rows as the plan needs it.
fn wish(expr: &Expr) -> Option<ResultPartitions> {
    // What each column of the result is called down here, if it is there.
    let names = expr.schema().fields().iter();
    let mut names: Vec<Option<Name>> = names.map(|field| Some(field.name().as_str().into())).collect();
    let mut below = expr;
    loop {
        match below.op() {
            Op::Filter(_) => {}
            Op::Project(columns) => {
                let before = |name: Name| match &columns.iter().find(|(to, _)| *to == name)?.1.op {
                    ScalarOp::Column(from) => Some(from.clone()),
                    _ => None,
                };
                names = names.into_iter().map(|name| name.and_then(before)).collect();
            }
            Op::Repartition(to) => {
                let position = |column: &Name| names.iter().position(|name| name.as_ref() == Some(column));
                let hashed = match to {
                    Repartitioning::Hash(columns, _) => {
                        columns.iter().map(position).collect::<Option<IndexSet<_>>>()?
                    }
                    Repartitioning::RoundRobin(_) => IndexSet::new(),
                };
                let hashed = hashed.into_iter().collect();
                return Some(ResultPartitions { hashed, count: to.partitions() });
            }
            _ => return None,
        }
        below = below.inputs().first()?;
    }
}
