//! What becomes of a bound plan before Leafhold reads it: DataFusion coerces types, and subqueries become applies.

use std::sync::LazyLock;

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::analyzer::Analyzer;

use crate::engine;
use crate::subqueries::{apply_subqueries, single_rows};

static ANALYZER: LazyLock<Analyzer> = LazyLock::new(Analyzer::new);

/// The plan with types coerced and applies in the place of subqueries. Each step that made another plan is told with the
/// plans before and after.
pub(crate) fn prepare(
    plan: LogicalPlan,
    told: &mut dyn FnMut(&str, &LogicalPlan, &LogicalPlan),
) -> Result<LogicalPlan> {
    // DataFusion's analyzer refuses correlated ones of which it does not know that they have one row.
    let plan = single_rows(plan)?;
    let before = plan.clone();
    let plan = ANALYZER.execute_and_check(plan, engine::state().config_options(), |_, _| {})?;
    told("analyzer", &before, &plan);
    let before = plan.clone();
    let plan = apply_subqueries(plan)?;
    told("apply-subqueries", &before, &plan);
    Ok(plan)
}
