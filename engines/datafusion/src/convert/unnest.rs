//! Unnests of SQL.

use datafusion::common::NullHandling;
use datafusion::logical_expr::Unnest;
use leafhold::expr::{Expr, NullLists};

use super::Stop;
use super::relation::Converter;

impl Converter {
    /// One list, one level deep. Several lists go side by side, and structs become several columns: those are DataFusion's.
    pub(super) fn unnest(&mut self, unnest: &Unnest) -> Result<Expr, Stop> {
        let [(at, list)] = &*unnest.list_type_columns else { return Err(Stop::Opaque) };
        let in_place = unnest.dependency_indices.iter().copied().eq(0..unnest.input.schema().fields().len());
        if list.depth != 1 || !unnest.struct_type_columns.is_empty() || !in_place {
            return Err(Stop::Opaque);
        }
        let nulls = match unnest.options.null_handling {
            NullHandling::Preserve => NullLists::Preserve,
            NullHandling::Drop => NullLists::Drop,
            NullHandling::PreserveAndExpandEmpty => return Err(Stop::Opaque),
        };
        let input = self.relation(&unnest.input)?;
        let column = input.schema().field(*at).name().as_str().to_owned();
        Ok(input.unnest(column, nulls)?)
    }
}
