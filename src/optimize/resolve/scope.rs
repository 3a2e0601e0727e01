//! What names mean: columns, those of the applies around included.

use std::convert::Infallible;

use super::Resolver;
use crate::expr::{AggregateCall, Expr, Name, Scalar, ScalarOp, SortKey};
use crate::term::{ColumnId, ScalarId, TermAggregate, TermSortKey};

impl Resolver<'_> {
    pub(super) fn add_column(&mut self, expr: &Expr, name: &Name) -> ColumnId {
        let field = expr.schema().field_with_name(name);
        let (data_type, nullable) = match field {
            Ok(field) => (field.data_type().clone(), field.is_nullable()),
            Err(_) => (arrow_schema::DataType::Null, true),
        };
        self.terms.add_column(name, data_type, nullable)
    }

    pub(super) fn scalar(&mut self, scalar: &Scalar, names: &[(Name, ColumnId)]) -> ScalarId {
        let Ok(mut resolved) = scalar.try_map(&mut lookup(names));
        self.bind(&mut resolved);
        self.terms.intern_scalar(&resolved)
    }

    /// The column that an outer reference means, if an apply around binds it.
    pub(super) fn bound(&self, name: &Name) -> Option<ColumnId> {
        let find = |names: &Vec<(Name, ColumnId)>| names.iter().find(|(known, _)| known == name).map(|known| known.1);
        self.outer.iter().rev().find_map(find)
    }

    /// Makes columns of outer references; one that nothing binds stays, and the planner says so.
    pub(super) fn bind(&self, scalar: &mut Scalar<ColumnId>) {
        if let ScalarOp::Outer(outer) = &scalar.op
            && let Some(column) = self.bound(&outer.name)
        {
            scalar.op = ScalarOp::Column(column);
        }
        scalar.args.iter_mut().for_each(|arg| self.bind(arg));
    }

    pub(super) fn call(&mut self, call: &AggregateCall, names: &[(Name, ColumnId)]) -> TermAggregate {
        let Ok(mut call) = call.try_map(&mut lookup(names));
        call.args.iter_mut().chain(&mut call.filter).for_each(|scalar| self.bind(scalar));
        self.terms.intern_call(&call)
    }

    pub(super) fn sort_keys(&mut self, keys: &[SortKey], names: &[(Name, ColumnId)]) -> Vec<TermSortKey> {
        let keys = keys.iter().map(|key| TermSortKey {
            scalar: self.scalar(&key.scalar, names),
            descending: key.descending,
            nulls_first: key.nulls_first,
        });
        keys.collect()
    }
}

/// Replaces names by ids. `Expr` has checked every name, so an unknown one is a bug; it becomes the
/// first column instead of a panic, and the type tripwire reports it.
pub(super) fn lookup(names: &[(Name, ColumnId)]) -> impl FnMut(&Name) -> Result<ColumnId, Infallible> {
    |name| {
        let found = names.iter().find(|(known, _)| known == name).map(|(_, column)| *column);
        Ok(found.unwrap_or(ColumnId(0)))
    }
}
