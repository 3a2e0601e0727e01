//! Aggregates over nulls, nothing, decimals and floats.

use arrow_schema::DataType;
use leafhold::expr::{AggregateCall, AggregateFunction, BinaryOp, FloatEquality, Scalar};
use leafhold::term::interpret::Value;
use leafhold::term::{RelNode, RelOp};

use crate::query::*;

#[test]
fn a_global_aggregate_over_nothing_yields_a_row_and_a_grouped_one_does_not() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], []);
    use AggregateFunction::*;
    let calls = || [Count, Sum, Min, Max, Avg].map(|function| call(function, a)).to_vec();
    let global = query.aggregate(t, vec![], calls());
    let grouped = query.aggregate(t, vec![a], calls());
    assert_eq!(query.rows(global), ["0 null null null null"]);
    assert_eq!(query.rows(grouped), [""; 0]);
}

#[test]
fn aggregates_ignore_nulls_and_heed_distinct_and_filter() {
    let mut query = Query::new();
    let (t, [a, b]) =
        query.ints(["a", "b"], [[Some(3), Some(1)], [Some(3), Some(1)], [Some(4), None], [None, Some(1)]]);
    use AggregateFunction::*;
    let where_b = binary(BinaryOp::Eq, Scalar::column(b), int(1));
    let calls = vec![
        call(Sum, a),
        call(Sum, a).distinct(),
        call(Avg, a),
        call(Count, a).distinct(),
        call(Sum, a).filter(where_b),
        call(Min, a),
        call(Max, a),
    ];
    let result = query.aggregate(t, vec![], calls);
    assert_eq!(query.rows(result), ["10 7 3.3333333333333335 2 6 3 4"]);
}

#[test]
fn nulls_are_one_group() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[None], [Some(1)], [None]]);
    let groups = query.aggregate(t, vec![a], vec![AggregateCall::new(AggregateFunction::Count, [])]);
    assert_eq!(query.bag(groups), ["1 1", "null 2"]);
    let distinct = query.terms.add(RelNode::new(RelOp::Distinct, [t]));
    assert_eq!(query.bag(distinct), ["1", "null"]);
}

#[test]
fn sums_and_means_of_decimals_have_their_own_types() {
    let mut query = Query::new();
    let price = |cents| Value::decimal(cents, 12, 2);
    let (t, x) = query.column(DataType::Decimal128(12, 2), vec![price(100), price(100), price(201)]);
    let calls = vec![call(AggregateFunction::Sum, x), call(AggregateFunction::Avg, x)];
    let result = query.aggregate(t, vec![], calls);
    let row = query.run(result).unwrap().rows.remove(0);
    // The mean, 1.336666.., is cut off, not rounded.
    assert_eq!(row, [Value::decimal(401, 22, 2), Value::decimal(1_336_666, 16, 6)]);
}

#[test]
fn the_mean_of_integers_is_a_float_and_their_sum_is_wide() {
    let mut query = Query::new();
    let (t, x) = query.column(DataType::Int32, vec![i32::MAX, i32::MAX]);
    let calls = vec![call(AggregateFunction::Sum, x), call(AggregateFunction::Avg, x)];
    let result = query.aggregate(t, vec![], calls);
    let row = query.run(result).unwrap().rows.remove(0);
    assert_eq!(row, [Value::from(2 * i64::from(i32::MAX)), Value::from(f64::from(i32::MAX))]);
}

// ---- floats --------------------------------------------------------------------------------

#[test]
fn zeros_and_nans_group() {
    let quiet = f64::from_bits(0x7ff8_0000_0000_0001);
    for (float_equality, groups) in [(FloatEquality::TotalOrder, 3), (FloatEquality::Ieee, 2)] {
        let mut query = Query::new();
        query.semantics.float_equality = float_equality;
        let (t, x) = query.column(DataType::Float64, vec![0.0, -0.0, f64::NAN, f64::NAN, quiet]);
        let count = query.aggregate(t, vec![x], vec![AggregateCall::new(AggregateFunction::Count, [])]);
        let rows = query.run(count).unwrap().rows;
        assert_eq!(rows.len(), groups, "{float_equality:?}");
        assert_eq!(rows[0], [Value::from(0.0), Value::from(2i64)]);
    }
}
