//! The fluent form of scalars.
//!
//! ```
//! use leafhold::expr::{col, lit};
//!
//! let odd = (col("a") % lit(2i64)).eq(lit(1i64)).is_not_false();
//! assert_eq!(odd.to_string(), "(is-not-false ((a % 2) = 1))");
//! assert_eq!(col("name").not_ilike(lit("%x")).to_string(), "(not-ilike name '%x')");
//! ```

use std::ops;

use arrow_schema::DataType;

use super::{BinaryOp, DataTypeKey, Scalar, ScalarOp, SortKey};

/// `CASE operand WHEN .. THEN .. [WHEN ..] ELSE .. END`.
///
/// ```
/// use leafhold::expr::{case_of, col, lit};
/// let word = case_of(col("a"), [(lit(1i64), lit("one"))], lit("many"));
/// assert_eq!(word.to_string(), "(case-of a 1 'one' 'many')");
/// ```
pub fn case_of(operand: Scalar, arms: impl IntoIterator<Item = (Scalar, Scalar)>, otherwise: Scalar) -> Scalar {
    let mut args = vec![operand];
    args.extend(arms.into_iter().flat_map(|(when, then)| [when, then]));
    args.push(otherwise);
    Scalar::new(ScalarOp::Case { operand: true, otherwise: true }, args)
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident => $op:ident),* $(,)?) => {
        impl Scalar {
            $($(#[$doc])* pub fn $name(self, other: Scalar) -> Scalar {
                Scalar::binary(BinaryOp::$op, self, other)
            })*
        }
    };
}

binary_methods! {
    /// `self = other`, null if either is.
    eq => Eq,
    /// `self <> other`, null if either is.
    not_eq => NotEq,
    /// `self < other`, null if either is.
    lt => Lt,
    /// `self <= other`, null if either is.
    lt_eq => LtEq,
    /// `self > other`, null if either is.
    gt => Gt,
    /// `self >= other`, null if either is.
    gt_eq => GtEq,
    /// The values differ; a null differs from everything but a null. Never null itself.
    is_distinct_from => IsDistinctFrom,
    /// The values are the same; a null is the same as a null. Never null itself.
    is_not_distinct_from => IsNotDistinctFrom,
    /// One text after the other.
    concat => Concat,
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $name:ident => $op:ident),* $(,)?) => {
        impl Scalar {
            $($(#[$doc])* pub fn $name(self) -> Scalar {
                Scalar::new(ScalarOp::$op, [self])
            })*
        }
    };
}

unary_methods! {
    /// The value is null.
    is_null => IsNull,
    /// The value is not null.
    is_not_null => IsNotNull,
    /// The truth value is true; never null itself.
    is_true => IsTrue,
    /// The truth value is false or null.
    is_not_true => IsNotTrue,
    /// The truth value is false; never null itself.
    is_false => IsFalse,
    /// The truth value is true or null.
    is_not_false => IsNotFalse,
    /// The truth value is null.
    is_unknown => IsUnknown,
    /// The truth value is not null.
    is_not_unknown => IsNotUnknown,
    /// The number with the other sign.
    negate => Negate,
}

impl Scalar {
    /// Both are true.
    pub fn and(self, other: Scalar) -> Scalar {
        Scalar::new(ScalarOp::And, [self, other])
    }

    /// One is true.
    pub fn or(self, other: Scalar) -> Scalar {
        Scalar::new(ScalarOp::Or, [self, other])
    }

    /// The value converted to another type; an error where it cannot be.
    pub fn cast(self, to: DataType) -> Scalar {
        Scalar::new(ScalarOp::Cast { to: DataTypeKey(to), safe: false }, [self])
    }

    /// The value converted to another type; null where it cannot be.
    pub fn try_cast(self, to: DataType) -> Scalar {
        Scalar::new(ScalarOp::Cast { to: DataTypeKey(to), safe: true }, [self])
    }

    /// The value equals one of the list.
    pub fn in_list(self, list: impl IntoIterator<Item = Scalar>) -> Scalar {
        self.in_list_or_not(list, false)
    }

    /// The value equals none of the list; null where that is not sure.
    pub fn not_in_list(self, list: impl IntoIterator<Item = Scalar>) -> Scalar {
        self.in_list_or_not(list, true)
    }

    fn in_list_or_not(self, list: impl IntoIterator<Item = Scalar>, negated: bool) -> Scalar {
        let args: Vec<_> = std::iter::once(self).chain(list).collect();
        Scalar::new(ScalarOp::InList { negated }, args)
    }

    /// `low <= self and self <= high`.
    pub fn between(self, low: Scalar, high: Scalar) -> Scalar {
        Scalar::new(ScalarOp::Between { negated: false }, [self, low, high])
    }

    /// `self < low or self > high`.
    pub fn not_between(self, low: Scalar, high: Scalar) -> Scalar {
        Scalar::new(ScalarOp::Between { negated: true }, [self, low, high])
    }

    /// The text matches a pattern of `%` and `_`.
    pub fn like(self, pattern: Scalar) -> Scalar {
        self.matches(pattern, false, false)
    }

    /// The text does not match a pattern of `%` and `_`.
    pub fn not_like(self, pattern: Scalar) -> Scalar {
        self.matches(pattern, true, false)
    }

    /// The text matches a pattern, whatever the case of its letters.
    pub fn ilike(self, pattern: Scalar) -> Scalar {
        self.matches(pattern, false, true)
    }

    /// The text does not match a pattern, whatever the case of its letters.
    pub fn not_ilike(self, pattern: Scalar) -> Scalar {
        self.matches(pattern, true, true)
    }

    fn matches(self, pattern: Scalar, negated: bool, case_insensitive: bool) -> Scalar {
        Scalar::new(ScalarOp::Like { negated, case_insensitive, escape: None }, [self, pattern])
    }

    /// Ascending order by this value, nulls last.
    pub fn asc(self) -> SortKey {
        SortKey { scalar: self, descending: false, nulls_first: false }
    }

    /// Descending order by this value, nulls first.
    pub fn desc(self) -> SortKey {
        SortKey { scalar: self, descending: true, nulls_first: true }
    }
}

macro_rules! operator {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl ops::$trait for Scalar {
            type Output = Scalar;
            fn $method(self, other: Scalar) -> Scalar {
                Scalar::binary(BinaryOp::$op, self, other)
            }
        }
    )*};
}

operator!(Add add Plus, Sub sub Minus, Mul mul Multiply, Div div Divide, Rem rem Modulo);

impl ops::Not for Scalar {
    type Output = Scalar;
    fn not(self) -> Scalar {
        Scalar::new(ScalarOp::Not, [self])
    }
}

impl ops::Neg for Scalar {
    type Output = Scalar;
    fn neg(self) -> Scalar {
        Scalar::new(ScalarOp::Negate, [self])
    }
}
