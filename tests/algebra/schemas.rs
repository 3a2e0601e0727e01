//! What constructors infer: tables of operators and the columns that they give.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{
    ApplyKind, CoreFunctions, ExprError, Frame, FrameBound, GroupingSets, NullLists, Repartitioning, Scalar, ScalarOp,
    Window, WindowCall, WindowFrame, col, count, count_all, cume_dist, dense_rank, first_value, grouping, infer, lag,
    last_value, lead, lit, nth_value, ntile, percent_rank, rank, row_number, sum,
};

use super::tables::integers;

/// `a` Int64 not null, `b` Int64, `s` Utf8, `f` Float64, `t` Boolean not null, `u` Boolean.
fn everything() -> Frame {
    let schema = Schema::new(vec![
        Field::new("a", DataType::Int64, false),
        Field::new("b", DataType::Int64, true),
        Field::new("s", DataType::Utf8, true),
        Field::new("f", DataType::Float64, true),
        Field::new("t", DataType::Boolean, false),
        Field::new("u", DataType::Boolean, true),
    ]);
    Frame::from_batches("e", Arc::new(schema), vec![]).unwrap()
}

fn columns(frame: Result<Frame, ExprError>) -> String {
    let frame = frame.unwrap_or_else(|error| panic!("{error}"));
    let column = |field: &Arc<Field>| {
        format!("{} {}{}", field.name(), field.data_type(), if field.is_nullable() { "?" } else { "" })
    };
    frame.schema().fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

#[test]
fn scalars_have_their_types() {
    let table = [
        (col("u").is_true(), DataType::Boolean, false),
        (col("u").is_not_true(), DataType::Boolean, false),
        (col("u").is_false(), DataType::Boolean, false),
        (col("u").is_not_false(), DataType::Boolean, false),
        (col("u").is_unknown(), DataType::Boolean, false),
        (col("u").is_not_unknown(), DataType::Boolean, false),
        (!col("u"), DataType::Boolean, true),
        (col("b").is_distinct_from(lit(1i64)), DataType::Boolean, false),
        (col("b").is_not_distinct_from(col("a")), DataType::Boolean, false),
        (col("s").concat(lit("x")), DataType::Utf8, true),
        (col("a").negate(), DataType::Int64, false),
        (col("a").try_cast(DataType::Int32), DataType::Int32, true),
        (col("a").cast(DataType::Float64), DataType::Float64, false),
        (col("b").not_in_list([lit(1i64)]), DataType::Boolean, true),
        (col("a").not_between(lit(1i64), lit(2i64)), DataType::Boolean, false),
        (col("s").like(lit("x%")), DataType::Boolean, true),
        (col("s").not_like(lit("x%")), DataType::Boolean, true),
        (col("s").ilike(lit("x%")), DataType::Boolean, true),
        (col("s").not_ilike(lit("x%")), DataType::Boolean, true),
        (leafhold::expr::case_of(col("a"), [(lit(1i64), col("b"))], lit(0i64)), DataType::Int64, true),
    ];
    for (scalar, data_type, nullable) in table {
        let found = infer(&scalar, everything().schema(), &CoreFunctions).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((&found.data_type, found.nullable), (&data_type, nullable), "{scalar}");
    }
}

#[test]
fn patterns_say_whether_they_negate_and_know_case() {
    let (text, pattern) = (|| col("s"), || lit("x%"));
    let likes = [
        (text().like(pattern()), "(like s 'x%')"),
        (text().not_like(pattern()), "(not-like s 'x%')"),
        (text().ilike(pattern()), "(ilike s 'x%')"),
        (text().not_ilike(pattern()), "(not-ilike s 'x%')"),
    ];
    for (scalar, shown) in likes {
        assert_eq!(scalar.to_string(), shown);
    }
}

#[test]
fn window_calls_have_their_types() {
    let table: Vec<(WindowCall, &str)> = vec![
        (row_number(), "UInt64"),
        (rank(), "UInt64"),
        (dense_rank(), "UInt64"),
        (percent_rank(), "Float64"),
        (cume_dist(), "Float64"),
        (ntile(3), "UInt64"),
        (lag(col("a"), 1), "Int64?"),
        (lead(col("s"), 2), "Utf8?"),
        (first_value(col("a")), "Int64?"),
        (last_value(col("f")), "Float64?"),
        (nth_value(col("a"), 2), "Int64?"),
        (count_all().over(WindowFrame::ALL).unwrap(), "Int64"),
        (sum(col("f")).over(WindowFrame::ALL).unwrap(), "Float64?"),
    ];
    for (call, kind) in table {
        let text = call.to_string();
        let frame = everything().window(Window::partition_by([col("b")]).order_by([col("a").asc()]), [("w", call)]);
        let shown = columns(frame);
        assert_eq!(shown.rsplit(", ").next().unwrap(), format!("w {kind}"), "{text}");
    }
    let mut with_default = lag(col("a"), 1);
    with_default.args.push(lit(0i64));
    let frame = everything().window(Window::default().order_by([col("a").asc()]), [("w", with_default)]);
    assert!(columns(frame).ends_with("w Int64"), "a default leaves no null");
}

#[test]
fn operators_give_their_columns() {
    let t = || Frame::from_batches("t", integers(&["a", "b"]), vec![]).unwrap();
    let u = || Frame::from_batches("u", integers(&["x"]), vec![]).unwrap();
    let sets = || GroupingSets::new([vec![0, 1], vec![0]]);
    let group = || [("a", col("a")), ("k", col("b"))];
    let table: Vec<(&str, Result<Frame, ExprError>, &str)> = vec![
        ("cross", t().cross_join(&u()), "a Int64?, b Int64?, x Int64?"),
        ("mark", t().mark_join(&u(), "m", [col("a").eq(col("x"))]), "a Int64?, b Int64?, m Boolean?"),
        ("sure mark", t().mark_join(&u(), "m", [col("x").is_null()]), "a Int64?, b Int64?, m Boolean"),
        ("rename", t().rename([("a", "c")]), "c Int64?, b Int64?"),
        ("repartition", t().repartition(Repartitioning::RoundRobin(3)), "a Int64?, b Int64?"),
        (
            "sets",
            everything().aggregate_sets([("a", col("a"))], GroupingSets::rollup(1), [("n", count_all())]),
            "a Int64?, n Int64",
        ),
        (
            "all sets have it",
            everything().aggregate_sets([("a", col("a"))], GroupingSets::new([vec![0], vec![0]]), [("n", count_all())]),
            "a Int64, n Int64",
        ),
        (
            "grouping",
            t().aggregate_sets(group(), sets(), [("g", grouping([col("a"), col("b")])), ("n", count(col("b")))]),
            "a Int64?, k Int64?, g Int32, n Int64",
        ),
        ("semi", t().apply(&u(), ApplyKind::Semi, []), "a Int64?, b Int64?"),
        ("inner", t().apply(&u(), ApplyKind::Inner, []), "a Int64?, b Int64?, x Int64?"),
        ("left", everything().select(["a"]).unwrap().apply(&u(), ApplyKind::Left, []), "a Int64, x Int64?"),
        ("scalar", t().with_scalar("v", &u()), "a Int64?, b Int64?, v Int64?"),
        ("in", t().with_in("v", col("a"), &u()), "a Int64?, b Int64?, v Boolean?"),
    ];
    for (what, frame, expected) in table {
        assert_eq!(columns(frame), expected, "{what}");
    }
}

#[test]
fn unnest_gives_the_elements() {
    let of = |nullable: bool, item: bool| {
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int32, item)));
        let schema = Schema::new(vec![Field::new("l", list, nullable), Field::new("k", DataType::Int64, false)]);
        Frame::from_batches("t", Arc::new(schema), vec![]).unwrap()
    };
    assert_eq!(columns(of(true, false).unnest("l", NullLists::Preserve)), "l Int32?, k Int64");
    assert_eq!(columns(of(true, false).unnest("l", NullLists::Drop)), "l Int32, k Int64");
    assert_eq!(columns(of(false, true).unnest("l", NullLists::Drop)), "l Int32?, k Int64");
}

#[test]
fn unions_find_a_common_type() {
    let of = |kind: DataType| {
        Frame::from_batches("t", Arc::new(Schema::new(vec![Field::new("a", kind, false)])), vec![]).unwrap()
    };
    use DataType::*;
    let table = [
        (Int32, Int64, Int64),
        (Int64, Float64, Float64),
        (UInt32, Int32, Int64),
        (Utf8, LargeUtf8, Utf8),
        (Decimal128(10, 2), Decimal128(8, 4), Decimal128(12, 4)),
        (Null, Utf8, Utf8),
    ];
    for (left, right, common) in table {
        let both = of(left.clone()).union(&of(right.clone())).unwrap();
        assert_eq!(both.schema().field(0).data_type(), &common, "{left} and {right}");
    }
}

#[test]
fn a_frame_is_a_part_of_the_token_and_so_is_every_trait_of_an_operator() {
    let t = || Frame::from_batches("t", integers(&["a", "b"]), vec![]).unwrap();
    let window = || Window::default().order_by([col("a").asc()]);
    let rows = |start, end| sum(col("b")).over(WindowFrame::rows(start, end)).unwrap();
    let one = WindowFrame { units: leafhold::expr::FrameUnits::Groups, ..WindowFrame::UP_TO_PEERS };
    let outer: Scalar = t().outer("a").unwrap();
    assert!(matches!(outer.op, ScalarOp::Outer(_)));
    let frames = [
        t().window(window(), [("w", rows(FrameBound::Preceding(1), FrameBound::CurrentRow))]),
        t().window(window(), [("w", rows(FrameBound::Preceding(2), FrameBound::CurrentRow))]),
        t().window(window(), [("w", rows(FrameBound::Preceding(1), FrameBound::Following(1)))]),
        t().window(window(), [("w", sum(col("b")).over(WindowFrame::UP_TO_PEERS).unwrap())]),
        t().window(window(), [("w", sum(col("b")).over(one).unwrap())]),
        t().window(window(), [("w", lag(col("b"), 1))]),
        t().window(window(), [("w", lag(col("b"), 2))]),
        t().window(window(), [("w", lead(col("b"), 2))]),
        t().repartition(Repartitioning::RoundRobin(2)),
        t().repartition(Repartitioning::RoundRobin(3)),
        t().repartition(Repartitioning::Hash(vec!["a".into()], 3)),
        t().rollup(["a"], [("n", count_all())]),
        t().cube(["a", "b"], [("n", count_all())]),
        t().rollup(["a", "b"], [("n", count_all())]),
        t().group_by(["a", "b"]).aggregate([("n", count_all())]),
        t().apply(&t().rename([("a", "x"), ("b", "y")]).unwrap(), ApplyKind::Inner, []),
        t().apply(&t().rename([("a", "x"), ("b", "y")]).unwrap(), ApplyKind::Left, []),
        t().filter(col("a").eq(outer)),
        t().filter(col("a").eq(col("a"))),
    ];
    let tokens: std::collections::HashSet<_> = frames.iter().map(|frame| frame.as_ref().unwrap().token()).collect();
    assert_eq!(tokens.len(), frames.len(), "all of these differ");
}
