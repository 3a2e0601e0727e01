//! What is equal and what comes first. The three notions differ on purpose:
//! [`compare`] is SQL's comparison, [`order`] sorts, and `Value`'s own `==` is identity.

use std::cmp::Ordering;

use arrow_schema::TimeUnit;

use super::{EvalError, Value};
use crate::expr::{FloatEquality, Semantics};

/// How SQL compares two values that are not null: `None` where no comparison holds (NaN under
/// [`FloatEquality::Ieee`]).
///
/// # Errors
/// Values of two types that no comparison takes.
pub fn compare(left: &Value, right: &Value, semantics: &Semantics) -> Result<Option<Ordering>, EvalError> {
    use Value::*;
    Ok(Some(match (left, right) {
        (Float(_, _), _) | (_, Float(_, _)) => {
            let (a, b) = (as_float(left)?, as_float(right)?);
            return Ok(match semantics.float_equality {
                FloatEquality::Ieee => a.partial_cmp(&b),
                FloatEquality::TotalOrder if a == b => Some(Ordering::Equal),
                FloatEquality::TotalOrder => Some(a.total_cmp(&b)),
            });
        }
        _ => exact(left, right)?,
    }))
}

/// The order of a sort, of `min` and of `max`: total, and finer than [`compare`], since `-0.0` comes
/// before `0.0`. Nulls are the caller's.
///
/// # Errors
/// Values of two types that no comparison takes.
pub fn order(left: &Value, right: &Value) -> Result<Ordering, EvalError> {
    match (left, right) {
        (Value::Float(_, a), Value::Float(_, b)) => Ok(a.total_cmp(b)),
        _ => exact(left, right),
    }
}

fn exact(left: &Value, right: &Value) -> Result<Ordering, EvalError> {
    use Value::*;
    Ok(match (left, right) {
        (Boolean(a), Boolean(b)) => a.cmp(b),
        (Int(_, a), Int(_, b)) => a.cmp(b),
        (Text(a), Text(b)) => a.cmp(b),
        (Date(a), Date(b)) => a.cmp(b),
        (Int(_, _) | Decimal { .. }, Int(_, _) | Decimal { .. }) => {
            let ((a, s), (b, t)) = (digits(left), digits(right));
            compare_scaled(a, s, b, t)
        }
        (Date(_) | Timestamp { .. }, Date(_) | Timestamp { .. }) => nanoseconds(left).cmp(&nanoseconds(right)),
        _ => {
            return Err(EvalError::Unsupported { what: format!("a comparison of `{left}` and `{right}`") });
        }
    })
}

fn digits(value: &Value) -> (i128, i8) {
    match value {
        Value::Int(_, value) => (*value, 0),
        Value::Decimal { unscaled, scale, .. } => (*unscaled, *scale),
        _ => (0, 0),
    }
}

/// Compares `a * 10^-s` with `b * 10^-t`. Where scaling one up overflows, it is the larger in size.
fn compare_scaled(a: i128, s: i8, b: i128, t: i8) -> Ordering {
    let up =
        |value: i128, by: i16| 10i128.checked_pow(by.unsigned_abs().into()).and_then(|unit| value.checked_mul(unit));
    let by = i16::from(s) - i16::from(t);
    match by {
        0 => a.cmp(&b),
        1.. => up(b, by).map_or(0.cmp(&b), |b| a.cmp(&b)),
        _ => up(a, by).map_or(a.cmp(&0), |a| a.cmp(&b)),
    }
}

fn nanoseconds(value: &Value) -> i128 {
    match value {
        Value::Date(days) => i128::from(*days) * 86_400 * 1_000_000_000,
        Value::Timestamp { ticks, unit, .. } => {
            i128::from(*ticks)
                * match unit {
                    TimeUnit::Second => 1_000_000_000,
                    TimeUnit::Millisecond => 1_000_000,
                    TimeUnit::Microsecond => 1_000,
                    TimeUnit::Nanosecond => 1,
                }
        }
        _ => 0,
    }
}

/// A number as a float.
pub(super) fn as_float(value: &Value) -> Result<f64, EvalError> {
    Ok(match value {
        Value::Int(_, value) => *value as f64,
        Value::Float(_, value) => *value,
        Value::Decimal { unscaled, scale, .. } => {
            // A division rounds once; a product with a negative power would round twice.
            let unit = (0..scale.unsigned_abs()).fold(1.0, |unit, _| unit * 10.0);
            if *scale < 0 { *unscaled as f64 * unit } else { *unscaled as f64 / unit }
        }
        other => return Err(EvalError::Type { expected: "a number".into(), found: other.to_string() }),
    })
}
