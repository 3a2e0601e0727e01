//! What the operators mean, by the reference interpreter: hand-made cases, and random tables against oracles
//! that know nothing of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{
    ExtensionTraits, FrameBound, FrameUnits, GroupingSets, MapPartitions, NullLists, Repartitioning, Window,
    WindowFrame, col, count, count_all, cume_dist, dense_rank, first_value, grouping, lag, last_value, lead, lit,
    nth_value, ntile, percent_rank, rank, row_number, sum,
};
use proptest::prelude::*;

use super::tables::{Cell, bag, evaluate, integers, lists, rows, small, some, table};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

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
