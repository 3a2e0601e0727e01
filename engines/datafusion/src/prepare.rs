//! What DataFusion does to a bound plan before Leafhold reads it: type coercion, and subqueries into joins.

use std::sync::{Arc, LazyLock};

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::optimizer::analyzer::Analyzer;
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::optimizer::{OptimizerContext, OptimizerRule};
use datafusion::optimizer::rewrite_set_comparison::RewriteSetComparison;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;

use crate::engine;
use crate::single_value::single_value;

static ANALYZER: LazyLock<Analyzer> = LazyLock::new(Analyzer::new);

/// The plan with types coerced and, where DataFusion knows how, without subqueries. Each rule that made another plan is
/// told with the plans before and after.
pub(crate) fn prepare(
    plan: LogicalPlan,
    told: &mut dyn FnMut(&str, &LogicalPlan, &LogicalPlan),
) -> Result<LogicalPlan> {
    let options = engine::state().config_options();
    let before = plan.clone();
    let plan = ANALYZER.execute_and_check(plan, options, |_, _| {})?;
    told("analyzer", &before, &plan);
    if !has_subqueries(&plan)? {
        return Ok(plan);
    }
    let rules: [&dyn OptimizerRule; 4] = [
        &RewriteSetComparison::new(),
        &DecorrelatePredicateSubquery::new(),
        &ScalarSubqueryToJoin::new(),
        &DecorrelateLateralJoin::new(),
    ];
    let plan = single_rows(plan)?;
    let context = OptimizerContext::new_with_config_options(Arc::clone(options)).without_query_execution_start_time();
    let mut plan = plan;
    for rule in rules {
        // A rule that fails says that it does not know this query: what is left becomes a barrier.
        let rewritten = plan.clone().transform_down(|node| rule.rewrite(node, &context));
        if let Ok(rewritten) = rewritten {
            if rewritten.transformed {
                told(rule.name(), &plan, &rewritten.data);
            }
            plan = rewritten.data;
        }
    }
    Ok(plan)
}

/// A scalar subquery that may have several rows, as far as anybody can tell, raises an error if it has: a join would
/// repeat the rows around it.
fn single_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    let single = |expr: Expr| match expr {
        Expr::ScalarSubquery(subquery)
            if subquery.outer_ref_columns.is_empty() && subquery.subquery.max_rows().is_none_or(|rows| rows > 1) =>
        {
            let column = Expr::from(subquery.subquery.schema().qualified_field(0));
            let name = subquery.subquery.schema().field(0).name().clone();
            let value = single_value().call(vec![column]).alias(name);
            let inner = LogicalPlanBuilder::from(subquery.subquery.clone()).aggregate(Vec::<Expr>::new(), [value])?;
            let subquery = Subquery { subquery: Arc::new(inner.build()?), ..subquery };
            Ok(Transformed::yes(Expr::ScalarSubquery(subquery)))
        }
        expr => Ok(Transformed::no(expr)),
    };
    let rewritten =
        plan.transform_down_with_subqueries(|node| node.map_expressions(|expr| expr.transform_down(single)))?;
    Ok(rewritten.data)
}

/// Whether an expression anywhere in the plan holds a subquery, or a join is lateral.
fn has_subqueries(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        found |= matches!(node, LogicalPlan::Subquery(_));
        if !found {
            node.apply_expressions(|expr| {
                found |= holds_subquery(expr);
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })?;
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether an expression holds a subquery or a reference to an outer query.
pub(crate) fn holds_subquery(expr: &Expr) -> bool {
    expr.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(_, _)
        ))
    })
    .unwrap_or(true)
}
