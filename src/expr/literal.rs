use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    new_null_array,
};
use arrow_schema::DataType;

use crate::leaf::axis_values;
use crate::token::{Token, Tokenize, Tokenizer, tokenize_array};

/// A constant: a one-row Arrow array, so every Arrow type has one.
///
/// Equality and order go by token, that is by type and content; they are not SQL's.
///
/// ```
/// use leafhold::expr::Literal;
/// assert_eq!(Literal::from(1i64).to_string(), "1");
/// assert_eq!(Literal::from("a").to_string(), "'a'");
/// ```
#[derive(Clone)]
pub struct Literal {
    array: ArrayRef,
    token: Token,
}

impl Literal {
    /// The literal of a one-row array.
    ///
    /// # Panics
    /// When the array does not have exactly one row: that is a bug of the caller, not bad input.
    pub fn new(array: ArrayRef) -> Self {
        assert_eq!(array.len(), 1, "a literal is a one-row array");
        let mut tokenizer = Tokenizer::new("literal");
        tokenize_array(&array, &mut tokenizer);
        Literal { array, token: tokenizer.finish() }
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
        &self.array
    }

    /// The Arrow type.
    pub fn data_type(&self) -> &DataType {
        self.array.data_type()
    }

    /// Whether this is a null of whatever type.
    pub fn is_null(&self) -> bool {
        self.array.logical_null_count() == 1
    }

    /// The truth value, when this is a boolean that is not null.
    pub fn as_bool(&self) -> Option<bool> {
        let array = self.array.as_boolean_opt()?;
        array.is_valid(0).then(|| array.value(0))
    }

    /// The place on the estimator's axis (see [`crate::leaf::TableStatistics`]), if it has one.
    pub fn axis(&self) -> Option<f64> {
        axis_values(&self.array).first().copied()
    }

    /// The text of a string literal.
    pub fn as_str(&self) -> Option<&str> {
        if self.is_null() {
            return None;
        }
        match self.data_type() {
            DataType::Utf8 => Some(self.array.as_string::<i32>().value(0)),
            DataType::LargeUtf8 => Some(self.array.as_string::<i64>().value(0)),
            DataType::Utf8View => Some(self.array.as_string_view().value(0)),
            _ => None,
        }
    }

    /// The identity of this literal.
    pub fn token(&self) -> Token {
        self.token
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.token == other.token
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
        self.token.cmp(&other.token)
    }
}

impl Hash for Literal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.token.hash(state);
    }
}

impl Tokenize for Literal {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_token(self.token);
    }
}

macro_rules! literal_from {
    ($($ty:ty => $array:ty),* $(,)?) => {$(
        impl From<$ty> for Literal {
            fn from(value: $ty) -> Self {
                Literal::new(Arc::new(<$array>::from(vec![value])))
            }
        }
    )*};
}

literal_from!(bool => BooleanArray, i32 => Int32Array, i64 => Int64Array, f64 => Float64Array, &str => StringArray);

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() {
            return f.write_str("null");
        }
        if let Some(text) = self.as_str() {
            return write!(f, "'{}'", text.replace('\'', "''"));
        }
        match self.data_type() {
            DataType::Boolean => write!(f, "{}", self.array.as_boolean().value(0)),
            DataType::Int64 => write!(f, "{}", self.array.as_primitive::<Int64Type>().value(0)),
            DataType::Float64 => write!(f, "{:?}", self.array.as_primitive::<Float64Type>().value(0)),
            DataType::Date32 => {
                let array = self.array.as_primitive::<Date32Type>();
                match array.value_as_date(0) {
                    Some(date) => write!(f, "date '{date}'"),
                    None => write!(f, "date {}", array.value(0)),
                }
            }
            DataType::Decimal128(_, _) => f.write_str(&self.array.as_primitive::<Decimal128Type>().value_as_string(0)),
            other => {
                let options = arrow_cast::display::FormatOptions::default();
                let text = arrow_cast::display::ArrayFormatter::try_new(&self.array, &options)
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
