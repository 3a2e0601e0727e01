//! Known traps of SQL, with the answers that all three must give.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{Expr, JoinKind, Scalar, ScalarOp, avg, col, count, count_all, lit, max, sum};
use leafhold::term::interpret::{Row, Value};
use leafhold_datafusion::EngineFunctions;

use crate::answers::{Peer, interpreted};
use crate::check::{Outcome, check, shrunk};
use crate::plans::Case;
use crate::table::Table;

const FUNCTIONS: &EngineFunctions = &EngineFunctions;

fn table(name: &str, columns: &[(&str, DataType)], rows: Vec<Row>) -> Table {
    let fields: Vec<_> = columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
    Table { name: name.to_owned(), schema: Arc::new(Schema::new(fields)), rows }
}

fn ints(name: &str, columns: [&str; 2], rows: &[[Option<i64>; 2]]) -> Table {
    let columns = columns.map(|column| (column, DataType::Int64));
    table(name, &columns, rows.iter().map(|row| row.iter().map(|value| Value::from(*value)).collect()).collect())
}

fn leaf(table: &Table) -> Expr {
    Expr::leaf(table.values()).unwrap()
}

/// The rows that everybody gives, sorted.
fn rows(tables: &[&Table], expr: Expr) -> Vec<String> {
    let tables = tables.iter().map(|table| (table.name.clone(), (*table).clone())).collect();
    let case = Case { tables, expr };
    let peer = Peer::new();
    match check(&case, &peer) {
        Ok(outcome) => assert_eq!(outcome, Outcome::Agreed),
        Err(mismatch) => panic!("{}", shrunk(case, mismatch, &peer)),
    }
    let relation = interpreted(&case).unwrap();
    let row = |row: &Row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
    let mut rows: Vec<String> = relation.rows.iter().map(row).collect();
    rows.sort();
    rows
}

#[test]
fn not_in_with_a_null_on_either_side() {
    let t = ints("t", ["a", "b"], &[[Some(1), Some(10)], [Some(2), Some(20)], [None, Some(30)]]);
    let anti = |u: &Table| {
        let expr = leaf(&t).join(leaf(u), JoinKind::NullAwareAnti, vec![col("a").eq(col("x"))], FUNCTIONS).unwrap();
        rows(&[&t, u], expr)
    };
    assert_eq!(anti(&ints("u", ["x", "y"], &[[Some(1), None]])), ["2 20"]);
    assert_eq!(anti(&ints("u", ["x", "y"], &[[Some(1), None], [None, None]])), [""; 0]);
    assert_eq!(anti(&ints("u", ["x", "y"], &[])), ["1 10", "2 20", "null 30"]);
}

#[test]
fn count_over_the_null_row_of_an_outer_join() {
    let t = ints("t", ["a", "b"], &[[Some(1), None], [Some(2), None]]);
    let u = ints("u", ["x", "y"], &[[Some(1), None], [Some(1), Some(5)]]);
    let joined = leaf(&t).join(leaf(&u), JoinKind::Left, vec![col("a").eq(col("x"))], FUNCTIONS).unwrap();
    let calls = [
        ("rows", count_all()),
        ("matches", count(col("x"))),
        ("values", count(col("y"))),
        ("ones", count(lit(1i64))),
        ("total", sum(col("y"))),
    ];
    let calls = calls.map(|(name, call)| (name.into(), call));
    let expr = joined.aggregate([("a".into(), col("a"))], calls, FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t, &u], expr), ["1 2 2 1 2 5", "2 1 0 0 1 null"]);
}

#[test]
fn a_global_aggregate_over_nothing_is_a_row_and_a_grouped_one_is_not() {
    let t = ints("t", ["a", "b"], &[[Some(1), Some(2)]]);
    let aggregate = |input: Expr, group: Vec<(leafhold::expr::Name, Scalar)>| {
        let calls = [("n", count_all()), ("s", sum(col("b"))), ("m", max(col("b")))];
        input.aggregate(group, calls.map(|(name, call)| (name.into(), call)), FUNCTIONS).unwrap()
    };
    let nothing = || leaf(&t).filter(col("a").gt(lit(5i64)), FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t], aggregate(nothing(), vec![])), ["0 null null"]);
    assert_eq!(rows(&[&t], aggregate(nothing(), vec![("g".into(), col("a"))])), [""; 0]);
    // One row stays one row, whatever is asked of it afterwards, and no row becomes none.
    let having = aggregate(nothing(), vec![]).filter(col("n").eq(lit(0i64)), FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t], having), ["0 null null"]);
    let false_filter = leaf(&t).filter(lit(false), FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t], aggregate(false_filter, vec![])), ["0 null null"]);
}

#[test]
fn means_of_decimals_have_four_more_digits_and_are_cut_off() {
    let kind = DataType::Decimal128(10, 2);
    let decimals = |values: &[Option<i128>]| {
        let value = |value: &Option<i128>| value.map_or(Value::Null, |value| Value::decimal(value, 10, 2));
        table("t", &[("d", kind.clone())], values.iter().map(|item| vec![value(item)]).collect())
    };
    let mean = |t: &Table| {
        let calls = [("mean".into(), avg(col("d"))), ("total".into(), sum(col("d")))];
        rows(&[t], leaf(t).aggregate([], calls, FUNCTIONS).unwrap())
    };
    assert_eq!(mean(&decimals(&[Some(100), Some(100), Some(0), None])), ["0.666666 2.00"]);
    assert_eq!(mean(&decimals(&[Some(-100), Some(-100), Some(0)])), ["-0.666666 -2.00"]);
    assert_eq!(mean(&decimals(&[None])), ["null null"]);
}

#[test]
fn conditions_of_outer_joins_are_not_filters() {
    let t = ints("t", ["a", "b"], &[[Some(1), Some(0)], [Some(2), Some(1)], [None, Some(1)]]);
    let u = ints("u", ["x", "y"], &[[Some(1), Some(1)], [Some(2), Some(1)], [None, None]]);
    let on = || vec![col("a").eq(col("x")), col("b").eq(lit(1i64))];
    let joined = |kind| rows(&[&t, &u], leaf(&t).join(leaf(&u), kind, on(), FUNCTIONS).unwrap());
    assert_eq!(joined(JoinKind::Left), ["1 0 null null", "2 1 2 1", "null 1 null null"]);
    assert_eq!(
        joined(JoinKind::Full),
        ["1 0 null null", "2 1 2 1", "null 1 null null", "null null 1 1", "null null null null"]
    );
    let left = leaf(&t).join(leaf(&u), JoinKind::Left, vec![col("a").eq(col("x"))], FUNCTIONS).unwrap();
    let lonely = left.filter(col("x").is_null(), FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t, &u], lonely), ["null 1 null null"]);
}

#[test]
fn zeros_and_nans_group_and_join_as_equal() {
    let kind = DataType::Float64;
    let values = [0.0, -0.0, f64::NAN, f64::NAN, 1.0];
    let t = table("t", &[("f", kind.clone())], values.iter().map(|value| vec![(*value).into()]).collect());
    let u = table("u", &[("g", kind)], vec![vec![(-0.0).into()], vec![f64::NAN.into()], vec![Value::Null]]);
    let counted = leaf(&t).aggregate([("f".into(), col("f"))], [("n".into(), count_all())], FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t, &u], counted), ["0.0 2", "1.0 1", "NaN 2"]);
    let joined = leaf(&t).join(leaf(&u), JoinKind::Semi, vec![col("f").eq(col("g"))], FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t, &u], joined).len(), 4);
}

#[test]
fn a_negative_zero_is_in_a_list_with_zero() {
    let values = [Some(-0.0), Some(0.5), None].map(|value: Option<f64>| vec![Value::from(value)]);
    let t = table("t", &[("f", DataType::Float64)], values.to_vec());
    let list = || [lit(1.0), lit(0.0)];
    let within = leaf(&t).filter(col("f").in_list(list()), FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t], within), ["-0.0"]);
    let without = leaf(&t).filter(!col("f").in_list(list()), FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t], without), ["0.5"]);
}

#[test]
fn a_negative_zero_takes_the_arm_of_zero() {
    let values = [Some(-0.0), Some(0.5), None].map(|value: Option<f64>| vec![Value::from(value)]);
    let t = table("t", &[("f", DataType::Float64)], values.to_vec());
    let arms = [col("f"), lit(0.0), lit(1i64), lit(2i64)];
    let chosen = Scalar::new(ScalarOp::Case { operand: true, otherwise: true }, arms);
    let chosen = leaf(&t).project([("n".into(), chosen)], FUNCTIONS).unwrap();
    assert_eq!(rows(&[&t], chosen), ["1", "2", "2"]);
}
