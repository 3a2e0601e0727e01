//! A node that DataFusion does not have: a relation that is computed for every row of another one.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef, Result, TableReference, internal_err};
use datafusion::logical_expr::builder::build_join_schema;
use datafusion::logical_expr::{Expr, Extension, JoinType, LogicalPlan, UserDefinedLogicalNodeCore};

/// What becomes of a left row and the rows that the right side gives for it: the kinds of
/// [`ApplyKind`](leafhold::expr::ApplyKind), whose new columns DataFusion calls by a table and a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Hash)]
pub(crate) enum AppliedKind {
    Inner,
    Left,
    Semi,
    Anti,
    Mark(TableReference),
    Scalar(TableReference),
}

/// An `apply` in a plan of DataFusion's: its right side holds references to columns of the left one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Applied {
    pub kind: AppliedKind,
    pub left: LogicalPlan,
    pub right: LogicalPlan,
    /// What must hold of both.
    pub on: Vec<Expr>,
    schema: DFSchemaRef,
}

/// The name of the column of a mark.
const MARK: &str = "mark";

impl Applied {
    pub fn new(kind: AppliedKind, left: LogicalPlan, right: LogicalPlan, on: Vec<Expr>) -> Result<Self> {
        let (ours, theirs) = (left.schema(), right.schema());
        let with = |table: &TableReference, field: Field| {
            let mut fields: Vec<_> = ours.iter().map(|(table, field)| (table.cloned(), field.clone())).collect();
            fields.push((Some(table.clone()), Arc::new(field)));
            DFSchema::new_with_metadata(fields, ours.metadata().clone())
        };
        let schema = match &kind {
            AppliedKind::Inner => build_join_schema(ours, theirs, &JoinType::Inner)?,
            AppliedKind::Left => build_join_schema(ours, theirs, &JoinType::Left)?,
            AppliedKind::Semi | AppliedKind::Anti => DFSchema::clone(ours),
            AppliedKind::Mark(table) => with(table, Field::new(MARK, DataType::Boolean, true))?,
            AppliedKind::Scalar(table) => match theirs.fields().as_ref() {
                [only] => with(table, Field::new(only.name(), only.data_type().clone(), true))?,
                fields => return internal_err!("a scalar subquery of {} columns", fields.len()),
            },
        };
        Ok(Applied { kind, left, right, on, schema: Arc::new(schema) })
    }

    /// The node as a plan.
    pub fn plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The column that it adds, if it adds one.
    pub fn added(&self) -> Option<Expr> {
        match self.kind {
            AppliedKind::Mark(_) | AppliedKind::Scalar(_) => {
                self.schema.iter().last().map(|column| Expr::Column(column.into()))
            }
            _ => None,
        }
    }
}

impl PartialOrd for Applied {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let key = |applied: &'_ Applied| (applied.kind.clone(), applied.on.clone());
        match key(self).partial_cmp(&key(other))? {
            Ordering::Equal => (&self.left, &self.right).partial_cmp(&(&other.left, &other.right)),
            different => Some(different),
        }
    }
}

impl UserDefinedLogicalNodeCore for Applied {
    fn name(&self) -> &str {
        "Apply"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left, &self.right]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.on.clone()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            AppliedKind::Inner => "Inner",
            AppliedKind::Left => "Left",
            AppliedKind::Semi => "Semi",
            AppliedKind::Anti => "Anti",
            AppliedKind::Mark(_) => "Mark",
            AppliedKind::Scalar(_) => "Scalar",
        };
        write!(f, "{kind} Apply")?;
        if let Some(added) = self.added() {
            write!(f, ": {added}")?;
        }
        let mut word = " ON";
        for conjunct in &self.on {
            write!(f, "{word} {conjunct}")?;
            word = " AND";
        }
        Ok(())
    }

    fn with_exprs_and_inputs(&self, on: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 2]>::try_from(inputs) {
            Ok([left, right]) => Applied::new(self.kind.clone(), left, right, on),
            Err(inputs) => internal_err!("an apply of {} inputs", inputs.len()),
        }
    }
}
