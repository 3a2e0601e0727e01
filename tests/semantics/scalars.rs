//! What scalars are, row by row.

use std::sync::Arc;

use arrow_schema::DataType;
use leafhold::expr::{
    BinaryOp, CoreFunctions, DataTypeKey, FloatEquality, FunctionInfo, Literal, Overflow, Scalar, ScalarOp, Semantics,
    Volatility,
};
use leafhold::term::interpret::{EvalError, Tables, Value, table};
use leafhold::term::{RelNode, RelOp, Terms};

use crate::query::*;

#[test]
fn floats_compare_as_the_semantics_say() {
    use BinaryOp::*;
    let nan = || Scalar::literal(f64::NAN);
    let (one, zero, minus) = (|| Scalar::literal(1.0), || Scalar::literal(0.0), || Scalar::literal(-0.0));
    let cases = [
        (Eq, nan(), nan(), true, false),
        (NotEq, nan(), nan(), false, true),
        (Lt, one(), nan(), true, false),
        (GtEq, nan(), one(), true, false),
        (Eq, zero(), minus(), true, true),
        (Lt, minus(), zero(), false, false),
        (IsNotDistinctFrom, zero(), minus(), true, true),
    ];
    for (op, a, b, total, ieee) in cases {
        for (float_equality, expected) in [(FloatEquality::TotalOrder, total), (FloatEquality::Ieee, ieee)] {
            let mut query = Query::new();
            query.semantics.float_equality = float_equality;
            let value = query.value(binary(op, a.clone(), b.clone())).unwrap();
            assert_eq!(value, Value::from(expected), "{a} {} {b} under {float_equality:?}", op.symbol());
        }
    }
}

/// The normal form of `not (a < b)` is `a >= b` only where one of the two holds.
#[test]
fn what_is_not_below_may_be_no_number() {
    use BinaryOp::*;
    let nan = || Scalar::literal(f64::NAN);
    let one = || Scalar::literal(1.0);
    let not = |tree: Tree| Scalar::new(ScalarOp::Not, [tree]);
    let between = || Scalar::new(ScalarOp::Between { negated: true }, [nan(), one(), one()]);
    for float_equality in [FloatEquality::TotalOrder, FloatEquality::Ieee] {
        let semantics = Semantics { float_equality, ..Semantics::default() };
        for op in [Lt, LtEq, Gt, GtEq, Eq, NotEq] {
            let value = |tree| {
                let mut query = Query::new();
                query.terms = Terms::new(Arc::new(CoreFunctions)).with_semantics(semantics);
                query.semantics = semantics;
                query.value(tree).unwrap()
            };
            let (holds, negated) = (value(binary(op, nan(), one())), value(not(binary(op, nan(), one()))));
            assert_ne!(holds, negated, "{} under {float_equality:?}", op.symbol());
            assert_eq!(value(between()), Value::from(true), "under {float_equality:?}");
        }
    }
}

#[test]
fn equality_is_not_identity() {
    assert_ne!(Value::from(0.0), Value::from(-0.0));
    assert_eq!(Value::from(f64::NAN), Value::from(f64::NAN));
    let mut query = Query::new();
    let inverse = |zero: f64| binary(BinaryOp::Divide, Scalar::literal(1.0), Scalar::literal(zero));
    assert_eq!(query.value(inverse(0.0)), Ok(Value::from(f64::INFINITY)));
    assert_eq!(query.value(inverse(-0.0)), Ok(Value::from(f64::NEG_INFINITY)));
}

// ---- scalars -------------------------------------------------------------------------------

#[test]
fn and_or_and_not_have_three_values() {
    let values = [Some(true), Some(false), None];
    let tree = |value: Option<bool>| match value {
        Some(value) => Scalar::literal(value),
        None => null(DataType::Boolean),
    };
    for a in values {
        assert_eq!(Query::new().value(Scalar::new(ScalarOp::Not, [tree(a)])), Ok(a.map(|a| !a).into()));
        assert_eq!(Query::new().value(Scalar::new(ScalarOp::IsTrue, [tree(a)])), Ok((a == Some(true)).into()));
        for b in values {
            let and = match (a, b) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            let or = match (a, b) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            // Through columns: over constants the constructors of terms would decide.
            let mut query = Query::new();
            let (t, columns) = table(
                &mut query.terms,
                "t",
                &[("a", DataType::Boolean), ("b", DataType::Boolean)],
                vec![vec![a.into(), b.into()]],
            )
            .unwrap();
            let args = || columns.iter().map(|column| Scalar::column(*column)).collect::<Vec<_>>();
            let trees = [Scalar::new(ScalarOp::And, args()), Scalar::new(ScalarOp::Or, args())];
            let computed = trees.iter().map(|tree| {
                let scalar = query.intern(tree);
                (query.terms.add_column("value", DataType::Boolean, true), scalar)
            });
            let computed = computed.collect();
            let projection = query.terms.intern_projection(computed);
            let term = query.terms.add(RelNode::new(RelOp::Project(projection), [t]));
            assert_eq!(query.run(term).unwrap().rows, [[Value::from(and), Value::from(or)]], "{a:?} {b:?}");
        }
    }
}

#[test]
fn what_is_not_needed_raises_no_error() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(0)], [Some(2)]]);
    let quotient = || binary(BinaryOp::Divide, int(10), Scalar::column(a));
    let guarded = Scalar::new(
        ScalarOp::Case { operand: false, otherwise: true },
        [binary(BinaryOp::Eq, Scalar::column(a), int(0)), int(-1), quotient()],
    );
    let keeps = binary(BinaryOp::Lt, guarded, int(6));
    let case = query.filter(t, keeps);
    assert_eq!(query.rows(case), ["0", "2"]);

    // AND keeps what cannot fail in front; OR stops at the first true.
    let protected = Scalar::new(
        ScalarOp::And,
        [binary(BinaryOp::Eq, quotient(), int(5)), binary(BinaryOp::NotEq, Scalar::column(a), int(0))],
    );
    let and = query.filter(t, protected);
    assert_eq!(query.rows(and), ["2"]);

    let bare = query.filter(t, binary(BinaryOp::Eq, quotient(), int(5)));
    let error = query.run(bare).unwrap_err();
    assert_eq!(error.to_string(), "division by zero in `(10 / a)`; guard the divisor, for example with `case`");
    assert!(error.is_of_the_plan());
}

#[test]
fn case_with_an_operand_compares_and_may_have_no_else() {
    let mut query = Query::new();
    let case = |operand: Tree| {
        Scalar::new(
            ScalarOp::Case { operand: true, otherwise: false },
            [operand, null(DataType::Int64), int(10), int(2), int(20)],
        )
    };
    assert_eq!(query.value(case(int(2))), Ok(Value::from(20i64)));
    assert_eq!(query.value(case(int(3))), Ok(Value::Null));
    assert_eq!(query.value(case(null(DataType::Int64))), Ok(Value::Null), "null matches no arm");
}

#[test]
fn integers_wrap_or_fail() {
    let sum = binary(BinaryOp::Plus, int(i64::MAX), int(1));
    let product = binary(BinaryOp::Multiply, int(i64::MAX), int(i64::MAX));
    let quotient = binary(BinaryOp::Divide, int(i64::MIN), int(-1));
    let negated = Scalar::new(ScalarOp::Negate, [int(i64::MIN)]);
    let mut query = Query::new();
    assert_eq!(query.value(sum.clone()), Ok(Value::from(i64::MIN)));
    assert_eq!(query.value(product.clone()), Ok(Value::from(i64::MAX.wrapping_mul(i64::MAX))));
    assert_eq!(query.value(negated.clone()), Ok(Value::from(i64::MIN)));
    assert!(matches!(query.value(quotient), Err(EvalError::Overflow { .. })), "as Arrow's kernel");
    query.semantics.overflow = Overflow::Error;
    for tree in [sum, product, negated] {
        assert!(matches!(query.value(tree), Err(EvalError::Overflow { .. })));
    }
}

#[test]
fn unsigned_products_wrap_at_their_own_width() {
    let mut query = Query::new();
    let literal = |value: u64| Scalar::literal(Literal::new(Arc::new(arrow_array::UInt64Array::from(vec![value]))));
    let product = query.value(binary(BinaryOp::Multiply, literal(u64::MAX), literal(u64::MAX))).unwrap();
    assert_eq!(product, Value::Int(DataType::UInt64, 1));
}

#[test]
fn decimals_compute_as_arrow_does() {
    let decimal = |unscaled, precision, scale| Scalar::literal(Literal::decimal(unscaled, precision, scale).unwrap());
    let mut query = Query::new();
    let mut value = |op| query.value(binary(op, decimal(1_00, 5, 2), decimal(3_0, 4, 1))).unwrap();
    assert_eq!(value(BinaryOp::Plus), Value::decimal(4_00, 6, 2));
    assert_eq!(value(BinaryOp::Minus), Value::decimal(-2_00, 6, 2));
    assert_eq!(value(BinaryOp::Multiply), Value::decimal(3_000, 10, 3));
    // Scale 2 + 4, cut off: 0.333333.
    assert_eq!(value(BinaryOp::Divide), Value::decimal(333_333, 10, 6));
    assert_eq!(value(BinaryOp::Modulo), Value::decimal(1_00, 5, 2));
    assert_eq!(value(BinaryOp::Lt), Value::from(true));
    let equal = binary(BinaryOp::Eq, decimal(100, 5, 2), decimal(10, 4, 1));
    assert_eq!(query.value(equal), Ok(Value::from(true)), "1.00 = 1.0");
    let by_zero = binary(BinaryOp::Divide, decimal(1, 5, 2), decimal(0, 5, 2));
    assert!(matches!(query.value(by_zero), Err(EvalError::DivisionByZero { .. })));
}

#[test]
fn casts_fail_or_give_null() {
    let cast = |safe| {
        let op = ScalarOp::Cast { to: DataTypeKey(DataType::Int64), safe };
        Scalar::new(op, [Scalar::literal("twelve")])
    };
    assert!(matches!(Query::new().value(cast(false)), Err(EvalError::Cast { .. })));
    assert_eq!(Query::new().value(cast(true)), Ok(Value::Null));
}

#[test]
fn like_matches_whole_texts() {
    let cases = [
        ("promo box", "promo%", None, true),
        ("a promo", "promo%", None, false),
        ("abc", "a_c", None, true),
        ("ac", "a_c", None, false),
        ("", "%", None, true),
        ("a%c", "a\\%c", None, true),
        ("abc", "a\\%c", None, false),
        ("a%c", "a#%c", Some('#'), true),
        ("aXbXc", "%X%X%", None, true),
        ("é", "_", None, true),
    ];
    for (text, pattern, escape, expected) in cases {
        let op = ScalarOp::Like { negated: false, case_insensitive: false, escape };
        let value = Query::new().value(Scalar::new(op, [Scalar::literal(text), Scalar::literal(pattern)]));
        assert_eq!(value, Ok(Value::from(expected)), "{text} like {pattern}");
    }
    let op = ScalarOp::Like { negated: true, case_insensitive: true, escape: None };
    let value = Query::new().value(Scalar::new(op, [Scalar::literal("ABC"), Scalar::literal("a%")]));
    assert_eq!(value, Ok(Value::from(false)));
}

#[test]
fn functions_are_called_through_the_callers_hook_alone() {
    let function = Arc::new(FunctionInfo {
        name: "twice".into(),
        version: "1".into(),
        volatility: Volatility::Immutable,
        return_type: DataTypeKey(DataType::Int64),
        nullable: false,
        strict: true,
        fallible: true,
    });
    let twice = |of: Tree| Scalar::new(ScalarOp::Call(function.clone()), [of]);
    let mut query = Query::new();
    let error = query.value(twice(int(4))).unwrap_err();
    assert!(matches!(error, EvalError::Unsupported { .. }));
    assert!(!error.is_of_the_plan());

    query.tables = Tables::new().with_calls(|function, args| match args[0].to_string().parse::<i64>() {
        Ok(value) if value < 100 => Ok(Literal::from(2 * value)),
        _ => Err(format!("{} is for small numbers", function.name)),
    });
    assert_eq!(query.value(twice(int(4))), Ok(Value::from(8i64)));
    assert_eq!(query.value(twice(null(DataType::Int64))), Ok(Value::Null), "strict: not called");
    assert!(matches!(query.value(twice(int(100))), Err(EvalError::Call { .. })));
}

// ---- order, limit, union -------------------------------------------------------------------
