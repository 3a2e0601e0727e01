//! What can raise an error when it is evaluated. Told from types alone, so it errs on the safe side: what is said to
//! be safe never fails, what is said to fail may never do so.

use arrow_schema::DataType;

use super::{AggregateFunction, BinaryOp, Overflow, ScalarOp, Semantics};

/// Whether evaluating this one operator can raise an error that its operands do not raise.
///
/// Those are casts that do not keep every value, division by an integer or decimal zero, decimals that outgrow 38
/// digits, arithmetic on dates and times, functions that say so, and integers beyond their range where the semantics
/// make that an error. Float arithmetic saturates.
pub fn can_fail(op: &ScalarOp<impl Clone>, arg_types: &[DataType], semantics: &Semantics) -> bool {
    match op {
        ScalarOp::Cast { to, safe } => !safe && !arg_types.first().is_some_and(|from| widens(from, &to.0)),
        ScalarOp::Binary(BinaryOp::Divide | BinaryOp::Modulo) => !arg_types.iter().all(DataType::is_floating),
        ScalarOp::Binary(op @ (BinaryOp::Plus | BinaryOp::Minus | BinaryOp::Multiply)) => {
            outgrows(*op, arg_types, semantics)
        }
        ScalarOp::Negate => arg_types.iter().any(DataType::is_integer) && semantics.overflow == Overflow::Error,
        ScalarOp::Call(function) => function.fallible,
        _ => false,
    }
}

/// Whether an aggregate can raise an error that its arguments do not raise.
///
/// A decimal sum has ten digits more than what it adds up, which is taken as enough.
pub fn aggregate_can_fail(function: &AggregateFunction, arg_types: &[DataType], semantics: &Semantics) -> bool {
    let decimal = |digits: u8| arg_types.iter().any(|kind| matches!(kind, DataType::Decimal128(p, _) if *p > digits));
    match function {
        AggregateFunction::Count | AggregateFunction::Min | AggregateFunction::Max | AggregateFunction::Grouping => {
            false
        }
        AggregateFunction::Sum => {
            decimal(28) || (semantics.overflow == Overflow::Error && arg_types.iter().any(DataType::is_integer))
        }
        AggregateFunction::Avg => decimal(24),
        AggregateFunction::Other(function) => function.fallible,
    }
}

/// Whether a sum, difference or product may have no place in the type of the result.
fn outgrows(op: BinaryOp, arg_types: &[DataType], semantics: &Semantics) -> bool {
    match arg_types {
        [DataType::Decimal128(p, s), DataType::Decimal128(q, t)] => {
            let (p, s, q, t) = (i16::from(*p), i16::from(*s), i16::from(*q), i16::from(*t));
            let digits = match op {
                BinaryOp::Multiply => p + q,
                _ => (p - s).max(q - t) + s.max(t) + 1,
            };
            digits > 38 || (op == BinaryOp::Multiply && s + t > 38)
        }
        [left, right] if left.is_floating() || right.is_floating() => false,
        [DataType::Null, _] | [_, DataType::Null] => false,
        [left, right] if left.is_integer() && right.is_integer() => semantics.overflow == Overflow::Error,
        _ => true,
    }
}

/// Conversions that keep every value.
pub(super) fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    if from == to || *from == Null {
        return true;
    }
    match (from, to) {
        (Int8, Int16 | Int32 | Int64 | Float32 | Float64) => true,
        (Int16, Int32 | Int64 | Float32 | Float64) => true,
        (Int32, Int64 | Float64) => true,
        (UInt8, UInt16 | UInt32 | UInt64 | Int16 | Int32 | Int64 | Float32 | Float64) => true,
        (UInt16, UInt32 | UInt64 | Int32 | Int64 | Float32 | Float64) => true,
        (UInt32, UInt64 | Int64 | Float64) => true,
        (Float32, Float64) | (Int64 | UInt64, Float64) => true,
        (Int8 | Int16 | Int32 | Int64, Decimal128(precision, scale)) => {
            let digits = match from {
                Int8 => 3,
                Int16 => 5,
                Int32 => 10,
                _ => 19,
            };
            *scale >= 0 && i16::from(*precision) - i16::from(*scale) >= digits
        }
        (Decimal128(p1, s1), Decimal128(p2, s2)) => {
            s2 >= s1 && i16::from(*p2) - i16::from(*s2) >= i16::from(*p1) - i16::from(*s1)
        }
        (Decimal128(_, _), Float64) => true,
        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => true,
        (Date32, Timestamp(_, None) | Date64) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{DataTypeKey, Errors};

    const INT: DataType = DataType::Int64;

    fn fails(op: BinaryOp, left: DataType, right: DataType, semantics: Semantics) -> bool {
        can_fail(&ScalarOp::<()>::Binary(op), &[left, right], &semantics)
    }

    #[test]
    fn integers_overflow_where_that_is_an_error() {
        let checked = Semantics { overflow: Overflow::Error, ..Semantics::default() };
        for op in [BinaryOp::Plus, BinaryOp::Minus, BinaryOp::Multiply] {
            assert!(!fails(op, INT, INT, Semantics::default()));
            assert!(fails(op, INT, INT, checked));
            assert!(!fails(op, INT, DataType::Float64, checked), "floats saturate");
        }
        assert!(fails(BinaryOp::Divide, INT, INT, Semantics::default()));
        assert!(!fails(BinaryOp::Divide, DataType::Float64, DataType::Float64, checked));
        assert!(!fails(BinaryOp::Eq, INT, INT, checked));
        assert!(can_fail(&ScalarOp::<()>::Negate, &[INT], &checked));
        assert!(aggregate_can_fail(&AggregateFunction::Sum, &[INT], &checked));
        assert!(!aggregate_can_fail(&AggregateFunction::Sum, &[INT], &Semantics::default()));
        assert!(!aggregate_can_fail(&AggregateFunction::Count, &[INT], &checked));
    }

    #[test]
    fn decimals_fail_where_their_digits_may_not_suffice() {
        let decimal = DataType::Decimal128;
        let semantics = Semantics { errors: Errors::Strict, ..Semantics::default() };
        assert!(!fails(BinaryOp::Multiply, decimal(15, 2), decimal(16, 2), semantics));
        assert!(fails(BinaryOp::Multiply, decimal(31, 4), decimal(16, 2), semantics));
        assert!(fails(BinaryOp::Plus, decimal(38, 2), decimal(1, 0), semantics));
        assert!(aggregate_can_fail(&AggregateFunction::Sum, &[decimal(30, 2)], &semantics));
        assert!(!aggregate_can_fail(&AggregateFunction::Avg, &[decimal(15, 2)], &semantics));
    }

    #[test]
    fn casts_fail_unless_every_value_has_its_image() {
        let cast = |from, to, safe| {
            can_fail(&ScalarOp::<()>::Cast { to: DataTypeKey(to), safe }, &[from], &Semantics::default())
        };
        assert!(!cast(DataType::Int32, INT, false));
        assert!(cast(INT, DataType::Int32, false));
        assert!(!cast(INT, DataType::Int32, true), "a safe cast gives null");
        assert!(cast(DataType::Utf8, INT, false));
    }
}
