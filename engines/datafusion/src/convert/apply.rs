use datafusion::common::{DFSchema, TableReference};
use leafhold::expr::{ApplyKind, Expr, Name};

use super::Stop;
use super::names::Names;
use super::relation::{Converter, Side};
use super::scalar::scalar;
use crate::applied::{Applied, AppliedKind};
use crate::{EngineFunctions, SqlError};

impl Converter {
    /// A relation that is computed for every row of another one. Columns of rows further out are told apart by name.
    pub(super) fn apply(&mut self, applied: &Applied) -> Result<Expr, Stop> {
        let mut left = Side::new(self.relation(&applied.left)?, applied.left.schema());
        let further: Vec<_> = self.outer.iter().map(|(_, schema)| schema.clone()).collect();
        let mut names = Names::default();
        let known = further.iter().chain([left.expr.schema()]).flat_map(|schema| schema.fields());
        known.for_each(|field| names.reserve(field.name()));
        let hidden = |name: &str| further.iter().any(|schema| schema.fields().find(name).is_some());
        let ours = left.expr.schema().clone();
        if ours.fields().iter().any(|field| hidden(field.name())) {
            left.rename(hidden, &mut names)?;
        }
        let ours = left.expr.schema().clone();
        self.outer.push((applied.left.schema().clone(), ours.clone()));
        let right = self.relation(&applied.right);
        self.outer.pop();
        let mut right = Side::new(right?, applied.right.schema());
        let paired = !applied.on.is_empty() || matches!(applied.kind, AppliedKind::Inner | AppliedKind::Left);
        let clash = |name: &str| ours.fields().find(name).is_some();
        if paired && right.expr.schema().fields().iter().any(|field| clash(field.name())) {
            right.expr.schema().fields().iter().for_each(|field| names.reserve(field.name()));
            right.rename(clash, &mut names)?;
        }
        let scope = self.scope([left.scope(), right.scope()]);
        let mut on = Vec::new();
        for conjunct in &applied.on {
            on.extend(scalar(conjunct, &scope)?.conjuncts());
        }
        let mut added = |table: &TableReference, schema: &DFSchema| -> Name {
            let last = schema.fields().last().map_or("value", |field| field.name().as_str());
            names.unique(super::relation::label(last, "value"), Some(table))
        };
        let schema = datafusion::logical_expr::UserDefinedLogicalNodeCore::schema(applied);
        let kind = match &applied.kind {
            AppliedKind::Inner => ApplyKind::Inner,
            AppliedKind::Left => ApplyKind::Left,
            AppliedKind::Semi => ApplyKind::Semi,
            AppliedKind::Anti => ApplyKind::Anti,
            AppliedKind::Mark(table) => ApplyKind::Mark(added(table, schema)),
            AppliedKind::Scalar(table) => ApplyKind::Scalar(added(table, schema)),
        };
        // DataFusion could not run it either.
        left.expr.apply(right.expr, kind, on, &EngineFunctions).map_err(|error| Stop::Error(SqlError::Expr(error)))
    }
}
