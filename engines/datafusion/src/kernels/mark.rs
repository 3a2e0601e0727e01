//! Mark joins of three values. DataFusion's mark says whether a pair is there; a second one says whether a
//! pair is there of which nobody knows.

use std::sync::Arc;

use datafusion::common::{JoinType, Result, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal, case};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use leafhold::expr::{Scalar, ScalarOp};

use super::join::join_filter;
use super::operators::gathered;
use super::shared::SharedExec;
use super::watch::Setting;

type Operator = Arc<dyn ExecutionPlan>;

/// The left columns and whether the condition is true of a right row; null where it is true of none and,
/// if it can be `nullable`, null of one.
pub(super) fn mark_join(
    condition: Option<&Scalar<usize>>,
    nullable: bool,
    left: Operator,
    right: Operator,
    setting: &Setting,
) -> Result<Operator> {
    let left = setting.compact(gathered(left));
    // Both joins read it.
    let right: Operator = if nullable { Arc::new(SharedExec::new(gathered(right))) } else { gathered(right) };
    let lefts = left.schema().fields().len();
    let found = marked(condition.cloned(), left, right.clone(), setting)?;
    let Some(condition) = condition.filter(|_| nullable) else { return Ok(found) };
    // The columns of the right side have moved by the first mark.
    let moved = condition.try_map(&mut |column| {
        Ok::<_, datafusion::common::DataFusionError>(match *column < lefts {
            true => *column,
            false => *column + 1,
        })
    })?;
    let unknown = Scalar::new(ScalarOp::IsNull, [moved]);
    let unsure = marked(Some(unknown), found, right, setting)?;
    let schema = unsure.schema();
    let column = |at: usize| -> Arc<dyn PhysicalExpr> { Arc::new(Column::new(schema.field(at).name(), at)) };
    let truth = |value: Option<bool>| -> Arc<dyn PhysicalExpr> { Arc::new(Literal::new(ScalarValue::Boolean(value))) };
    let arms = vec![(column(lefts), truth(Some(true))), (column(lefts + 1), truth(None))];
    let mark = case(None, arms, Some(truth(Some(false))))?;
    let columns = (0..lefts).map(column).chain([mark]).enumerate();
    let columns = columns.map(|(at, column)| (column, format!("c{at}")));
    Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), unsure)?))
}

fn marked(condition: Option<Scalar<usize>>, left: Operator, right: Operator, setting: &Setting) -> Result<Operator> {
    let schemas = (left.schema(), right.schema());
    let filter = condition.map(|scalar| join_filter(&scalar, &schemas.0, &schemas.1, false, setting)).transpose()?;
    Ok(Arc::new(NestedLoopJoinExec::try_new(left, right, filter, &JoinType::LeftMark, None)?))
}
