//! Subqueries of SQL as applies, which mean what SQL says: a row's subquery is computed for that row. What joins
//! they become is the planner's business.
//!
//! DataFusion has rules of its own for it, and they lose or add rows: a mark is never null (`x not in (..) or ..`), an
//! aggregate over no row is no row (`exists (select count(*) ..)`), and a correlated `not in` is null where its
//! subquery is empty.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, NullEquality, Result, TableReference};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, binary_expr, not,
};

use crate::applied::{Applied, AppliedKind};
use crate::single_value::single_value;

/// The plan with every subquery as an apply, inner ones first. Those of recursive queries, and of joins other than inner
/// ones, stay.
pub(crate) fn apply_subqueries(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut numbers = Numbers::default();
    applied_below(plan, &mut numbers)
}

/// Tables that subqueries' columns are said to come from.
#[derive(Default)]
struct Numbers {
    predicates: usize,
    scalars: usize,
}

impl Numbers {
    fn predicate(&mut self) -> TableReference {
        self.predicates += 1;
        TableReference::bare(format!("__correlated_sq_{}", self.predicates))
    }

    fn scalar(&mut self) -> TableReference {
        self.scalars += 1;
        TableReference::bare(format!("__scalar_sq_{}", self.scalars))
    }
}

#[recursive::recursive]
fn applied_below(plan: LogicalPlan, numbers: &mut Numbers) -> Result<LogicalPlan> {
    if let LogicalPlan::RecursiveQuery(_) = plan {
        return Ok(plan);
    }
    let inner = plan.map_subqueries(|plan| match plan {
        LogicalPlan::Subquery(subquery) => {
            let inner = applied_below(Arc::unwrap_or_clone(subquery.subquery), numbers)?;
            Ok(Transformed::yes(LogicalPlan::Subquery(Subquery { subquery: Arc::new(inner), ..subquery })))
        }
        plan => Ok(Transformed::no(plan)),
    })?;
    let below = inner.data.map_children(|input| Ok(Transformed::yes(applied_below(input, numbers)?)))?;
    match below.data {
        LogicalPlan::Filter(filter) => filtered(filter, numbers),
        LogicalPlan::Join(join) => joined(join, numbers),
        plan @ (LogicalPlan::Projection(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Window(_)) => computed(plan, numbers),
        plan => Ok(plan),
    }
}

/// Conjuncts that are `exists` or `in` keep rows; others are computed beside the rows.
fn filtered(filter: Filter, numbers: &mut Numbers) -> Result<LogicalPlan> {
    if !holds_subquery(&filter.predicate) {
        return Ok(LogicalPlan::Filter(filter));
    }
    let columns = columns(&filter.input);
    let mut input = Arc::unwrap_or_clone(filter.input);
    let mut rest = Vec::new();
    for conjunct in split_conjunction_owned(filter.predicate) {
        let (conjunct, negated) = match conjunct {
            Expr::Not(inner) if matches!(*inner, Expr::Exists(_) | Expr::InSubquery(_)) => (*inner, true),
            conjunct => (conjunct, false),
        };
        match conjunct {
            Expr::Exists(Exists { subquery, negated: own }) => {
                let kind = if own == negated { AppliedKind::Semi } else { AppliedKind::Anti };
                input = Applied::new(kind, input, inner(subquery), Vec::new())?.plan();
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated: own })
                if !holds_subquery(&expr)
                    && (own == negated || !reads_further_out(&subquery.subquery, &mut Vec::new())?) =>
            {
                let (right, item) = listed(subquery, numbers.predicate())?;
                input = match own == negated {
                    true => {
                        let equal = binary_expr(*expr, Operator::Eq, item);
                        Applied::new(AppliedKind::Semi, input, right, vec![equal])?.plan()
                    }
                    false => not_in(input, right, *expr, item)?,
                };
            }
            conjunct => {
                let conjunct = replaced(conjunct, &mut input, numbers)?;
                rest.push(if negated { not(conjunct) } else { conjunct });
            }
        }
    }
    if let Some(rest) = conjunction(rest) {
        input = LogicalPlan::Filter(Filter::try_new(rest, Arc::new(input))?);
    }
    only(input, columns)
}

/// The rows whose value has no equal in a list, nor null there.
fn not_in(left: LogicalPlan, right: LogicalPlan, value: Expr, item: Expr) -> Result<LogicalPlan> {
    let nullable = value.nullable(left.schema())? || item.nullable(right.schema())?;
    let no_keys = (Vec::<Column>::new(), Vec::<Column>::new());
    let (equal, equality) = (binary_expr(value, Operator::Eq, item), NullEquality::NullEqualsNothing);
    LogicalPlanBuilder::from(left)
        .join_detailed_with_options(right, JoinType::LeftAnti, no_keys, Some(equal), equality, nullable)?
        .build()
}

/// A lateral join, and an inner one whose condition holds a subquery.
fn joined(join: Join, numbers: &mut Numbers) -> Result<LogicalPlan> {
    let condition = || {
        let pairs = join.on.iter().map(|(left, right)| binary_expr(left.clone(), Operator::Eq, right.clone()));
        pairs.chain(join.filter.clone().map(split_conjunction_owned).unwrap_or_default()).collect::<Vec<_>>()
    };
    let kind = match join.join_type {
        JoinType::Inner => AppliedKind::Inner,
        JoinType::Left => AppliedKind::Left,
        _ => return Ok(LogicalPlan::Join(join)),
    };
    if let Some(right) = lateral(&join.right)? {
        return Ok(Applied::new(kind, Arc::unwrap_or_clone(join.left.clone()), right, condition())?.plan());
    }
    let holds = join.filter.as_ref().is_some_and(holds_subquery);
    if !holds || join.join_type != JoinType::Inner || join.null_equality != NullEquality::NullEqualsNothing {
        return Ok(LogicalPlan::Join(join));
    }
    let (later, now): (Vec<_>, Vec<_>) = condition().into_iter().partition(holds_subquery);
    let (left, right) = (Arc::unwrap_or_clone(join.left), Arc::unwrap_or_clone(join.right));
    let plan = LogicalPlanBuilder::from(left).join_on(right, JoinType::Inner, now)?.build()?;
    match conjunction(later) {
        Some(later) => filtered(Filter::try_new(later, Arc::new(plan))?, numbers),
        None => Ok(plan),
    }
}

/// The right side of a lateral join, without the word for it.
fn lateral(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    Ok(match plan {
        LogicalPlan::Subquery(subquery) => Some(LogicalPlan::clone(&subquery.subquery)),
        LogicalPlan::SubqueryAlias(alias) => match &*alias.input {
            LogicalPlan::Subquery(subquery) => {
                let inner = LogicalPlanBuilder::from(subquery.subquery.clone());
                Some(inner.alias(alias.alias.clone())?.build()?)
            }
            _ => None,
        },
        _ => None,
    })
}

/// A node over one input whose expressions hold subqueries.
fn computed(plan: LogicalPlan, numbers: &mut Numbers) -> Result<LogicalPlan> {
    let expressions = plan.expressions();
    if !expressions.iter().any(holds_subquery) {
        return Ok(plan);
    }
    let [input] = plan.inputs()[..] else { return Ok(plan) };
    let columns = columns(&plan);
    let (mut input, names) = (input.clone(), NamePreserver::new(&plan));
    let expressions = expressions.into_iter().map(|expr| {
        let name = names.save(&expr);
        Ok(name.restore(replaced(expr, &mut input, numbers)?))
    });
    let expressions = expressions.collect::<Result<Vec<_>>>()?;
    only(plan.with_new_exprs(expressions, vec![input])?, columns)
}

/// The expression with its subqueries as columns, which the input gets.
fn replaced(expr: Expr, input: &mut LogicalPlan, numbers: &mut Numbers) -> Result<Expr> {
    let mut add = |kind, right, on| {
        let applied = Applied::new(kind, input.clone(), right, on)?;
        let added = applied.added();
        *input = applied.plan();
        Ok::<_, datafusion::common::DataFusionError>(added.unwrap_or_default())
    };
    let rewritten = expr.transform_up(|expr| {
        let column = match expr {
            Expr::Exists(Exists { subquery, negated }) => {
                let mark = add(AppliedKind::Mark(numbers.predicate()), inner(subquery), Vec::new())?;
                if negated { not(mark) } else { mark }
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let table = numbers.predicate();
                let (right, item) = listed(subquery, table.clone())?;
                let equal = binary_expr(*expr, Operator::Eq, item);
                let mark = add(AppliedKind::Mark(table), right, vec![equal])?;
                if negated { not(mark) } else { mark }
            }
            Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
                let table = numbers.predicate();
                let (right, item) = listed(subquery, table.clone())?;
                // True of all of them is false of none.
                let all = quantifier == SetQuantifier::All;
                let compared = binary_expr(*expr, op, item);
                let compared = if all { not(compared) } else { compared };
                let mark = add(AppliedKind::Mark(table), right, vec![compared])?;
                if all { not(mark) } else { mark }
            }
            Expr::ScalarSubquery(subquery) => add(AppliedKind::Scalar(numbers.scalar()), inner(subquery), Vec::new())?,
            other => return Ok(Transformed::no(other)),
        };
        Ok(Transformed::yes(column))
    })?;
    Ok(rewritten.data)
}

fn inner(subquery: Subquery) -> LogicalPlan {
    Arc::unwrap_or_clone(subquery.subquery)
}

/// A subquery of one column under a name that nothing else has, and that column.
fn listed(subquery: Subquery, table: TableReference) -> Result<(LogicalPlan, Expr)> {
    let right = LogicalPlanBuilder::from(inner(subquery)).alias(table)?.build()?;
    let item = Expr::from(right.schema().qualified_field(0));
    Ok((right, item))
}

/// Scalar subqueries that may have several rows, as far as anybody can tell, raise an error if they have.
pub(crate) fn single_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    let single = plan.transform_up_with_subqueries(|plan| {
        plan.map_expressions(|expr| {
            expr.transform_up(|expr| {
                Ok(match expr {
                    Expr::ScalarSubquery(subquery) if subquery.subquery.max_rows().is_none_or(|rows| rows > 1) => {
                        Transformed::yes(Expr::ScalarSubquery(single_row(subquery)?))
                    }
                    expr => Transformed::no(expr),
                })
            })
        })
    })?;
    Ok(single.data)
}

fn single_row(subquery: Subquery) -> Result<Subquery> {
    let plan = subquery.subquery;
    let column = Expr::from(plan.schema().qualified_field(0));
    let name = plan.schema().field(0).name().clone();
    let value = single_value().call(vec![column]).alias(name);
    let plan = LogicalPlanBuilder::from(plan).aggregate(Vec::<Expr>::new(), [value])?.build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}

/// Whether a plan reads rows that are not in it. `within` has the rows that it may read: of the applies around it.
#[recursive::recursive]
fn reads_further_out(plan: &LogicalPlan, within: &mut Vec<DFSchemaRef>) -> Result<bool> {
    let mut found = false;
    plan.apply_expressions(|expr| {
        let outside = |column: &Column| !within.iter().any(|schema| schema.has_column(column));
        found |= expr.exists(|expr| Ok(matches!(expr, Expr::OuterReferenceColumn(_, column) if outside(column))))?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    for (at, input) in plan.inputs().into_iter().enumerate() {
        let applied = match plan {
            LogicalPlan::Extension(extension) if at == 1 => extension.node.as_any().downcast_ref::<Applied>(),
            _ => None,
        };
        within.extend(applied.map(|applied| applied.left.schema().clone()));
        found |= reads_further_out(input, within)?;
        within.truncate(within.len() - usize::from(applied.is_some()));
    }
    Ok(found)
}

fn columns(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().iter().map(Expr::from).collect()
}

/// The plan with these columns alone.
fn only(plan: LogicalPlan, columns: Vec<Expr>) -> Result<LogicalPlan> {
    match plan.schema().fields().len() == columns.len() {
        true => Ok(plan),
        false => LogicalPlanBuilder::from(plan).project(columns)?.build(),
    }
}

/// Whether an expression holds a subquery.
pub(crate) fn holds_subquery(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(is_subquery(expr))).unwrap_or(true)
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
}

/// Whether a plan holds subqueries, or references to rows further out, that DataFusion has no operator for.
pub(crate) fn unplanned(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Extension(_));
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| {
                Ok(match expr {
                    // One for all rows is run beside the plan.
                    Expr::ScalarSubquery(subquery) => !subquery.outer_ref_columns.is_empty(),
                    Expr::OuterReferenceColumn(_, _) => true,
                    expr => is_subquery(expr),
                })
            })?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}
