//! Arithmetic on values that are not null, with Arrow's rules for decimals.

use arrow_schema::DataType;

use super::Value;
use super::compare::as_float;
use crate::expr::Overflow;
use crate::expr::{BinaryOp, Semantics};

/// Why an operation has no result; the caller knows its text.
pub(super) enum Fault {
    Zero,
    Overflow,
    /// Not numbers: the engine may know.
    Unknown,
}

/// `left op right` as a value of type `to`.
pub(super) fn binary(
    op: BinaryOp,
    left: &Value,
    right: &Value,
    to: &DataType,
    semantics: &Semantics,
) -> Result<Value, Fault> {
    match to {
        kind if kind.is_integer() => match (left, right) {
            (Value::Int(_, a), Value::Int(_, b)) => {
                let (a, b) = (integer(*a, to, semantics)?, integer(*b, to, semantics)?);
                let exact = match op {
                    BinaryOp::Plus => a + b,
                    BinaryOp::Minus => a - b,
                    // Wrapped at 128 bits it still wraps right at fewer.
                    BinaryOp::Multiply => match (a.checked_mul(b), semantics.overflow) {
                        (Some(product), _) => product,
                        (None, Overflow::Wrap) => a.wrapping_mul(b),
                        (None, Overflow::Error) => return Err(Fault::Overflow),
                    },
                    BinaryOp::Divide | BinaryOp::Modulo if b == 0 => return Err(Fault::Zero),
                    // The one quotient out of range is an error even where sums wrap.
                    BinaryOp::Divide if a / b > bounds(to).1 => return Err(Fault::Overflow),
                    BinaryOp::Divide => a / b,
                    BinaryOp::Modulo => a % b,
                    _ => return Err(Fault::Unknown),
                };
                Ok(Value::Int(to.clone(), integer(exact, to, semantics)?))
            }
            _ => Err(Fault::Unknown),
        },
        DataType::Float32 | DataType::Float64 => {
            let number = |value: &Value| as_float(value).map_err(|_| Fault::Unknown);
            let (a, b) = (number(left)?, number(right)?);
            let single = *to == DataType::Float32;
            let (a, b) = if single { (f64::from(a as f32), f64::from(b as f32)) } else { (a, b) };
            let result = match op {
                BinaryOp::Plus => a + b,
                BinaryOp::Minus => a - b,
                BinaryOp::Multiply => a * b,
                BinaryOp::Divide => a / b,
                BinaryOp::Modulo => a % b,
                _ => return Err(Fault::Unknown),
            };
            // Rounding a double operation to single is the single operation.
            Ok(Value::Float(to.clone(), if single { f64::from(result as f32) } else { result }))
        }
        DataType::Decimal128(precision, scale) => {
            let unscaled = decimal(op, digits(left)?, digits(right)?, *scale)?;
            Ok(Value::decimal(unscaled, *precision, *scale))
        }
        _ => Err(Fault::Unknown),
    }
}

/// The negation of a value.
pub(super) fn negate(value: &Value, semantics: &Semantics) -> Result<Value, Fault> {
    Ok(match value {
        Value::Int(kind, value) => Value::Int(kind.clone(), integer(-value, kind, semantics)?),
        Value::Float(kind, value) => Value::Float(kind.clone(), -value),
        Value::Decimal { unscaled, precision, scale } => {
            Value::decimal(unscaled.checked_neg().ok_or(Fault::Overflow)?, *precision, *scale)
        }
        _ => return Err(Fault::Unknown),
    })
}

/// An integer brought into the range of its type, or an error, as the semantics say.
pub(super) fn integer(value: i128, kind: &DataType, semantics: &Semantics) -> Result<i128, Fault> {
    let (low, high) = bounds(kind);
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    match semantics.overflow {
        Overflow::Error => Err(Fault::Overflow),
        Overflow::Wrap => Ok((value - low).rem_euclid(high - low + 1) + low),
    }
}

fn bounds(kind: &DataType) -> (i128, i128) {
    let bits = 8 * kind.primitive_width().unwrap_or(8) as u32;
    match kind.is_signed_integer() {
        true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        false => (0, (1 << bits) - 1),
    }
}

fn digits(value: &Value) -> Result<(i128, i8), Fault> {
    match value {
        Value::Int(_, value) => Ok((*value, 0)),
        Value::Decimal { unscaled, scale, .. } => Ok((*unscaled, *scale)),
        _ => Err(Fault::Unknown),
    }
}

fn decimal(op: BinaryOp, (a, s): (i128, i8), (b, t): (i128, i8), scale: i8) -> Result<i128, Fault> {
    let to = i32::from(scale);
    let (s, t) = (i32::from(s), i32::from(t));
    let over = Fault::Overflow;
    match op {
        BinaryOp::Plus => rescale(a, to - s)?.checked_add(rescale(b, to - t)?).ok_or(over),
        BinaryOp::Minus => rescale(a, to - s)?.checked_sub(rescale(b, to - t)?).ok_or(over),
        BinaryOp::Multiply => rescale(a.checked_mul(b).ok_or(over)?, to - s - t),
        BinaryOp::Divide | BinaryOp::Modulo if b == 0 => Err(Fault::Zero),
        // The quotient is cut off, not rounded.
        BinaryOp::Divide => {
            let by = to - s + t;
            rescale(a, by.max(0))?.checked_div(rescale(b, (-by).max(0))?).ok_or(over)
        }
        BinaryOp::Modulo => rescale(a, to - s)?.checked_rem(rescale(b, to - t)?).ok_or(over),
        _ => Err(Fault::Unknown),
    }
}

/// `value * 10^by`, cut off.
pub(super) fn rescale(value: i128, by: i32) -> Result<i128, Fault> {
    let unit = 10i128.checked_pow(by.unsigned_abs()).ok_or(Fault::Overflow)?;
    if by < 0 { Ok(value / unit) } else { value.checked_mul(unit).ok_or(Fault::Overflow) }
}
