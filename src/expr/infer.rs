use arrow_schema::{DataType, Schema};
use smallvec::SmallVec;

use super::functions::is_text;
use super::places::{self, Places};
use super::{BinaryOp, ExprError, Functions, Scalar, ScalarOp};

/// The type of a scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalarType {
    /// The Arrow type.
    pub data_type: DataType,
    /// Whether it can be null.
    pub nullable: bool,
}

impl ScalarType {
    /// A type that can or cannot be null.
    pub fn new(data_type: DataType, nullable: bool) -> Self {
        ScalarType { data_type, nullable }
    }
}

/// The type of a scalar over the columns of a schema, or what is wrong with it.
///
/// ```
/// use arrow_schema::{DataType, Field, Schema};
/// use leafhold::expr::{col, infer, lit, CoreFunctions};
///
/// let schema = Schema::new(vec![Field::new("price", DataType::Int64, true)]);
/// assert_eq!(infer(&col("price").gt(lit(1i64)), &schema, &CoreFunctions).unwrap().data_type, DataType::Boolean);
/// let error = infer(&col("pirce"), &schema, &CoreFunctions).unwrap_err();
/// assert_eq!(error.to_string(), "no column `pirce`; did you mean `price`?");
/// ```
///
/// # Errors
/// Unknown columns, a wrong number of operands, operands of types that an operator does not take, and functions that
/// the engine does not have for them.
pub fn infer(scalar: &Scalar, schema: &Schema, functions: &dyn Functions) -> Result<ScalarType, ExprError> {
    infer_at(scalar, 0, schema, &places::columns(schema), functions)
}

/// The same for one of several scalars over a schema, whose columns likely are at the place `likely`.
pub(super) fn infer_at<'s>(
    scalar: &Scalar,
    likely: usize,
    schema: &'s Schema,
    columns: &Places<'s, impl Fn(usize) -> &'s str>,
    functions: &dyn Functions,
) -> Result<ScalarType, ExprError> {
    if let ScalarOp::Column(name) = &scalar.op {
        return match columns.find(name, likely).map(|at| schema.field(at)) {
            Some(field) => Ok(ScalarType::new(field.data_type().clone(), field.is_nullable())),
            None => Err(ExprError::unknown_column(name, schema.fields().iter().map(|field| field.name().as_str()))),
        };
    }
    let mut args: SmallVec<[ScalarType; 2]> = SmallVec::with_capacity(scalar.args.len());
    for arg in &scalar.args {
        args.push(infer_at(arg, likely, schema, columns, functions)?);
    }
    infer_op(&scalar.op, &args, functions)
}

/// The type of one operator (not a column) over operands of known types.
///
/// # Errors
/// A wrong number of operands, types that the operator does not take, and a function that the engine does not have for
/// them.
pub fn infer_op<C: std::fmt::Display>(
    op: &ScalarOp<C>,
    args: &[ScalarType],
    functions: &dyn Functions,
) -> Result<ScalarType, ExprError> {
    let any_null = args.iter().any(|arg| arg.nullable);
    let types = || args.iter().map(|arg| arg.data_type.clone()).collect::<Vec<_>>();
    let mismatch = || ExprError::Type { operator: format!("`{}`", op.name()), found: types() };
    let arity = |expected: &str| ExprError::Arity {
        operator: format!("`{}`", op.name()),
        expected: expected.to_owned(),
        found: args.len(),
    };
    let boolean = |nullable| Ok(ScalarType::new(DataType::Boolean, nullable));
    let is_boolean = |arg: &ScalarType| matches!(arg.data_type, DataType::Boolean | DataType::Null);
    let comparable = |left: &ScalarType, right: &ScalarType| {
        functions.binary_type(BinaryOp::Eq, &left.data_type, &right.data_type).is_some()
    };
    match (op, args) {
        (ScalarOp::Column(_), _) => Err(arity("no")),
        (ScalarOp::Literal(literal), []) => Ok(ScalarType::new(literal.data_type().clone(), literal.is_null())),
        (ScalarOp::And | ScalarOp::Or, args) => match args.iter().all(is_boolean) {
            true => boolean(any_null),
            false => Err(mismatch()),
        },
        (ScalarOp::Not, [arg]) => match is_boolean(arg) {
            true => boolean(arg.nullable),
            false => Err(mismatch()),
        },
        (
            ScalarOp::IsTrue
            | ScalarOp::IsNotTrue
            | ScalarOp::IsFalse
            | ScalarOp::IsNotFalse
            | ScalarOp::IsUnknown
            | ScalarOp::IsNotUnknown,
            [arg],
        ) => match is_boolean(arg) {
            true => boolean(false),
            false => Err(mismatch()),
        },
        (ScalarOp::Outer(outer), []) => Ok(outer.scalar_type()),
        (ScalarOp::Binary(binary), [left, right]) => {
            let data_type = functions.binary_type(*binary, &left.data_type, &right.data_type).ok_or_else(mismatch)?;
            let total = matches!(binary, BinaryOp::IsDistinctFrom | BinaryOp::IsNotDistinctFrom);
            Ok(ScalarType::new(data_type, any_null && !total))
        }
        (ScalarOp::Negate, [arg]) => match arg.data_type.is_signed_integer()
            || arg.data_type.is_floating()
            || arg.data_type.is_decimal()
            || matches!(arg.data_type, DataType::Interval(_) | DataType::Duration(_) | DataType::Null)
        {
            true => Ok(arg.clone()),
            false => Err(mismatch()),
        },
        (ScalarOp::IsNull | ScalarOp::IsNotNull, [_]) => boolean(false),
        (ScalarOp::Cast { to, safe }, [arg]) => match arrow_cast::can_cast_types(&arg.data_type, &to.0) {
            true => Ok(ScalarType::new(to.0.clone(), arg.nullable || *safe)),
            false => Err(mismatch()),
        },
        (ScalarOp::Case { operand, otherwise }, args) => {
            let arms = &args[usize::from(*operand).min(args.len())..];
            let (arms, last) = match (otherwise, arms.split_last()) {
                (true, Some((last, arms))) => (arms, Some(last)),
                _ => (arms, None),
            };
            if arms.is_empty() || arms.len() % 2 != 0 {
                return Err(arity("pairs of"));
            }
            let well_typed = arms.chunks(2).all(|arm| match operand {
                true => comparable(&args[0], &arm[0]),
                false => is_boolean(&arm[0]),
            });
            let results: Vec<_> = arms.chunks(2).map(|arm| &arm[1]).chain(last).collect();
            let result = results.iter().map(|arm| &arm.data_type).find(|kind| **kind != DataType::Null);
            let result = result.cloned().unwrap_or(DataType::Null);
            let agree = results.iter().all(|arm| arm.data_type == result || arm.data_type == DataType::Null);
            if !well_typed || !agree {
                return Err(mismatch());
            }
            Ok(ScalarType::new(result, last.is_none() || results.iter().any(|arm| arm.nullable)))
        }
        (ScalarOp::InList { .. }, [first, list @ ..]) => match list.iter().all(|item| comparable(first, item)) {
            true => boolean(any_null),
            false => Err(mismatch()),
        },
        (ScalarOp::Between { .. }, [value, low, high]) => match comparable(value, low) && comparable(value, high) {
            true => boolean(any_null),
            false => Err(mismatch()),
        },
        (ScalarOp::Like { .. }, [value, pattern]) => {
            let text = |arg: &ScalarType| is_text(&arg.data_type) || arg.data_type == DataType::Null;
            match text(value) && text(pattern) {
                true => boolean(any_null),
                false => Err(mismatch()),
            }
        }
        (ScalarOp::Call(function), _) => {
            Ok(ScalarType::new(function.return_type.0.clone(), function.nullable || !function.strict || any_null))
        }
        (ScalarOp::Literal(_) | ScalarOp::Outer(_), _) => Err(arity("no")),
        (ScalarOp::Binary(_) | ScalarOp::Like { .. }, _) => Err(arity("2")),
        (ScalarOp::Between { .. }, _) => Err(arity("3")),
        (ScalarOp::InList { .. }, _) => Err(arity("1 or more")),
        (
            ScalarOp::Not
            | ScalarOp::IsTrue
            | ScalarOp::IsNotTrue
            | ScalarOp::IsFalse
            | ScalarOp::IsNotFalse
            | ScalarOp::IsUnknown
            | ScalarOp::IsNotUnknown
            | ScalarOp::Negate
            | ScalarOp::IsNull
            | ScalarOp::IsNotNull
            | ScalarOp::Cast { .. },
            _,
        ) => Err(arity("1")),
    }
}
