//! Values from and to Arrow arrays, and casts, which are Arrow's own.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};

use super::{EvalError, Value};
use crate::expr::Literal;

/// The values of an array.
pub fn values_of(array: &ArrayRef) -> Vec<Value> {
    let nulls = array.logical_nulls();
    let valid = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    (0..array.len()).map(|row| if valid(row) { value_at(array, row) } else { Value::Null }).collect()
}

fn value_at(array: &ArrayRef, row: usize) -> Value {
    macro_rules! int {
        ($ty:ty) => {
            Value::Int(array.data_type().clone(), i128::from(array.as_primitive::<$ty>().value(row)))
        };
    }
    match array.data_type() {
        DataType::Boolean => Value::Boolean(array.as_boolean().value(row)),
        DataType::Int8 => int!(Int8Type),
        DataType::Int16 => int!(Int16Type),
        DataType::Int32 => int!(Int32Type),
        DataType::Int64 => int!(Int64Type),
        DataType::UInt8 => int!(UInt8Type),
        DataType::UInt16 => int!(UInt16Type),
        DataType::UInt32 => int!(UInt32Type),
        DataType::UInt64 => int!(UInt64Type),
        DataType::Float32 => Value::Float(DataType::Float32, f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Value::Float(DataType::Float64, array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(precision, scale) => {
            Value::decimal(array.as_primitive::<Decimal128Type>().value(row), *precision, *scale)
        }
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row).into()),
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(unit, zone) => {
            let ticks = match unit {
                TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
                TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
                TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
                TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            Value::Timestamp { ticks, unit: *unit, zone: zone.clone() }
        }
        _ => Value::Other(Literal::new(array.slice(row, 1))),
    }
}

/// The constant of a value in a column of a type; an error where the value is of another type.
///
/// # Errors
/// A value of another type.
pub fn literal_of(value: &Value, data_type: &DataType) -> Result<Literal, EvalError> {
    let mismatch = || EvalError::Type { expected: data_type.to_string(), found: value.to_string() };
    macro_rules! int {
        ($array:ty, $native:ty, $value:expr) => {
            Arc::new(<$array>::from(vec![<$native>::try_from(*$value).map_err(|_| mismatch())?])) as ArrayRef
        };
    }
    let array: ArrayRef = match (value, data_type) {
        (Value::Null, _) => new_null_array(data_type, 1),
        (Value::Boolean(value), DataType::Boolean) => Arc::new(BooleanArray::from(vec![*value])),
        (Value::Int(_, value), DataType::Int8) => int!(Int8Array, i8, value),
        (Value::Int(_, value), DataType::Int16) => int!(Int16Array, i16, value),
        (Value::Int(_, value), DataType::Int32) => int!(Int32Array, i32, value),
        (Value::Int(_, value), DataType::Int64) => int!(Int64Array, i64, value),
        (Value::Int(_, value), DataType::UInt8) => int!(UInt8Array, u8, value),
        (Value::Int(_, value), DataType::UInt16) => int!(UInt16Array, u16, value),
        (Value::Int(_, value), DataType::UInt32) => int!(UInt32Array, u32, value),
        (Value::Int(_, value), DataType::UInt64) => int!(UInt64Array, u64, value),
        (Value::Float(_, value), DataType::Float32) => Arc::new(Float32Array::from(vec![*value as f32])),
        (Value::Float(_, value), DataType::Float64) => Arc::new(Float64Array::from(vec![*value])),
        (Value::Decimal { unscaled, scale, .. }, DataType::Decimal128(precision, to)) if scale == to => {
            let array = Decimal128Array::from(vec![*unscaled]).with_precision_and_scale(*precision, *scale);
            Arc::new(array.map_err(|_| mismatch())?)
        }
        (Value::Text(text), DataType::Utf8) => Arc::new(StringArray::from(vec![&**text])),
        (Value::Text(text), DataType::LargeUtf8) => Arc::new(LargeStringArray::from(vec![&**text])),
        (Value::Text(text), DataType::Utf8View) => Arc::new(StringViewArray::from(vec![&**text])),
        (Value::Date(days), DataType::Date32) => Arc::new(Date32Array::from(vec![*days])),
        (Value::Timestamp { ticks, unit, .. }, DataType::Timestamp(to, zone)) if unit == to => match unit {
            TimeUnit::Second => Arc::new(TimestampSecondArray::from(vec![*ticks]).with_timezone_opt(zone.clone())),
            TimeUnit::Millisecond => {
                Arc::new(TimestampMillisecondArray::from(vec![*ticks]).with_timezone_opt(zone.clone()))
            }
            TimeUnit::Microsecond => {
                Arc::new(TimestampMicrosecondArray::from(vec![*ticks]).with_timezone_opt(zone.clone()))
            }
            TimeUnit::Nanosecond => {
                Arc::new(TimestampNanosecondArray::from(vec![*ticks]).with_timezone_opt(zone.clone()))
            }
        },
        (Value::Other(literal), _) if literal.data_type() == data_type => literal.array().clone(),
        _ => return Err(mismatch()),
    };
    Ok(Literal::new(array))
}

/// The array of some values in a column of a type.
///
/// # Errors
/// A value of another type.
pub fn array_of<'a>(values: impl IntoIterator<Item = &'a Value>, data_type: &DataType) -> Result<ArrayRef, EvalError> {
    let literals = values.into_iter().map(|value| literal_of(value, data_type)).collect::<Result<Vec<_>, _>>()?;
    let arrays: Vec<&dyn Array> = literals.iter().map(|literal| &**literal.array()).collect();
    match arrays.is_empty() {
        true => Ok(new_empty_array(data_type)),
        false => arrow_select::concat::concat(&arrays)
            .map_err(|error| EvalError::Type { expected: data_type.to_string(), found: error.to_string() }),
    }
}

/// A value of one type as a value of another, by Arrow's rules.
pub(super) fn cast(value: &Value, from: &DataType, to: &DataType, safe: bool) -> Result<Value, EvalError> {
    if value.is_null() || from == to {
        return Ok(value.clone());
    }
    let literal = literal_of(value, from)?;
    let options = CastOptions { safe, ..CastOptions::default() };
    let array = cast_with_options(literal.array(), to, &options).map_err(|error| EvalError::Cast {
        value: value.to_string(),
        to: to.clone(),
        reason: error.to_string(),
    })?;
    Ok(values_of(&array).into_iter().next().unwrap_or(Value::Null))
}
