//! What constructors refuse, in their own words.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{
    ApplyKind, Expr, ExprError, ExtensionTraits, Frame, FrameBound, FrameUnits, GroupingSets, MapPartitions, NullLists,
    Repartitioning, Window, WindowFrame, col, count, count_all, first_value, grouping, lag, lit, nth_value, ntile,
    rank, row_number, sum,
};

use super::tables::integers;

fn t() -> Frame {
    Frame::from_batches("t", integers(&["price", "qty"]), vec![]).unwrap()
}

fn u() -> Frame {
    Frame::from_batches("u", integers(&["x", "y"]), vec![]).unwrap()
}

fn texts(name: &str) -> Frame {
    let schema = Schema::new(vec![Field::new(name, DataType::Utf8, true)]);
    Frame::from_batches("s", Arc::new(schema), vec![]).unwrap()
}

fn refused(frame: Result<Frame, ExprError>, message: &str) {
    match frame {
        Ok(frame) => panic!("{} was built instead of: {message}", frame.expr().op().name()),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

#[test]
fn names() {
    refused(t().cross_join(&t()), "two columns of the name `price`; rename one of them");
    refused(t().mark_join(&u(), "qty", []), "two columns of the name `qty`; rename one of them");
    refused(t().with_scalar("qty", &u().select(["x"]).unwrap()), "two columns of the name `qty`; rename one of them");
    refused(
        t().window(Window::default(), [("qty", row_number())]),
        "two columns of the name `qty`; rename one of them",
    );
    refused(t().filter(col("t.price").gt(lit(1i64))), "no column `t.price`; did you mean `price`?");
    refused(t().rename([("prize", "p")]), "no column `prize`; did you mean `price`?");
    refused(t().unnest("prices", NullLists::Drop), "no column `prices`; did you mean `price`?");
    refused(t().repartition(Repartitioning::Hash(vec!["qyt".into()], 2)), "no column `qyt`; did you mean `qty`?");
    refused(
        t().window(Window::partition_by([col("prize")]), [("n", row_number())]),
        "no column `prize`; did you mean `price`?",
    );
    assert_eq!(t().outer("prize").unwrap_err().to_string(), "no column `prize`; did you mean `price`?");
    assert_eq!(
        t().call("uper", [col("price")]).unwrap_err().to_string(),
        "no function `uper` of Int64",
        "an engine without functions suggests none"
    );
}

#[test]
fn types_and_arity() {
    refused(t().filter(col("price").is_unknown()), "`is-unknown` does not take Int64; cast an operand");
    refused(t().filter(col("price").is_not_false()), "`is-not-false` does not take Int64; cast an operand");
    refused(texts("s").filter(col("s").negate().is_null()), "`negate` does not take Utf8; cast an operand");
    refused(t().project([("c", col("price").concat(lit("x")))]), "`||` does not take Int64 and Utf8; cast an operand");
    refused(t().unnest("price", NullLists::Drop), "column `price` is Int64, not a list; unnest needs a list");
    refused(t().mark_join(&u(), "m", [col("x")]), "a join condition must be Boolean, not Int64");
    refused(t().apply(&u(), ApplyKind::Semi, [col("x")]), "an apply's condition must be Boolean, not Int64");
    refused(t().with_scalar("v", &u()), "the right side gives 2 columns where one value is needed; select one");
    refused(t().with_in("v", col("qty"), &u()), "the right side gives 2 columns where one value is needed; select one");
    let mut two = rank();
    two.args.push(col("qty"));
    refused(t().window(Window::default(), [("n", two)]), "`rank` takes no operands, not 1");
    let mut wrong = lag(col("qty"), 1);
    wrong.args.push(lit("none"));
    refused(t().window(Window::default(), [("n", wrong)]), "`lag` does not take Int64 and Utf8; cast an operand");
    let sum_of_text = sum(col("s")).over(WindowFrame::ALL).unwrap();
    refused(texts("s").window(Window::default(), [("n", sum_of_text)]), "`sum` does not take Utf8; cast an operand");
    let outer = t().outer("price").unwrap();
    let right = u().filter(col("x").eq(outer)).unwrap();
    refused(
        texts("price").apply(&right, ApplyKind::Semi, []),
        "the outer reference `price` is Int64, but that column of the left side is Utf8",
    );
}

#[test]
fn unions() {
    refused(
        t().union(&texts("s")),
        "union: input 1 has Utf8, the first input has Int64, Int64; project both to one schema",
    );
    let one = t().select(["price"]).unwrap();
    refused(
        one.clone().union(&texts("s")),
        "union: column `price` is Int64 and Utf8 and no type holds both; cast one of them",
    );
    refused(
        one.clone().union_by_name(&texts("prize")),
        "union by name: input 1 has no column `price`; did you mean `prize`?",
    );
    refused(one.union_by_name(&t()), "union by name: input 0 has no column `qty`");
    assert_eq!(Expr::union(vec![]).unwrap_err().to_string(), "union needs at least one input");
}

#[test]
fn frames_that_make_no_sense() {
    use FrameBound::*;
    let by_price = || Window::default().order_by([col("price").asc()]);
    let with = |window, units, start, end| {
        t().window(window, [("w", sum(col("qty")).over(WindowFrame { units, start, end }).unwrap())])
    };
    refused(
        with(by_price(), FrameUnits::Rows, Following(2), Following(1)),
        "frame (rows 2-following 1-following): it ends before it starts; swap the bounds",
    );
    refused(
        with(by_price(), FrameUnits::Rows, CurrentRow, Preceding(1)),
        "frame (rows current-row 1-preceding): it ends before it starts; swap the bounds",
    );
    refused(
        with(by_price(), FrameUnits::Rows, UnboundedFollowing, UnboundedFollowing),
        "frame (rows unbounded-following unbounded-following): no frame starts at the partition's end",
    );
    refused(
        with(by_price(), FrameUnits::Rows, UnboundedPreceding, UnboundedPreceding),
        "frame (rows unbounded-preceding unbounded-preceding): no frame ends at the partition's start",
    );
    refused(
        with(by_price(), FrameUnits::Range, Preceding(1), CurrentRow),
        "frame (range 1-preceding current-row): a range by distance of values is not supported; count rows or groups",
    );
    refused(
        with(Window::default(), FrameUnits::Groups, Preceding(1), CurrentRow),
        "frame (groups 1-preceding current-row): without an order all rows are one group; order the window or count rows",
    );
    refused(
        t().window(by_price(), [("w", row_number().over(WindowFrame::ALL))]),
        "frame (rows unbounded-preceding unbounded-following): ranks, buckets, `lag` and `lead` see the whole \
         partition; leave the frame out",
    );
    let mut shifted = lag(col("qty"), 1);
    shifted.args.push(col("qty"));
    refused(
        t().window(by_price(), [("w", shifted)]),
        "frame (range unbounded-preceding current-row): the default of `lag` and `lead` is a constant",
    );
    refused(
        t().window(by_price(), [("w", ntile(0))]),
        "frame (range unbounded-preceding current-row): `ntile` needs a bucket to put rows in; give it 1 or more",
    );
    refused(
        t().window(by_price(), [("w", nth_value(col("qty"), 0))]),
        "frame (range unbounded-preceding current-row): rows of a frame count from 1",
    );
    refused(
        t().window(by_price(), [("w", first_value(col("qty")).filter(lit(true)))]),
        "frame (range unbounded-preceding current-row): only aggregates have a filter",
    );
    let error = count(col("qty")).distinct().over(WindowFrame::ALL).unwrap_err().to_string();
    assert!(
        error.ends_with("no window computes an aggregate of distinct values; aggregate and join instead"),
        "{error}"
    );
    refused(t().window(by_price(), []), "window needs at least one call");
}

#[test]
fn grouping_sets() {
    let of = |sets, call| t().aggregate_sets([("p", col("price"))], sets, [("n", call)]);
    refused(of(GroupingSets::new([]), count_all()), "aggregate needs at least one grouping set");
    refused(
        of(GroupingSets::new([vec![0], vec![1]]), count_all()),
        "grouping set 1 names key 1, which it names twice or which is not among the 1 keys",
    );
    refused(
        of(GroupingSets::new([vec![0, 0]]), count_all()),
        "grouping set 0 names key 0, which it names twice or which is not among the 1 keys",
    );
    let not_a_key = "`(grouping qty)` asks for what is no key of grouping sets; give it keys as they are written there";
    refused(of(GroupingSets::rollup(1), grouping([col("qty")])), not_a_key);
    refused(t().group_by(["qty"]).aggregate([("g", grouping([col("qty")]))]), not_a_key);
    refused(of(GroupingSets::rollup(1), grouping([])), "`grouping` takes 1 to 31 operands, not 0");
    let names: Vec<String> = (0..13).map(|at| format!("c{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let wide = Frame::from_batches("w", integers(&names), vec![]).unwrap();
    refused(wide.cube(names, [("n", count_all())]), "cube needs at most 12 columns; name the sets instead");
}

#[test]
fn partitions_and_traits() {
    refused(t().repartition(Repartitioning::RoundRobin(0)), "repartition needs at least one partition");
    refused(
        t().repartition(Repartitioning::Hash(vec![], 2)),
        "repartition needs at least one column to hash; or use `RoundRobin`",
    );
    let with = |traits, schema| {
        let function = MapPartitions::new("f", "1", schema, |batches| Ok(batches.to_vec())).with_traits(traits);
        t().map_partitions(function)
    };
    let preserving = ExtensionTraits { column_preserving: true, ..ExtensionTraits::BARRIER };
    refused(
        with(preserving, integers(&["price"])),
        "extension `f`: columns are preserved row by row; declare `row_wise`, too",
    );
    let preserving = ExtensionTraits { column_preserving: true, ..ExtensionTraits::ROW_WISE };
    refused(
        with(preserving, texts("price").schema().clone()),
        "extension `f`: a preserved column has another type than in the input",
    );
    let two = MapPartitions::new("f", "1", integers(&["a"]), |batches| Ok(batches.to_vec()));
    let two = two.with_traits(ExtensionTraits::ROW_WISE);
    let error = Expr::extension(Arc::new(two), vec![t().expr().clone(), u().expr().clone()]).unwrap_err();
    assert_eq!(error.to_string(), "extension `f`: what works partition by partition has exactly one input");
    let twice = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true); 2]));
    refused(with(ExtensionTraits::BARRIER, twice), "two columns of the name `a`; rename one of them");
}

#[test]
fn applies_are_not_nested_without_end() {
    let mut frame = u();
    let mut built = 0;
    let error = loop {
        match t().exists(&frame) {
            Ok(next) => {
                frame = next;
                built += 1;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(built, 32);
    assert_eq!(error.to_string(), "apply needs fewer applies within each other; join some of them instead");
}
