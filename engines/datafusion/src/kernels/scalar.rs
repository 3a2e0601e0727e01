//! Scalars of fragments as physical expressions.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_schema::{DataType, Schema};
use chrono::{DateTime, Utc};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, not_impl_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{Expr, Operator, ScalarUDF};
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, Literal, case, cast, in_list, is_not_null, is_null, like, negative, not, try_cast,
};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr};
use leafhold::expr::{BinaryOp, Scalar, ScalarOp, SortKey, Volatility};

use crate::engine;

type Physical = Arc<dyn PhysicalExpr>;

/// A scalar over the columns of `schema`, by position, in a run that started at `started`.
#[recursive::recursive]
pub(crate) fn physical(scalar: &Scalar<usize>, schema: &Schema, started: SystemTime) -> Result<Physical> {
    if let ScalarOp::Column(column) = scalar.op {
        return match schema.fields().get(column) {
            Some(field) => Ok(Arc::new(Column::new(field.name(), column))),
            None => exec_err!("column {column} of an input of {} columns", schema.fields().len()),
        };
    }
    let args = scalar.args.iter().map(|arg| physical(arg, schema, started)).collect::<Result<Vec<_>>>()?;
    combine(&scalar.op, args, schema, Some(started))
}

/// Sort keys over the columns of `schema`.
pub(crate) fn sort_exprs(
    keys: &[SortKey<usize>],
    schema: &Schema,
    started: SystemTime,
) -> Result<Vec<PhysicalSortExpr>> {
    keys.iter()
        .map(|key| {
            let options = arrow_schema::SortOptions { descending: key.descending, nulls_first: key.nulls_first };
            Ok(PhysicalSortExpr::new(physical(&key.scalar, schema, started)?, options))
        })
        .collect()
}

/// One operator (not a column) over operands that are physical expressions already. Without a start of a
/// run, stable functions have no value.
pub(crate) fn combine<C>(
    op: &ScalarOp<C>,
    mut args: Vec<Physical>,
    schema: &Schema,
    started: Option<SystemTime>,
) -> Result<Physical> {
    match (op, args.len()) {
        (ScalarOp::Literal(literal), _) => Ok(Arc::new(Literal::new(ScalarValue::try_from_array(literal.array(), 0)?))),
        (ScalarOp::And, _) => chain(args, Operator::And, true),
        (ScalarOp::Or, _) => chain(args, Operator::Or, false),
        (ScalarOp::Binary(op), 2) => {
            let right = args.remove(1);
            binary(args.remove(0), operator(*op), right, schema)
        }
        (ScalarOp::Not, 1) => not(args.remove(0)),
        (ScalarOp::Negate, 1) => negative(args.remove(0), schema),
        (ScalarOp::IsNull, 1) => is_null(args.remove(0)),
        (ScalarOp::IsNotNull, 1) => is_not_null(args.remove(0)),
        (ScalarOp::IsTrue, 1) => {
            let truth: Physical = Arc::new(Literal::new(ScalarValue::Boolean(Some(true))));
            Ok(Arc::new(BinaryExpr::new(args.remove(0), Operator::IsNotDistinctFrom, truth)))
        }
        (ScalarOp::Cast { to, safe: false }, 1) => cast(args.remove(0), schema, to.0.clone()),
        (ScalarOp::Cast { to, safe: true }, 1) => try_cast(args.remove(0), schema, to.0.clone()),
        (ScalarOp::Case { operand, otherwise }, _) => {
            let subject = operand.then(|| args.remove(0));
            let last = if *otherwise { args.pop() } else { None };
            let mut arms = Vec::with_capacity(args.len() / 2);
            let mut rest = args.into_iter();
            while let (Some(when), Some(then)) = (rest.next(), rest.next()) {
                arms.push((when, then));
            }
            match subject {
                // As for lists: what a float equals is told by `=`, not by its bits.
                Some(subject) if subject.data_type(schema)?.is_floating() => {
                    let compared = arms
                        .into_iter()
                        .map(|(when, then)| Ok((binary(subject.clone(), Operator::Eq, when, schema)?, then)));
                    case(None, compared.collect::<Result<_>>()?, last)
                }
                subject => case(subject, arms, last),
            }
        }
        (ScalarOp::InList { negated }, 1..) => {
            let value = args.remove(0);
            let kind = value.data_type(schema)?;
            let list = args
                .into_iter()
                .map(|item| match item.data_type(schema)? == kind {
                    true => Ok(item),
                    false => cast(item, schema, kind.clone()),
                })
                .collect::<Result<Vec<_>>>()?;
            if !kind.is_floating() {
                return in_list(value, list, negated, schema);
            }
            // DataFusion looks floats up by their bits, but its `=` takes both zeros as one.
            let equal = list.into_iter().map(|item| binary(value.clone(), Operator::Eq, item, schema));
            let found = chain(equal.collect::<Result<_>>()?, Operator::Or, false)?;
            if *negated { not(found) } else { Ok(found) }
        }
        (ScalarOp::Between { negated }, 3) => {
            let (high, low, value) = (args.remove(2), args.remove(1), args.remove(0));
            let above = binary(value.clone(), Operator::GtEq, low, schema)?;
            let below = binary(value, Operator::LtEq, high, schema)?;
            let inside: Physical = Arc::new(BinaryExpr::new(above, Operator::And, below));
            if *negated { not(inside) } else { Ok(inside) }
        }
        (ScalarOp::Like { negated, case_insensitive, escape }, 2) => match escape {
            None | Some('\\') => {
                let pattern = args.remove(1);
                like(*negated, *case_insensitive, args.remove(0), pattern, schema)
            }
            Some(other) => not_impl_err!("LIKE with the escape character {other:?}; use a backslash"),
        },
        (ScalarOp::Call(function), _) => {
            let Some(udf) = engine::state().scalar_functions().get(&*function.name) else {
                return exec_err!("no function `{}`", function.name);
            };
            if function.volatility == Volatility::Stable
                && args.is_empty()
                && let Some(started) = started
                && let Some(value) = stable(udf, started)?
            {
                return Ok(value);
            }
            let options = engine::state().config_options().clone();
            Ok(Arc::new(ScalarFunctionExpr::try_new(udf.clone(), args, schema, options)?))
        }
        (ScalarOp::Column(_), _) => exec_err!("a column without an input"),
        (_, found) => Err(DataFusionError::Execution(format!("an operator with {found} operands"))),
    }
}

/// The value of a function such as `now()`, one and the same in all tasks of a run.
fn stable(function: &ScalarUDF, started: SystemTime) -> Result<Option<Physical>> {
    let context = SimplifyContext::builder()
        .with_config_options(engine::state().config_options().clone())
        .with_query_execution_start_time(calendar_time(started))
        .build();
    Ok(match function.simplify(Vec::new(), &context)? {
        ExprSimplifyResult::Simplified(Expr::Literal(value, _)) => Some(Arc::new(Literal::new(value))),
        _ => None,
    })
}

/// A time as DataFusion's functions know it.
pub(crate) fn calendar_time(time: SystemTime) -> Option<DateTime<Utc>> {
    let nanoseconds = time.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    Some(DateTime::from_timestamp_nanos(i64::try_from(nanoseconds).ok()?))
}

/// The terms in their order, as a tree that is as flat as can be: DataFusion asks every level for its type, and that asks
/// all levels below it again.
fn chain(mut args: Vec<Physical>, operator: Operator, neutral: bool) -> Result<Physical> {
    while args.len() > 1 {
        let mut terms = args.into_iter();
        args = std::iter::from_fn(|| {
            let left = terms.next()?;
            Some(match terms.next() {
                Some(right) => Arc::new(BinaryExpr::new(left, operator, right)) as Physical,
                None => left,
            })
        })
        .collect();
    }
    Ok(args.pop().unwrap_or_else(|| Arc::new(Literal::new(ScalarValue::Boolean(Some(neutral))))))
}

fn binary(left: Physical, operator: Operator, right: Physical, schema: &Schema) -> Result<Physical> {
    let (left_type, right_type) = (left.data_type(schema)?, right.data_type(schema)?);
    if left_type == right_type && left_type != DataType::Null {
        return Ok(Arc::new(BinaryExpr::new(left, operator, right)));
    }
    let (to_left, to_right) = BinaryTypeCoercer::new(&left_type, &operator, &right_type).get_input_types()?;
    let left = if to_left == left_type { left } else { cast(left, schema, to_left)? };
    let right = if to_right == right_type { right } else { cast(right, schema, to_right)? };
    Ok(Arc::new(BinaryExpr::new(left, operator, right)))
}

/// DataFusion's word for an operator.
pub(crate) fn operator(op: BinaryOp) -> Operator {
    match op {
        BinaryOp::Eq => Operator::Eq,
        BinaryOp::NotEq => Operator::NotEq,
        BinaryOp::Lt => Operator::Lt,
        BinaryOp::LtEq => Operator::LtEq,
        BinaryOp::Gt => Operator::Gt,
        BinaryOp::GtEq => Operator::GtEq,
        BinaryOp::IsDistinctFrom => Operator::IsDistinctFrom,
        BinaryOp::IsNotDistinctFrom => Operator::IsNotDistinctFrom,
        BinaryOp::Plus => Operator::Plus,
        BinaryOp::Minus => Operator::Minus,
        BinaryOp::Multiply => Operator::Multiply,
        BinaryOp::Divide => Operator::Divide,
        BinaryOp::Modulo => Operator::Modulo,
        BinaryOp::Concat => Operator::StringConcat,
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Field;

    use super::*;

    fn depth(expr: &Physical) -> usize {
        1 + expr.children().into_iter().map(depth).max().unwrap_or(0)
    }

    fn columns_of(expr: &Physical, places: &mut Vec<usize>) {
        let any: &dyn std::any::Any = &**expr;
        places.extend(any.downcast_ref::<Column>().map(Column::index));
        expr.children().into_iter().for_each(|child| columns_of(child, places));
    }

    #[test]
    fn a_condition_of_thousands_of_terms_is_flat_and_keeps_their_order() {
        let terms = 5_000usize;
        let schema =
            Schema::new((0..terms).map(|at| Field::new(at.to_string(), DataType::Boolean, false)).collect::<Vec<_>>());
        let columns = (0..terms).map(|at| Scalar::new(ScalarOp::Column(at), []));
        let condition = Scalar::new(ScalarOp::Or, columns.collect::<Vec<_>>());
        let made = physical(&condition, &schema, UNIX_EPOCH).unwrap();
        assert_eq!(depth(&made), 14);
        let mut places = Vec::new();
        columns_of(&made, &mut places);
        assert!(places.into_iter().eq(0..terms));
    }
}
