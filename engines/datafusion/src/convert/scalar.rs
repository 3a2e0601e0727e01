//! DataFusion's expressions as scalars, with constants folded on the way.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use datafusion::logical_expr_common::casts::try_cast_literal_to_type;
use leafhold::expr::{BinaryOp, DataTypeKey, Functions, Literal, Scalar, ScalarOp, Semantics, Volatility, can_fail};

use super::scope::Scope;
use super::{Stop, invalid};
use crate::functions::function_info;
use crate::{EngineFunctions, engine};

/// Functions that DataFusion has in name only: its simplifier replaces them.
const MACROS: [&str; 7] =
    ["arrow_cast", "arrow_try_cast", "cast_to_type", "coalesce", "nvl", "nvl2", "try_cast_to_type"];

#[recursive::recursive]
pub(super) fn scalar(expr: &Expr, scope: &Scope<'_>) -> Result<Scalar, Stop> {
    let one = |expr: &Expr| scalar(expr, scope);
    let unary = |op, arg: &Expr| Ok::<_, Stop>(fold(Scalar::new(op, [scalar(arg, scope)?])));
    Ok(match expr {
        Expr::Alias(alias) => one(&alias.expr)?,
        Expr::Column(column) => Scalar::column(resolve(column, scope)?.0),
        Expr::OuterReferenceColumn(_, column) => {
            Scalar::new(ScalarOp::Outer(scope.resolve_outer(column).ok_or(Stop::Opaque)?), [])
        }
        Expr::Literal(value, _) => Scalar::literal(Literal::new(value.to_array_of_size(1).map_err(invalid)?)),
        Expr::BinaryExpr(binary) => self::binary(binary, scope)?,
        Expr::Not(arg) => unary(ScalarOp::Not, arg)?,
        Expr::Negative(arg) => unary(ScalarOp::Negate, arg)?,
        Expr::IsNull(arg) | Expr::IsUnknown(arg) => unary(ScalarOp::IsNull, arg)?,
        Expr::IsNotNull(arg) | Expr::IsNotUnknown(arg) => unary(ScalarOp::IsNotNull, arg)?,
        Expr::IsTrue(arg) => unary(ScalarOp::IsTrue, arg)?,
        Expr::IsNotTrue(arg) => fold(!unary(ScalarOp::IsTrue, arg)?),
        Expr::IsFalse(arg) => fold(Scalar::new(ScalarOp::IsTrue, [unary(ScalarOp::Not, arg)?])),
        Expr::IsNotFalse(arg) => fold(!fold(Scalar::new(ScalarOp::IsTrue, [unary(ScalarOp::Not, arg)?]))),
        Expr::Cast(cast) => {
            let op = ScalarOp::Cast { to: DataTypeKey(cast.field.data_type().clone()), safe: false };
            unary(op, &cast.expr)?
        }
        Expr::TryCast(cast) => {
            let op = ScalarOp::Cast { to: DataTypeKey(cast.field.data_type().clone()), safe: true };
            unary(op, &cast.expr)?
        }
        Expr::Like(like) => {
            let op = ScalarOp::Like {
                negated: like.negated,
                case_insensitive: like.case_insensitive,
                escape: like.escape_char,
            };
            fold(Scalar::new(op, [one(&like.expr)?, one(&like.pattern)?]))
        }
        Expr::Between(between) => {
            let bounds = vec![one(&between.low)?, one(&between.high)?];
            let op = ScalarOp::Between { negated: between.negated };
            compare(op, &between.expr, bounds, scope)?
        }
        Expr::InList(list) => {
            let items = list.list.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            compare(ScalarOp::InList { negated: list.negated }, &list.expr, items, scope)?
        }
        Expr::Case(case) => {
            let arms = case.when_then_expr.iter().flat_map(|(when, then)| [&**when, &**then]);
            let args = case.expr.as_deref().into_iter().chain(arms).chain(case.else_expr.as_deref());
            let args = args.map(one).collect::<Result<Vec<_>, _>>()?;
            let op = ScalarOp::Case { operand: case.expr.is_some(), otherwise: case.else_expr.is_some() };
            fold(Scalar::new(op, args))
        }
        Expr::ScalarFunction(function) => call(function, scope)?,
        _ => return Err(Stop::Opaque),
    })
}

fn resolve(column: &Column, scope: &Scope<'_>) -> Result<(leafhold::expr::Name, DataType), Stop> {
    scope.resolve(column).ok_or(Stop::Opaque)
}

fn binary(expr: &BinaryExpr, scope: &Scope<'_>) -> Result<Scalar, Stop> {
    let op = match expr.op {
        Operator::And | Operator::Or => return connective(expr, scope),
        Operator::Eq => BinaryOp::Eq,
        Operator::NotEq => BinaryOp::NotEq,
        Operator::Lt => BinaryOp::Lt,
        Operator::LtEq => BinaryOp::LtEq,
        Operator::Gt => BinaryOp::Gt,
        Operator::GtEq => BinaryOp::GtEq,
        Operator::IsDistinctFrom => BinaryOp::IsDistinctFrom,
        Operator::IsNotDistinctFrom => BinaryOp::IsNotDistinctFrom,
        Operator::Plus => BinaryOp::Plus,
        Operator::Minus => BinaryOp::Minus,
        Operator::Multiply => BinaryOp::Multiply,
        Operator::Divide => BinaryOp::Divide,
        Operator::Modulo => BinaryOp::Modulo,
        Operator::StringConcat => BinaryOp::Concat,
        Operator::LikeMatch | Operator::NotLikeMatch | Operator::ILikeMatch | Operator::NotILikeMatch => {
            let op = ScalarOp::Like {
                negated: matches!(expr.op, Operator::NotLikeMatch | Operator::NotILikeMatch),
                case_insensitive: matches!(expr.op, Operator::ILikeMatch | Operator::NotILikeMatch),
                escape: None,
            };
            return Ok(fold(Scalar::new(op, [scalar(&expr.left, scope)?, scalar(&expr.right, scope)?])));
        }
        _ => return Err(Stop::Opaque),
    };
    if op.is_comparison() {
        let right = scalar(&expr.right, scope)?;
        if matches!(right.op, ScalarOp::Literal(_)) {
            return compare(ScalarOp::Binary(op), &expr.left, vec![right], scope);
        }
        let left = scalar(&expr.left, scope)?;
        if let (ScalarOp::Literal(_), Some(commuted)) = (&left.op, op.commuted())
            && let Some((value, items)) = narrow(&expr.right, std::slice::from_ref(&left), scope)
        {
            let item = items.into_iter().next().unwrap_or(left);
            return Ok(Scalar::binary(commuted, value, item));
        }
        return Ok(fold(Scalar::binary(op, left, right)));
    }
    Ok(fold(Scalar::binary(op, scalar(&expr.left, scope)?, scalar(&expr.right, scope)?)))
}

/// AND and OR of any number of operands. Conjuncts that all arms of an OR have are taken out of it:
/// `(a and p) or (a and q)` is `a and (p or q)`, also when something is null.
fn connective(expr: &BinaryExpr, scope: &Scope<'_>) -> Result<Scalar, Stop> {
    let mut operands = Vec::new();
    let mut stack = vec![&*expr.right, &*expr.left];
    while let Some(next) = stack.pop() {
        match next {
            Expr::BinaryExpr(inner) if inner.op == expr.op => stack.extend([&*inner.right, &*inner.left]),
            other => operands.push(scalar(other, scope)?),
        }
    }
    if expr.op == Operator::And {
        let conjuncts = operands.into_iter().flat_map(Scalar::conjuncts).collect::<Vec<_>>();
        return Ok(fold(Scalar::new(ScalarOp::And, conjuncts)));
    }
    let mut arms: Vec<Vec<Scalar>> = operands.into_iter().map(Scalar::conjuncts).collect();
    let mut common: Vec<Scalar> = Vec::new();
    if let Some((first, rest)) = arms.split_first() {
        for conjunct in first {
            let everywhere = rest.iter().all(|arm| arm.contains(conjunct));
            if everywhere && !common.contains(conjunct) && conjunct.volatility() != Volatility::Volatile {
                common.push(conjunct.clone());
            }
        }
    }
    arms.iter_mut().for_each(|arm| arm.retain(|conjunct| !common.contains(conjunct)));
    if arms.iter().any(Vec::is_empty) && !common.is_empty() {
        return Ok(Scalar::all(common));
    }
    common.push(fold(Scalar::new(ScalarOp::Or, arms.into_iter().map(Scalar::all).collect::<Vec<_>>())));
    Ok(Scalar::all(common))
}

/// A comparison of a value with others, which are taken to the value's own type when it is a column that
/// was only widened for the comparison.
fn compare(
    op: ScalarOp<leafhold::expr::Name>,
    value: &Expr,
    items: Vec<Scalar>,
    scope: &Scope<'_>,
) -> Result<Scalar, Stop> {
    let (value, items) = match narrow(value, &items, scope) {
        Some(narrowed) => narrowed,
        None => (scalar(value, scope)?, items),
    };
    let args: Vec<_> = std::iter::once(value).chain(items).collect();
    Ok(fold(Scalar::new(op, args)))
}

fn narrow(value: &Expr, items: &[Scalar], scope: &Scope<'_>) -> Option<(Scalar, Vec<Scalar>)> {
    let Expr::Cast(cast) = value else { return None };
    let Expr::Column(column) = &*cast.expr else { return None };
    let to = cast.field.data_type();
    let (name, from) = scope.resolve(column)?;
    let exact = |kind: &DataType| kind.is_integer() || matches!(kind, DataType::Decimal128(_, _));
    let text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let cast = ScalarOp::<()>::Cast { to: DataTypeKey(to.clone()), safe: false };
    let widened = !can_fail(&cast, std::slice::from_ref(&from), &Semantics::default());
    if !widened || !((exact(&from) && exact(to)) || (text(&from) && text(to))) {
        return None;
    }
    let items = items.iter().map(|item| {
        let ScalarOp::Literal(literal) = &item.op else { return None };
        let value = ScalarValue::try_from_array(literal.array(), 0).ok()?;
        let narrowed = try_cast_literal_to_type(&value, &from)?.to_array_of_size(1).ok()?;
        Some(Scalar::literal(Literal::new(narrowed)))
    });
    Some((Scalar::column(name), items.collect::<Option<Vec<_>>>()?))
}

fn call(function: &ScalarFunction, scope: &Scope<'_>) -> Result<Scalar, Stop> {
    let udf = &function.func;
    let schema = || scope.schema().unwrap_or_else(DFSchema::empty);
    if MACROS.contains(&udf.name()) {
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(schema()))
            .with_config_options(engine::state().config_options().clone())
            .build();
        if let ExprSimplifyResult::Simplified(expanded) =
            udf.simplify(function.args.clone(), &context).map_err(invalid)?
        {
            return scalar(&expanded, scope);
        }
    }
    let args = function.args.iter().map(|arg| scalar(arg, scope)).collect::<Result<Vec<_>, _>>()?;
    // The type may depend on constants, of which more are known here: `round(d, cast(2 as bigint))` has two places.
    let known = function.args.iter().zip(&args).map(|(given, arg)| match &arg.op {
        ScalarOp::Literal(literal) => {
            ScalarValue::try_from_array(literal.array(), 0).map(|value| Expr::Literal(value, None))
        }
        _ => Ok(given.clone()),
    });
    let known = known.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    let (_, field) = udf.call(known).to_field(&schema()).map_err(invalid)?;
    let info = function_info(udf, field.data_type().clone());
    Ok(fold(Scalar::new(ScalarOp::Call(Arc::new(info)), args)))
}

/// The value of an operator over constants; the operator itself when it is volatile or raises an error.
fn fold(node: Scalar) -> Scalar {
    let immutable = match &node.op {
        ScalarOp::Column(_) | ScalarOp::Literal(_) => false,
        ScalarOp::Call(function) => function.volatility == Volatility::Immutable,
        _ => true,
    };
    if !immutable {
        return node;
    }
    let args = node.args.iter().map(|arg| match &arg.op {
        ScalarOp::Literal(literal) => Some(literal.clone()),
        _ => None,
    });
    let Some(args) = args.collect::<Option<Vec<_>>>() else { return node };
    let op = Scalar { op: node.op.clone(), args: Vec::new() }.try_map(&mut |_| Ok::<_, ()>(()));
    match op.ok().and_then(|op| EngineFunctions.evaluate(&op.op, &args)) {
        Some(literal) => Scalar::literal(literal),
        None => node,
    }
}
