//! DataFusion's bound plans as expressions.
//!
//! Columns keep their position: what a plan gives as its n-th column, the expression gives as its n-th.
//! Names are made unique on the way, since an expression knows no qualifiers. What has no counterpart
//! becomes a [barrier](leafhold::expr::Extension) whose inputs are converted all the same.

mod aggregate;
mod apply;
mod barrier;
mod grouping;
mod names;
mod relation;
mod scalar;
mod scope;
mod unnest;
mod window;

use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use leafhold::expr::{Expr, ExprError, Name, col};

use crate::{EngineFunctions, SqlError};
pub(crate) use barrier::{InputSource, PlanBarrier};
use names::Names;
use relation::Converter;

/// Why a node has no counterpart: it cannot be said, or it is wrong.
enum Stop {
    Opaque,
    Error(SqlError),
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Stop::Error(error)
    }
}

impl From<ExprError> for Stop {
    /// What DataFusion typed and Leafhold refuses is for DataFusion to run.
    fn from(_: ExprError) -> Self {
        Stop::Opaque
    }
}

fn invalid(error: DataFusionError) -> Stop {
    Stop::Error(crate::error::from_datafusion(error, "", &[]))
}

/// The expression of a prepared plan. Its columns are called as the query calls them.
pub(crate) fn to_expr(plan: &LogicalPlan) -> Result<Expr, SqlError> {
    let expr = Converter::default().relation(plan)?;
    let mut names = Names::default();
    let wanted: Vec<Name> =
        plan.schema().iter().map(|(qualifier, field)| names.unique(field.name(), qualifier)).collect();
    let fields = expr.schema().fields().clone();
    if fields.iter().zip(&wanted).all(|(field, wanted)| field.name() == &**wanted) {
        return Ok(expr);
    }
    let columns = fields.iter().zip(wanted).map(|(field, wanted)| (wanted, col(field.name().as_str())));
    Ok(expr.project(columns, &EngineFunctions)?)
}
