//! What the operators mean, by the reference interpreter: hand-made cases, and random tables against oracles
//! that know nothing of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::explain::expr_text;
use leafhold::expr::{
    AggregateCall, ApplyKind, CoreFunctions, ExprError, ExtensionTraits, Frame, FrameBound, FrameUnits, GroupingSets,
    MapPartitions, NullLists, Op, Repartitioning, Scalar, Window, WindowFrame, col, count, count_all, cume_dist,
    dense_rank, first_value, grouping, lag, last_value, lead, lit, max, nth_value, ntile, percent_rank, rank,
    row_number, sum,
};
use leafhold::optimize::{PlanError, Planner, resolve};
use leafhold::rules::RuleSet;
use leafhold::term::Terms;
use leafhold::term::interpret::{Semantics, Value, interpret};
use leafhold::term::text::{self, parse};
use proptest::prelude::*;

use super::tables::{bag, evaluate, integers, lists, rows, table};

type Cell = Option<i64>;

fn some(rows: &[[i64; 2]]) -> Vec<[Cell; 2]> {
    rows.iter().map(|row| row.map(Some)).collect()
}

// ---- scalars -------------------------------------------------------------------------------

#[test]
fn truth_values_have_six_questions() {
    let t = table("t", ["a"], &[[Some(1)], [Some(0)], [None]]);
    let truth = || col("a").eq(lit(1i64));
    let asked = t.project([
        ("t", truth().is_true()),
        ("nt", truth().is_not_true()),
        ("f", truth().is_false()),
        ("nf", truth().is_not_false()),
        ("u", truth().is_unknown()),
        ("nu", truth().is_not_unknown()),
    ]);
    let expected = [
        "true false false true false true", // true
        "false true true false false true", // false
        "false true false true true false", // unknown
    ];
    assert_eq!(rows(&asked.unwrap()), expected);
}

// ---- joins and unions ----------------------------------------------------------------------

#[test]
fn a_cross_join_is_every_pair() {
    let t = table("t", ["a"], &[[Some(1)], [None]]);
    let u = table("u", ["x"], &[[Some(3)], [Some(3)]]);
    assert_eq!(bag(&t.cross_join(&u).unwrap()), ["1 3", "1 3", "null 3", "null 3"]);
}

#[test]
fn a_mark_has_three_values() {
    let t = table("t", ["a"], &[[Some(1)], [Some(2)], [None]]);
    let mark = |right: &[[Cell; 1]]| {
        let u = table("u", ["x"], right);
        rows(&t.clone().mark_join(&u, "m", [col("a").eq(col("x"))]).unwrap())
    };
    assert_eq!(mark(&[]), ["1 false", "2 false", "null false"], "nothing is in an empty set");
    assert_eq!(mark(&[[Some(1)]]), ["1 true", "2 false", "null null"]);
    assert_eq!(mark(&[[Some(1)], [None]]), ["1 true", "2 null", "null null"], "a null leaves nobody sure");
}

#[test]
fn unions_by_name_rearrange_and_convert() {
    let t = table("t", ["a", "b"], &some(&[[1, 2]]));
    let u = table("u", ["b", "a"], &some(&[[3, 4]]));
    assert_eq!(rows(&t.clone().union_by_name(&u).unwrap()), ["1 2", "4 3"]);
    let halves = u.project([("b", col("b").cast(arrow_schema::DataType::Float64)), ("a", col("a"))]).unwrap();
    assert_eq!(rows(&t.union_by_name(&halves).unwrap()), ["1 2.0", "4 3.0"]);
}

#[test]
fn a_repartition_changes_no_row() {
    let t = table("t", ["a", "b"], &some(&[[1, 2], [3, 4]]));
    let hashed = t.clone().repartition(Repartitioning::Hash(vec!["a".into()], 3)).unwrap();
    assert_eq!(rows(&hashed), rows(&t));
}

// ---- unnest --------------------------------------------------------------------------------

#[test]
fn unnest_follows_the_engine_on_nulls_and_empty_lists() {
    let t = || lists("t", &[(1, Some(vec![Some(7), None])), (2, Some(vec![])), (3, None), (4, Some(vec![Some(8)]))]);
    assert_eq!(rows(&t().unnest("l", NullLists::Preserve).unwrap()), ["1 7", "1 null", "3 null", "4 8"]);
    assert_eq!(rows(&t().unnest("l", NullLists::Drop).unwrap()), ["1 7", "1 null", "4 8"]);
    // The list under another name stays a list.
    let both = t().project([("k", col("k")), ("l", col("l")), ("m", col("l"))]).unwrap();
    let both = both.unnest("l", NullLists::Drop).unwrap().unnest("m", NullLists::Drop).unwrap();
    assert_eq!(rows(&both).len(), 4 + 1, "two elements each with two, one with one");
}

// ---- windows -------------------------------------------------------------------------------

#[test]
fn ranks_and_neighbours() {
    let t = table("t", ["a", "b"], &[[Some(1), Some(5)], [Some(1), Some(5)], [Some(1), Some(7)], [None, Some(1)]]);
    let window = || Window::partition_by([col("a")]).order_by([col("b").asc()]);
    let mut defaulted = lag(col("b"), 1);
    defaulted.args.push(lit(-1i64));
    let calls = [
        ("n", row_number()),
        ("r", rank()),
        ("d", dense_rank()),
        ("before", defaulted),
        ("after", lead(col("b"), 1)),
        ("far", lead(col("b"), 2)),
    ];
    let expected = ["1 5 1 1 1 -1 5 7", "1 5 2 1 1 5 7 null", "1 7 3 3 2 5 null null", "null 1 1 1 1 -1 null null"];
    assert_eq!(rows(&t.window(window(), calls).unwrap()), expected);
}

#[test]
fn fractions_and_buckets() {
    let t = table("t", ["a", "b"], &some(&[[1, 5], [1, 5], [1, 7], [1, 9], [1, 9], [2, 1]]));
    let window = || Window::partition_by([col("a")]).order_by([col("b").asc()]);
    let calls = [("p", percent_rank()), ("c", cume_dist())];
    let fractions = t.clone().window(window(), calls).unwrap();
    // Of five rows the others are four; a row that is alone is the first and the last.
    let expected = ["1 5 0.0 0.4", "1 5 0.0 0.4", "1 7 0.5 0.6", "1 9 0.75 1.0", "1 9 0.75 1.0", "2 1 0.0 1.0"];
    assert_eq!(rows(&fractions), expected);
    let calls = [("two", ntile(2)), ("three", ntile(3)), ("many", ntile(u64::MAX))];
    let buckets = t.window(window(), calls).unwrap();
    let expected = ["1 5 1 1 1", "1 5 1 1 2", "1 7 1 2 3", "1 9 2 2 4", "1 9 2 3 5", "2 1 1 1 1"];
    assert_eq!(rows(&buckets), expected);
}

#[test]
fn frames_of_rows_peers_and_groups() {
    use FrameBound::*;
    let t = table("t", ["a", "b"], &some(&[[1, 10], [1, 20], [2, 30], [3, 40]]));
    let of = |units, start, end| {
        let frame = WindowFrame { units, start, end };
        let calls = [
            ("s", sum(col("b")).over(frame).unwrap()),
            ("f", first_value(col("b")).over(frame)),
            ("l", last_value(col("b")).over(frame)),
            ("n", nth_value(col("b"), 2).over(frame)),
            ("c", count_all().over(frame).unwrap()),
        ];
        let frame = t.clone().window(Window::default().order_by([col("a").asc()]), calls).unwrap();
        let frame = frame.select(["s", "f", "l", "n", "c"]).unwrap();
        rows(&frame)
    };
    let rows_between = of(FrameUnits::Rows, Preceding(1), CurrentRow);
    assert_eq!(rows_between, ["10 10 10 null 1", "30 10 20 20 2", "50 20 30 30 2", "70 30 40 40 2"]);
    let up_to_peers = of(FrameUnits::Range, UnboundedPreceding, CurrentRow);
    assert_eq!(up_to_peers, ["30 10 20 20 2", "30 10 20 20 2", "60 10 30 20 3", "100 10 40 20 4"]);
    let groups = of(FrameUnits::Groups, Preceding(1), Following(1));
    assert_eq!(groups, ["60 10 30 20 3", "60 10 30 20 3", "100 10 40 20 4", "70 30 40 40 2"]);
    let beyond = of(FrameUnits::Rows, Following(2), Following(3));
    assert_eq!(beyond, ["70 30 40 40 2", "40 40 40 null 1", "null null null null 0", "null null null null 0"]);
    let before = of(FrameUnits::Groups, UnboundedPreceding, Preceding(1));
    assert_eq!(before, ["null null null null 0", "null null null null 0", "30 10 20 20 2", "60 10 30 20 3"]);
    let rest = of(FrameUnits::Range, CurrentRow, UnboundedFollowing);
    assert_eq!(rest, ["100 10 40 20 4", "100 10 40 20 4", "70 30 40 40 2", "40 40 40 null 1"]);
}

#[test]
fn a_window_call_with_a_filter_sees_fewer_rows() {
    let t = table("t", ["a", "b"], &some(&[[1, 10], [2, 20], [3, 30]]));
    let odd = sum(col("b")).filter(col("a").not_eq(lit(2i64))).over(WindowFrame::ALL).unwrap();
    assert_eq!(rows(&t.window(Window::default(), [("s", odd)]).unwrap().select(["s"]).unwrap()), ["40"; 3]);
}

// ---- functions on partitions ---------------------------------------------------------------

fn doubling(traits: ExtensionTraits) -> MapPartitions {
    let schema = integers(&["a", "d"]);
    let made = schema.clone();
    let double = MapPartitions::new("double", "1", schema, move |batches| {
        let double = |batch: &RecordBatch| {
            let a = batch.column_by_name("a").ok_or("no a")?.as_primitive::<Int64Type>();
            let doubled: Int64Array = a.unary(|a| 2 * a);
            RecordBatch::try_new(made.clone(), vec![Arc::new(a.clone()), Arc::new(doubled)]).map_err(|e| e.to_string())
        };
        batches.iter().map(double).collect()
    });
    double.with_traits(traits)
}

#[test]
fn a_function_on_partitions_sees_its_columns_by_name() {
    let t = table("t", ["b", "a"], &[[Some(1), Some(2)], [Some(3), None]]);
    assert_eq!(rows(&t.map_partitions(doubling(ExtensionTraits::ROW_WISE)).unwrap()), ["2 4", "null null"]);
}

#[test]
fn a_function_that_breaks_its_promise_is_an_error() {
    let t = || table("t", ["a"], &[[Some(1)]]);
    let message =
        |function: MapPartitions| evaluate(t().map_partitions(function).unwrap().expr()).unwrap_err().to_string();
    let nothing = MapPartitions::new("nothing", "1", integers(&["a"]), |_| Ok(vec![]));
    assert_eq!(
        message(nothing.with_traits(ExtensionTraits::ROW_WISE)),
        "function `nothing` failed: `nothing` is declared row-wise, but gave 0 rows for 1"
    );
    let other = MapPartitions::new("other", "1", integers(&["z"]), |batches| Ok(batches.to_vec()));
    assert_eq!(message(other), "function `other` failed: `other` gave [a Int64] instead of [z Int64]");
}

#[test]
fn a_function_is_its_name_its_version_and_its_payload() {
    let t = || table("t", ["a"], &[[Some(1)]]);
    let function = |name: &str, version: &str| MapPartitions::new(name, version, integers(&["a"]), |b| Ok(b.to_vec()));
    let token = |function: MapPartitions| t().map_partitions(function).unwrap().token();
    assert_eq!(token(function("f", "1")), token(function("f", "1")));
    assert_ne!(token(function("f", "1")), token(function("g", "1")));
    assert_ne!(token(function("f", "1")), token(function("f", "2")));
    assert_ne!(token(function("f", "1")), token(function("f", "1").with_payload(&7i64)));
    assert_ne!(token(function("f", "1").with_payload(&8i64)), token(function("f", "1").with_payload(&7i64)));
    assert_ne!(token(function("f", "1")), token(function("f", "1").with_traits(ExtensionTraits::ROW_WISE)));
}

// ---- applies -------------------------------------------------------------------------------

/// What an `apply` written as text means: it is evaluated as it stands, row by row.
fn applied(text: &str, frames: &[&Frame], columns: &[&str]) -> Option<Vec<String>> {
    let mut tables = text::Tables::new();
    for frame in frames {
        let Op::Leaf(leaf) = frame.expr().op() else { panic!("a leaf") };
        tables.add(leaf.clone());
    }
    let (terms, root) = parse(text, &tables, Arc::new(CoreFunctions)).unwrap_or_else(|error| panic!("{error}"));
    let columns: Vec<_> = columns.iter().map(|name| terms.column_named(name).unwrap()).collect();
    let relation = match interpret(&terms, root, &Semantics::default(), &leafhold::term::interpret::Tables::new()) {
        Ok(relation) => relation.select(&columns).unwrap(),
        Err(error) if error.is_of_the_plan() => return None,
        Err(error) => panic!("{error}"),
    };
    Some(sorted(relation.rows))
}

fn sorted(rows: Vec<Vec<Value>>) -> Vec<String> {
    let mut rows: Vec<String> =
        rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")).collect();
    rows.sort();
    rows
}

/// The rows of an expression as it was written; `None` when it raises an error.
fn written(frame: &Frame) -> Option<Vec<String>> {
    match evaluate(frame.expr()) {
        Ok(relation) => Some(sorted(relation.rows)),
        Err(error) if error.is_of_the_plan() => None,
        Err(error) => panic!("{error}"),
    }
}

/// The same where its applies became joins, by no rule.
fn joined(frame: &Frame) -> Option<Vec<String>> {
    let planner = Planner::new(Arc::new(CoreFunctions)).with_rules(Arc::new(RuleSet::empty()));
    let (terms, root) = planner.normalize(frame.expr());
    let columns: Vec<_> = resolve(frame.expr(), &mut Terms::new(Arc::new(CoreFunctions)))
        .output
        .iter()
        .map(|(_, column)| *column)
        .collect();
    match interpret(&terms, root, &Semantics::default(), &leafhold::term::interpret::Tables::new()) {
        Ok(relation) => Some(sorted(relation.select(&columns).unwrap().rows)),
        Err(error) if error.is_of_the_plan() => None,
        Err(error) => panic!("{error}"),
    }
}

type Build = fn(&Frame, &Frame) -> Result<Frame, ExprError>;

fn value_of(t: &Frame, u: &Frame, call: AggregateCall) -> Result<Frame, ExprError> {
    u.clone().filter(col("x").eq(t.outer("a")?))?.aggregate([], [("n", call)])
}

fn groups_of(t: &Frame, u: &Frame) -> Result<Frame, ExprError> {
    u.clone().filter(col("x").eq(t.outer("a")?))?.group_by(["y"]).aggregate([("n", count_all())])
}

/// An `apply` through `Frame`, the same as text, and the columns that both give.
fn applies() -> Vec<(Build, &'static str, Vec<&'static str>)> {
    vec![
        (
            |t, u| t.clone().exists(&u.clone().filter(col("x").eq(t.outer("a")?))?),
            "apply semi true t (filter (a = x) u)",
            vec!["a", "b"],
        ),
        (
            |t, u| t.clone().not_exists(&u.clone().filter(col("x").eq(t.outer("a")?).and(col("y").gt(lit(0i64))))?),
            "apply anti true t (filter (and (a = x) (y > 0)) u)",
            vec!["a", "b"],
        ),
        (
            |t, u| {
                let u = u.clone().filter(col("y").eq(t.outer("b")?))?.select(["x"])?;
                t.clone().apply(&u, ApplyKind::Mark("m".into()), [col("a").eq(col("x"))])
            },
            "apply mark m (a = x) t (filter (b = y) u)",
            vec!["a", "b", "m"],
        ),
        (
            |t, u| t.clone().with_in("m", col("a"), &u.clone().select(["x"])?),
            "apply mark m (a = x) t u",
            vec!["a", "b", "m"],
        ),
        (
            |t, u| t.clone().with_scalar("v", &value_of(t, u, max(col("y")))?),
            "apply scalar [v := n] true t (aggregate [] [n := (max y)] (filter (a = x) u))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| t.clone().with_scalar("v", &value_of(t, u, count(col("y")))?),
            "apply scalar [v := n] true t (aggregate [] [n := (count y)] (filter (a = x) u))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| {
                let counted = value_of(t, u, count_all())?.project([("k", col("n") + lit(1i64))])?;
                t.clone().with_scalar("v", &counted)
            },
            "apply scalar [v := k] true t (project [k := (n + 1)] (aggregate [] [n := (count)] (filter (a = x) u)))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| t.clone().apply(&u.clone().filter(col("x").lt(t.outer("a")?))?, ApplyKind::Inner, []),
            "apply inner true t (filter (x < a) u)",
            vec!["a", "b", "x", "y"],
        ),
        (
            |t, u| {
                let right = u.clone().filter(col("x").lt(t.outer("a")?))?;
                t.clone().apply(&right, ApplyKind::Left, [col("y").eq(col("b"))])
            },
            "apply left (b = y) t (filter (x < a) u)",
            vec!["a", "b", "x", "y"],
        ),
        (
            |t, u| t.clone().apply(&value_of(t, u, sum(col("y")))?, ApplyKind::Inner, []),
            "apply inner true t (aggregate [] [n := (sum y)] (filter (a = x) u))",
            vec!["a", "b", "n"],
        ),
        (
            |t, u| t.clone().apply(&value_of(t, u, count_all())?, ApplyKind::Left, []),
            "apply left true t (aggregate [] [n := (count)] (filter (a = x) u))",
            vec!["a", "b", "n"],
        ),
        (
            |t, u| {
                let right = u.clone().filter(col("x").eq(t.outer("a")?))?.select(["y"])?.distinct();
                t.clone().exists(&right.sort([col("y").asc()])?)
            },
            "apply semi true t (sort [y] (distinct (project [y] (filter (a = x) u))))",
            vec!["a", "b"],
        ),
        // Several rows are an error of both.
        (
            |t, u| t.clone().with_scalar("v", &u.clone().select(["x"])?),
            "apply scalar [v := x] true t u",
            vec!["a", "b", "v"],
        ),
        // At most one row per left row, for the key says so.
        (
            |t, u| {
                let right = u.clone().group_by(["x"]).aggregate([("n", sum(col("y")))])?;
                t.clone().with_scalar("v", &right.filter(col("x").eq(t.outer("a")?))?.select(["n"])?)
            },
            "apply scalar [v := n] true t (filter (a = x) (aggregate [x] [n := (sum y)] u))",
            vec!["a", "b", "v"],
        ),
        // An aggregate over no row is a row, too.
        (
            |t, u| t.clone().exists(&value_of(t, u, count_all())?),
            "apply semi true t (aggregate [] [n := (count)] (filter (a = x) u))",
            vec!["a", "b"],
        ),
        (
            |t, u| t.clone().not_exists(&value_of(t, u, sum(col("y")))?.filter(col("n").gt(lit(0i64)))?),
            "apply anti true t (filter (n > 0) (aggregate [] [n := (sum y)] (filter (a = x) u)))",
            vec!["a", "b"],
        ),
        (
            |t, u| {
                let right = value_of(t, u, max(col("y")))?;
                t.clone().apply(&right, ApplyKind::Mark("m".into()), [col("b").eq(col("n"))])
            },
            "apply mark m (b = n) t (aggregate [] [n := (max y)] (filter (a = x) u))",
            vec!["a", "b", "m"],
        ),
        (
            |t, u| {
                let right = value_of(t, u, sum(col("y")))?.filter(col("n").gt(lit(1i64)))?;
                t.clone().apply(&right, ApplyKind::Mark("m".into()), [])
            },
            "apply mark m true t (filter (n > 1) (aggregate [] [n := (sum y)] (filter (a = x) u)))",
            vec!["a", "b", "m"],
        ),
        // Groups are those of the left row.
        (
            |t, u| t.clone().exists(&groups_of(t, u)?.filter(col("n").gt(lit(1i64)))?),
            "apply semi true t (filter (n > 1) (aggregate [y] [n := (count)] (filter (a = x) u)))",
            vec!["a", "b"],
        ),
        (
            |t, u| {
                let right = groups_of(t, u)?.select(["n"])?;
                t.clone().apply(&right, ApplyKind::Mark("m".into()), [col("b").eq(col("n"))])
            },
            "apply mark m (b = n) t (aggregate [y] [n := (count)] (filter (a = x) u))",
            vec!["a", "b", "m"],
        ),
        (
            |t, u| t.clone().apply(&groups_of(t, u)?, ApplyKind::Left, []),
            "apply left true t (aggregate [y] [n := (count)] (filter (a = x) u))",
            vec!["a", "b", "y", "n"],
        ),
        (
            |t, u| {
                let right = u.clone().filter(col("x").eq(t.outer("a")?))?.select(["y"])?.distinct();
                t.clone().apply(&right, ApplyKind::Inner, [])
            },
            "apply inner true t (distinct (project [y] (filter (a = x) u)))",
            vec!["a", "b", "y"],
        ),
        // Whether there is a first row, and whether there is none of no rows.
        (
            |t, u| t.clone().exists(&u.clone().filter(col("x").lt(t.outer("a")?))?.limit(0, 2)),
            "apply semi true t (limit 2 (filter (x < a) u))",
            vec!["a", "b"],
        ),
        (
            |t, u| t.clone().not_exists(&u.clone().filter(col("x").lt(t.outer("a")?))?.limit(0, 0)),
            "apply anti true t (limit 0 (filter (x < a) u))",
            vec!["a", "b"],
        ),
        (
            |t, u| {
                let first = u.clone().filter(col("x").eq(t.outer("a")?))?.project([("z", col("y") + lit(1i64))])?;
                t.clone().exists(&first.filter(col("z").gt(lit(1i64)))?)
            },
            "apply semi true t (filter (z > 1) (project [z := (y + 1)] (filter (a = x) u)))",
            vec!["a", "b"],
        ),
    ]
}

/// These stay applies.
fn staying() -> Vec<(Build, &'static str, Vec<&'static str>)> {
    vec![
        (
            |t, u| {
                let right = u.clone().filter(col("x").gt(t.outer("a")?))?.aggregate([], [("n", count_all())])?;
                t.clone().with_scalar("v", &right)
            },
            "apply scalar [v := n] true t (aggregate [] [n := (count)] (filter (x > a) u))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| {
                let shifted = u.clone().project([("z", col("x") + t.outer("a")?)])?;
                t.clone().apply(&shifted, ApplyKind::Inner, [])
            },
            "apply inner true t (project [z := (a + x)] u)",
            vec!["a", "b", "z"],
        ),
        // One within another: the inner one reads both.
        (
            |t, u| {
                let inner = u.clone().rename([("x", "d"), ("y", "e")])?;
                let inner = inner.filter(col("d").eq(t.outer("b")?).and(col("e").eq(u.outer("y")?)))?;
                let right = u.clone().filter(col("x").eq(t.outer("a")?))?.exists(&inner)?;
                t.clone().exists(&right)
            },
            "apply semi true t (apply semi true (filter (a = x) u) (filter (and (b = x:2) (y = y:2)) u:2))",
            vec!["a", "b"],
        ),
    ]
}

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![1 => Just(None), 4 => (0i64..3).prop_map(Some)]
}

fn small() -> impl Strategy<Value = Vec<[Cell; 2]>> {
    prop::collection::vec([cell(), cell()], 0..4)
}

#[test]
fn applies_become_joins_where_they_can() {
    let (t, u) = (table("t", ["a", "b"], &[]), table("u", ["x", "y"], &[]));
    let stays = |build: Build| {
        let planned = Planner::new(Arc::new(CoreFunctions)).plan(build(&t, &u).unwrap().expr());
        matches!(planned, Err(PlanError::Unsupported { operator: "apply", .. }))
    };
    for (build, text, _) in applies() {
        assert!(!stays(build), "{text}");
    }
    for (build, text, _) in staying() {
        assert!(stays(build), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// An `apply` that became joins gives what it gives row by row.
    #[test]
    fn applies_and_their_joins_agree(left in small(), right in small()) {
        let (t, u) = (table("t", ["a", "b"], &left), table("u", ["x", "y"], &right));
        for (build, text, columns) in applies().into_iter().chain(staying()) {
            let frame = build(&t, &u).unwrap_or_else(|error| panic!("{text}: {error}"));
            let (found, expected) = (joined(&frame), applied(text, &[&t, &u], &columns));
            prop_assert_eq!(written(&frame), expected.clone(), "{}", text);
            // Errors are relaxed: several rows of a scalar fail also where no left row asks for it.
            if found.is_none() && left.is_empty() {
                continue;
            }
            prop_assert_eq!(found, expected, "{}", text);
        }
    }

    /// What stands above an `apply` sees the columns that it was written with, and no others.
    #[test]
    fn joins_of_applies_give_no_columns_beside_theirs(left in small(), right in small()) {
        let (t, u) = (table("t", ["a", "b"], &left), table("u", ["x", "y"], &right));
        let below = u.clone().filter(col("x").lt(t.outer("a").unwrap())).unwrap();
        let below = below.project([("y", col("y") * lit(0i64))]).unwrap();
        let applied = t.clone().apply(&below, ApplyKind::Inner, []).unwrap();
        let copy = applied.clone().rename([("a", "c"), ("b", "d"), ("y", "z")]).unwrap();
        for frame in [
            applied.clone().distinct(),
            applied.clone().select(["a", "y"]).unwrap().distinct(),
            applied.join(&copy, leafhold::expr::JoinKind::Left, [col("a").eq(col("d"))]).unwrap(),
        ] {
            prop_assert_eq!(joined(&frame), written(&frame), "{}", expr_text(frame.expr()));
        }
    }

    /// Grouping sets against an oracle: filter, group and count by hand, set by set.
    #[test]
    fn grouping_sets_are_their_sets_one_by_one(
        data in small(),
        sets in prop::collection::vec(prop::sample::subsequence(vec![0usize, 1], 0..=2), 1..4),
    ) {
        let t = table("t", ["a", "b"], &data);
        let frame = t.aggregate_sets(
            [("a", col("a")), ("b", col("b"))],
            GroupingSets::new(sets.clone()),
            [("n", count_all()), ("s", sum(col("b"))), ("g", grouping([col("a"), col("b")]))],
        );
        let mut expected = Vec::new();
        for set in &sets {
            let mut groups: BTreeMap<Vec<Cell>, (i64, Cell)> = BTreeMap::new();
            if set.is_empty() {
                groups.insert(vec![None, None], (0, None));
            }
            for row in &data {
                let key = (0..2).map(|at| if set.contains(&at) { row[at] } else { None }).collect();
                let group = groups.entry(key).or_insert((0, None));
                group.0 += 1;
                if let Some(b) = row[1] {
                    group.1 = Some(group.1.unwrap_or(0) + b);
                }
            }
            let bits = i64::from(!set.contains(&0)) * 2 + i64::from(!set.contains(&1));
            for (key, (n, s)) in groups {
                let cells = [key[0], key[1], Some(n), s, Some(bits)];
                expected.push(cells.map(|cell| cell.map_or("null".into(), |cell| cell.to_string())).join(" "));
            }
        }
        expected.sort();
        prop_assert_eq!(bag(&frame.unwrap()), expected);
    }

    /// Windows against an oracle that looks at the whole table from every row.
    #[test]
    fn running_sums_are_what_each_row_sees(data in small(), before in 0u64..3, after in 0u64..3) {
        let data: Vec<[Cell; 2]> = data;
        let t = table("t", ["a", "b"], &data);
        // A total order: the row's own number breaks ties.
        let numbered: Vec<[Cell; 3]> = data.iter().enumerate().map(|(n, row)| [row[0], row[1], Some(n as i64)]).collect();
        drop(t);
        let t = table("t", ["a", "b", "n"], &numbered);
        let frame = WindowFrame::rows(FrameBound::Preceding(before), FrameBound::Following(after));
        let window = Window::partition_by([col("a")]).order_by([col("b").asc(), col("n").desc()]);
        let calls = [("s", sum(col("n")).over(frame).unwrap()), ("c", count(col("b")).over(frame).unwrap())];
        let found = bag(&t.window(window, calls).unwrap());
        let place = |row: &[Cell; 3]| (row[1].is_none(), row[1], std::cmp::Reverse(row[2]));
        let mut expected = Vec::new();
        for row in &numbered {
            let mut partition: Vec<_> = numbered.iter().filter(|other| other[0] == row[0]).collect();
            partition.sort_by_key(|row| place(row));
            let at = partition.iter().position(|other| other[2] == row[2]).unwrap();
            let seen = &partition[at.saturating_sub(before as usize)..partition.len().min(at + after as usize + 1)];
            let total: i64 = seen.iter().filter_map(|row| row[2]).sum();
            let counted = seen.iter().filter(|row| row[1].is_some()).count();
            let cells = [row[0], row[1], row[2], Some(total), Some(counted as i64)];
            expected.push(cells.map(|cell| cell.map_or("null".into(), |cell| cell.to_string())).join(" "));
        }
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}

/// Scalars that only an `apply` makes sense of say so where they stand alone.
#[test]
fn an_outer_reference_that_nothing_binds_has_no_meaning() {
    let t = table("t", ["a", "b"], &some(&[[1, 2]]));
    let outer: Scalar = t.outer("a").unwrap();
    let error = evaluate(t.filter(col("b").eq(outer)).unwrap().expr()).unwrap_err();
    assert!(error.to_string().contains("the outer reference `a`, which no `apply` binds"), "{error}");
}
