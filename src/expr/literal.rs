use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    new_null_array,
};
use arrow_schema::DataType;

use crate::leaf::axis_values;
use crate::token::{Token, Tokenize, Tokenizer, tokenize_array};

/// A constant: a one-row Arrow array, so every Arrow type has one.
///
/// Equality and order go by type and content, as tokens do; they are not SQL's.
///
/// ```
/// use leafhold::expr::Literal;
/// assert_eq!(Literal::from(1i64).to_string(), "1");
/// assert_eq!(Literal::from("a").to_string(), "'a'");
/// ```
#[derive(Clone)]
pub struct Literal(Arc<Inner>);

/// The array and the token are made when first asked for: most literals of a program are neither
/// evaluated nor sorted.
struct Inner {
    value: Value,
    array: OnceLock<ArrayRef>,
    token: OnceLock<Token>,
}

/// The common constants as themselves. Each has one form only: an array of one of these becomes it.
enum Value {
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Float64(f64),
    /// Any other, nulls included.
    Array(ArrayRef),
}

impl Literal {
    /// The literal of a one-row array.
    ///
    /// # Panics
    /// When the array does not have exactly one row: that is a bug of the caller, not bad input.
    pub fn new(array: ArrayRef) -> Self {
        assert_eq!(array.len(), 1, "a literal is a one-row array");
        let value = match array.data_type() {
            _ if array.logical_null_count() == 1 => Value::Array(array),
            DataType::Boolean => Value::Bool(array.as_boolean().value(0)),
            DataType::Int32 => Value::Int32(array.as_primitive::<Int32Type>().value(0)),
            DataType::Int64 => Value::Int64(array.as_primitive::<Int64Type>().value(0)),
            DataType::Float64 => Value::Float64(array.as_primitive::<Float64Type>().value(0)),
            _ => Value::Array(array),
        };
        Literal::of(value)
    }

    fn of(value: Value) -> Self {
        Literal(Arc::new(Inner { value, array: OnceLock::new(), token: OnceLock::new() }))
    }

    /// The null of a type.
    pub fn null(data_type: &DataType) -> Self {
        Literal::new(new_null_array(data_type, 1))
    }

    /// A date, as days since 1970-01-01.
    pub fn date(days: i32) -> Self {
        Literal::new(Arc::new(Date32Array::from(vec![days])))
    }

    /// A decimal `unscaled * 10^-scale`; `None` when the precision is outside 1 to 38.
    pub fn decimal(unscaled: i128, precision: u8, scale: i8) -> Option<Self> {
        let array = Decimal128Array::from(vec![unscaled]).with_precision_and_scale(precision, scale).ok()?;
        Some(Literal::new(Arc::new(array)))
    }

    /// The one-row array.
    pub fn array(&self) -> &ArrayRef {
        let made = &self.0.array;
        match self.0.value {
            Value::Bool(value) => made.get_or_init(|| Arc::new(BooleanArray::from(vec![value]))),
            Value::Int32(value) => made.get_or_init(|| Arc::new(Int32Array::from(vec![value]))),
            Value::Int64(value) => made.get_or_init(|| Arc::new(Int64Array::from(vec![value]))),
            Value::Float64(value) => made.get_or_init(|| Arc::new(Float64Array::from(vec![value]))),
            Value::Array(ref array) => array,
        }
    }

    /// The Arrow type.
    pub fn data_type(&self) -> &DataType {
        match self.0.value {
            Value::Bool(_) => &DataType::Boolean,
            Value::Int32(_) => &DataType::Int32,
            Value::Int64(_) => &DataType::Int64,
            Value::Float64(_) => &DataType::Float64,
            Value::Array(ref array) => array.data_type(),
        }
    }

    /// Whether this is a null of whatever type.
    pub fn is_null(&self) -> bool {
        matches!(&self.0.value, Value::Array(array) if array.logical_null_count() == 1)
    }

    /// The truth value, when this is a boolean that is not null.
    pub fn as_bool(&self) -> Option<bool> {
        match self.0.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The place on the estimator's axis (see [`crate::leaf::TableStatistics`]), if it has one.
    pub fn axis(&self) -> Option<f64> {
        axis_values(self.array()).first().copied()
    }

    /// The text of a string literal.
    pub fn as_str(&self) -> Option<&str> {
        if self.is_null() {
            return None;
        }
        match self.data_type() {
            DataType::Utf8 => Some(self.array().as_string::<i32>().value(0)),
            DataType::LargeUtf8 => Some(self.array().as_string::<i64>().value(0)),
            DataType::Utf8View => Some(self.array().as_string_view().value(0)),
            _ => None,
        }
    }

    /// The identity of this literal.
    pub fn token(&self) -> Token {
        *self.0.token.get_or_init(|| {
            let mut tokenizer = Tokenizer::new("literal");
            tokenize_array(self.array(), &mut tokenizer);
            tokenizer.finish()
        })
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0.value, &other.0.value) {
            _ if Arc::ptr_eq(&self.0, &other.0) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int32(a), Value::Int32(b)) => a == b,
            (Value::Int64(a), Value::Int64(b)) => a == b,
            // By bits, as tokens go.
            (Value::Float64(a), Value::Float64(b)) => a.to_bits() == b.to_bits(),
            (Value::Array(_), Value::Array(_)) => self.token() == other.token(),
            _ => false,
        }
    }
}

impl Eq for Literal {}

impl PartialOrd for Literal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Literal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other {
            return Ordering::Equal;
        }
        self.token().cmp(&other.token())
    }
}

impl Hash for Literal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0.value {
            Value::Bool(value) => value.hash(state),
            Value::Int32(value) => value.hash(state),
            Value::Int64(value) => value.hash(state),
            Value::Float64(value) => value.to_bits().hash(state),
            Value::Array(_) => self.token().hash(state),
        }
    }
}

impl Tokenize for Literal {
    /// The common constants as themselves, each behind a type of its own; the others by their token.
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self.0.value {
            Value::Bool(value) => tokenizer.put_bool(value),
            Value::Int32(value) => value.tokenize(tokenizer),
            Value::Int64(value) => tokenizer.put_i64(value),
            Value::Float64(value) => tokenizer.put_f64(value),
            Value::Array(_) => tokenizer.put_token(self.token()),
        }
    }
}

macro_rules! literal_from {
    ($($ty:ty => $value:ident),* $(,)?) => {$(
        impl From<$ty> for Literal {
            fn from(value: $ty) -> Self {
                Literal::of(Value::$value(value))
            }
        }
    )*};
}

literal_from!(bool => Bool, i32 => Int32, i64 => Int64, f64 => Float64);

impl From<&str> for Literal {
    fn from(value: &str) -> Self {
        Literal::new(Arc::new(StringArray::from(vec![value])))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() {
            return f.write_str("null");
        }
        if let Some(text) = self.as_str() {
            return write!(f, "'{}'", text.replace('\'', "''"));
        }
        match self.0.value {
            Value::Bool(value) => return write!(f, "{value}"),
            Value::Int64(value) => return write!(f, "{value}"),
            Value::Float64(value) => return write!(f, "{value:?}"),
            Value::Int32(_) | Value::Array(_) => {}
        }
        match self.data_type() {
            DataType::Date32 => {
                let array = self.array().as_primitive::<Date32Type>();
                match array.value_as_date(0) {
                    Some(date) => write!(f, "date '{date}'"),
                    None => write!(f, "date {}", array.value(0)),
                }
            }
            DataType::Decimal128(_, _) => {
                f.write_str(&self.array().as_primitive::<Decimal128Type>().value_as_string(0))
            }
            other => {
                let options = arrow_cast::display::FormatOptions::default();
                let text = arrow_cast::display::ArrayFormatter::try_new(self.array(), &options)
                    .map(|formatter| formatter.value(0).to_string())
                    .unwrap_or_else(|_| format!("<{other}>"));
                match other.is_integer() || other.is_floating() {
                    true => f.write_str(&text),
                    false => write!(f, "{other} '{text}'"),
                }
            }
        }
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
