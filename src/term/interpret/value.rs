use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};

use crate::expr::Literal;
use crate::expr::{FloatEquality, Semantics};

/// One value of one row.
///
/// `==`, order and hash are *identity*: floats by bits, so `-0.0` and `0.0` differ and NaN is itself;
/// null is itself. What SQL calls equal is in [`super::compare`].
#[derive(Clone, Debug)]
pub enum Value {
    /// The null of any type.
    Null,
    /// A truth value.
    Boolean(bool),
    /// An integer of an Arrow type, `Int8` to `UInt64`.
    Int(DataType, i128),
    /// A float of an Arrow type, `Float32` or `Float64`.
    Float(DataType, f64),
    /// `unscaled * 10^-scale`.
    Decimal {
        /// The digits.
        unscaled: i128,
        /// How many digits the type has.
        precision: u8,
        /// How many of them are behind the point.
        scale: i8,
    },
    /// Text, of whatever Arrow encoding.
    Text(Arc<str>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Time since 1970-01-01T00:00:00 (in UTC, where there is a zone).
    Timestamp {
        /// How many units.
        ticks: i64,
        /// The unit.
        unit: TimeUnit,
        /// The time zone of the type.
        zone: Option<Arc<str>>,
    },
    /// A value of a type that the interpreter only moves: not null.
    Other(Literal),
}

impl Value {
    /// Whether this is a null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// A decimal.
    pub fn decimal(unscaled: i128, precision: u8, scale: i8) -> Self {
        Value::Decimal { unscaled, precision, scale }
    }

    /// The truth value: `None` for null and for what is no boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The value that stands for all that group with this one: the zeros are one, and under
    /// [`FloatEquality::Ieee`] the NaNs are, too. Nulls group with nulls.
    pub fn group_key(&self, semantics: &Semantics) -> Value {
        match self {
            Value::Float(kind, value) if *value == 0.0 => Value::Float(kind.clone(), 0.0),
            Value::Float(kind, value) if value.is_nan() && semantics.float_equality == FloatEquality::Ieee => {
                Value::Float(kind.clone(), f64::NAN)
            }
            other => other.clone(),
        }
    }

    /// The value that sorts with this one: under [`FloatEquality::Ieee`] all NaNs lie above everything.
    pub(super) fn sort_key(self, semantics: &Semantics) -> Value {
        match self {
            Value::Float(kind, value) if value.is_nan() && semantics.float_equality == FloatEquality::Ieee => {
                Value::Float(kind, f64::NAN)
            }
            other => other,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Boolean(_) => 1,
            Value::Int(_, _) => 2,
            Value::Float(_, _) => 3,
            Value::Decimal { .. } => 4,
            Value::Text(_) => 5,
            Value::Date(_) => 6,
            Value::Timestamp { .. } => 7,
            Value::Other(_) => 8,
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        use Value::*;
        match (self, other) {
            (Boolean(a), Boolean(b)) => a.cmp(b),
            (Int(s, a), Int(t, b)) => a.cmp(b).then_with(|| s.cmp(t)),
            (Float(s, a), Float(t, b)) => a.total_cmp(b).then_with(|| s.cmp(t)),
            (Decimal { unscaled: a, precision: p, scale: s }, Decimal { unscaled: b, precision: q, scale: t }) => {
                (s, a, p).cmp(&(t, b, q))
            }
            (Text(a), Text(b)) => a.cmp(b),
            (Date(a), Date(b)) => a.cmp(b),
            (Timestamp { ticks: a, unit: u, zone: x }, Timestamp { ticks: b, unit: v, zone: y }) => {
                (u, x, a).cmp(&(v, y, b))
            }
            (Other(a), Other(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Value::Null => {}
            Value::Boolean(value) => value.hash(state),
            Value::Int(_, value) => value.hash(state),
            Value::Float(_, value) => value.to_bits().hash(state),
            Value::Decimal { unscaled, .. } => unscaled.hash(state),
            Value::Text(text) => text.hash(state),
            Value::Date(days) => days.hash(state),
            Value::Timestamp { ticks, .. } => ticks.hash(state),
            Value::Other(literal) => literal.hash(state),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Int(_, value) => write!(f, "{value}"),
            Value::Float(_, value) => write!(f, "{value:?}"),
            Value::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Value::Other(literal) => write!(f, "{literal}"),
            Value::Decimal { unscaled, precision, scale } => match Literal::decimal(*unscaled, *precision, *scale) {
                Some(literal) => write!(f, "{literal}"),
                None => write!(f, "{unscaled}e-{scale}"),
            },
            Value::Date(days) => write!(f, "{}", Literal::date(*days)),
            Value::Timestamp { ticks, unit, .. } => write!(f, "timestamp {ticks} {unit:?}"),
        }
    }
}

macro_rules! value_from {
    ($($ty:ty => |$value:ident| $make:expr),* $(,)?) => {$(
        impl From<$ty> for Value {
            fn from($value: $ty) -> Self {
                $make
            }
        }
    )*};
}

value_from! {
    bool => |value| Value::Boolean(value),
    i32 => |value| Value::Int(DataType::Int32, i128::from(value)),
    i64 => |value| Value::Int(DataType::Int64, i128::from(value)),
    f64 => |value| Value::Float(DataType::Float64, value),
    &str => |value| Value::Text(value.into()),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
