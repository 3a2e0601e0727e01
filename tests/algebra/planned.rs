//! How the operators are planned: plans as texts, refusals, and normal forms that mean the same.

use std::sync::Arc;

use leafhold::explain::{PlanJson, PlanText, expr_text};
use leafhold::expr::{
    ApplyKind, CoreFunctions, ExprError, ExtensionTraits, Frame, FrameBound, GroupingSets, JoinKind, MapPartitions,
    NullLists, Repartitioning, Semantics, Window, WindowFrame, col, count_all, grouping, lit, max, rank, row_number,
    sum,
};
use leafhold::leaf::{ColumnStatistics, FromDelayed, Leaf, TableStatistics, value};
use leafhold::optimize::{PlanError, Planner, resolve};
use leafhold::term::Terms;
use leafhold::term::interpret::{Equivalence, Tables, Verdict, interpret, preserves};
use proptest::prelude::*;

use super::tables::{integers, lists, small, table};

/// Two live partitions of many integers: so many that it pays to keep them apart.
fn live(name: &str, columns: &[&str]) -> Frame {
    let futures = ["0", "1"].map(|part| value(format!("{name}-{part}"), Vec::new()));
    let leaf = FromDelayed::new(name, integers(columns), futures.to_vec()).unwrap();
    let few = ColumnStatistics { distinct: Some(100.0), ..ColumnStatistics::default() };
    let statistics = TableStatistics { rows: Some(1e6), bytes: None, columns: vec![few; columns.len()] };
    Frame::from_leaf(Leaf::FromDelayed(leaf.with_statistics(statistics))).unwrap()
}

fn t() -> Frame {
    live("t", &["a", "b"])
}

fn u() -> Frame {
    live("u", &["x", "y"])
}

/// The plan, without estimates: an operator per line.
fn plan(frame: Result<Frame, ExprError>) -> String {
    let frame = frame.unwrap_or_else(|error| panic!("{error}"));
    let plan = Planner::new(Arc::new(CoreFunctions)).plan(frame.expr()).unwrap_or_else(|error| panic!("{error}"));
    let text = PlanText::new(&plan).body().to_string();
    let lines = text.lines().map(|line| match line.split_once("  ; rows ") {
        Some((operator, rest)) => format!("{operator}  ; {}", rest.split_once("  ").map_or("", |(_, lie)| lie)),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn refused(frame: Result<Frame, ExprError>) -> PlanError {
    Planner::new(Arc::new(CoreFunctions)).plan(frame.unwrap().expr()).unwrap_err()
}

fn identity(name: &str, traits: ExtensionTraits, columns: &[&str]) -> MapPartitions {
    MapPartitions::new(name, "1", integers(columns), |batches| Ok(batches.to_vec())).with_traits(traits)
}

#[test]
fn a_mark_join_brings_the_right_rows_to_the_left_ones() {
    let text = plan(t().mark_join(&u(), "m", [col("a").eq(col("x"))]));
    assert_eq!(
        text,
        "mark-join m (a = x)  ; any\n  read t future#0..1 [a b]  ; any\n  exchange replicated  ; replicated\n    \
         read u future#2..3 [x]  ; any"
    );
}

#[test]
fn a_window_needs_its_partitions_whole() {
    let calls = || [("n", row_number())];
    let by_a = Window::partition_by([col("a")]).order_by([col("b").asc()]);
    assert_eq!(
        plan(t().window(by_a.clone(), calls())),
        "window [a] [b] [n := (row-number)]  ; hashed(a)\n  exchange hashed(a)  ; hashed(a)\n    \
         read t future#0..1 [a b]  ; any"
    );
    let whole = plan(t().window(Window::default().order_by([col("b").asc()]), calls()));
    assert!(whole.contains("exchange single"), "{whole}");
    // A filter on whole partitions passes, one on the number does not.
    let filtered = t().window(by_a.clone(), calls()).unwrap().filter(col("a").eq(lit(1i64)).and(col("n").gt(col("b"))));
    let text = plan(filtered);
    let place = |word: &str| text.find(word).unwrap_or_else(|| panic!("no {word} in\n{text}"));
    assert!(place("(n > b)") < place("window") && place("window") < place("(a = 1)"), "{text}");
    // What nobody reads is not computed.
    assert!(!plan(t().window(by_a, calls()).unwrap().select(["a"])).contains("window"));
}

#[test]
fn computed_keys_of_a_window_are_computed_below_it() {
    let by_sum = Window::partition_by([col("a") + col("b")]);
    let text = plan(t().window(by_sum, [("r", rank())]).unwrap().select(["a", "r"]));
    assert!(text.contains("window [partition]"), "{text}");
}

#[test]
fn an_unnest_runs_where_the_rows_are() {
    let text = plan(lists("t", &[]).unnest("l", NullLists::Drop));
    assert_eq!(text.lines().next().unwrap().trim(), "unnest l drop-nulls  ; single", "{text}");
}

#[test]
fn grouping_sets_are_a_union_of_aggregates_over_one_input() {
    let sets = t().filter(col("b").gt(lit(0i64))).unwrap().aggregate_sets(
        [("a", col("a"))],
        GroupingSets::rollup(1),
        [("n", count_all()), ("g", grouping([col("a")]))],
    );
    let text = plan(sets);
    assert!(text.starts_with("union ["), "{text}");
    assert_eq!(text.matches("hash-aggregate final").count(), 2, "{text}");
    assert_eq!(text.matches("read t").count(), 1, "the input is there once, shared:\n{text}");
}

#[test]
fn a_repartition_says_how_the_result_lies_and_is_a_wish_below_other_operators() {
    let apart = || t().repartition(Repartitioning::Hash(vec!["a".into()], 7));
    assert_eq!(plan(apart()), format!("; the result hashed(a) over 7 partitions\n{}", plan(Ok(t()))));
    // Filters and projections leave rows where they are.
    let kept =
        |frame: Frame| plan(frame.filter(col("a").eq(lit(1i64))).unwrap().project([("b", col("b")), ("k", col("a"))]));
    assert_eq!(kept(apart().unwrap()), format!("; the result hashed(k) over 7 partitions\n{}", kept(t())));
    let evenly = t().repartition(Repartitioning::RoundRobin(3)).unwrap();
    assert_eq!(kept(evenly), format!("; the result evenly over 3 partitions\n{}", kept(t())));
    // By what is not there any more nothing can lie, and the others move rows as they need it.
    let above: [fn(Frame) -> Result<Frame, ExprError>; 4] = [
        |frame| frame.select(["b"]),
        |frame| frame.project([("a", col("a") + lit(1i64))]),
        |frame| frame.sort([col("a").asc()]),
        |frame| frame.aggregate([("k", col("a"))], [("n", count_all())]),
    ];
    let planned = |frame: Frame| Planner::new(frame.functions().clone()).plan(frame.expr()).unwrap();
    for above in above {
        assert_eq!(plan(above(apart().unwrap())), plan(above(t())));
        let left_out = planned(above(apart().unwrap()).unwrap());
        assert_eq!(left_out.repartitions_left_out, 1);
        assert!(PlanText::new(&left_out).to_string().contains("\n; repartitions left out 1\n"));
        let json: serde_json::Value = serde_json::from_str(&PlanJson::new(&left_out).to_string()).unwrap();
        assert_eq!(json["repartitions_left_out"], 1);
        assert_eq!(planned(above(t()).unwrap()).repartitions_left_out, 0);
    }
    assert_eq!(planned(apart().unwrap()).repartitions_left_out, 0);
    let twice = apart().unwrap().repartition(Repartitioning::RoundRobin(2)).unwrap();
    assert_eq!(planned(twice).repartitions_left_out, 1, "the last word counts");
}

#[test]
fn what_declares_to_be_partition_wise_stays_where_the_rows_are() {
    let of = |traits| plan(t().map_partitions(identity("f", traits, &["a", "b"])));
    let wise = ExtensionTraits { partition_wise: true, ..ExtensionTraits::BARRIER };
    assert_eq!(of(wise), "map-partitions f  ; any\n  read t future#0..1 [a b]  ; any");
    let all = of(ExtensionTraits::BARRIER);
    assert_eq!(all, "map-partitions f  ; single\n  exchange single  ; single\n    read t future#0..1 [a b]  ; any");
}

#[test]
fn a_filter_on_preserved_columns_passes_a_row_wise_function() {
    let of = |traits| {
        let mapped = t().map_partitions(identity("f", traits, &["a", "c"])).unwrap();
        plan(mapped.filter(col("a").eq(lit(1i64)).and(col("c").eq(lit(2i64)))))
    };
    let preserving = ExtensionTraits { column_preserving: true, ..ExtensionTraits::ROW_WISE };
    assert_eq!(
        of(preserving),
        "filter (c = 2)  ; any\n  map-partitions f  ; any\n    filter (a = 1)  ; any\n      read t future#0..1 [a b]  ; any"
    );
    assert!(of(ExtensionTraits::ROW_WISE).starts_with("filter (and"), "nothing is declared of `a`");
    let volatile = ExtensionTraits { volatile: true, ..preserving };
    assert!(of(volatile).starts_with("filter (and"), "a volatile function sees all of its rows");
}

#[test]
fn applies_become_joins() {
    let theirs = || u().filter(col("x").eq(t().outer("a").unwrap())).unwrap();
    let exists = plan(t().exists(&theirs()));
    assert!(exists.contains("join semi (a = x)"), "{exists}");
    let not_exists = plan(t().not_exists(&theirs()));
    assert!(not_exists.contains("join anti (a = x)"), "{not_exists}");
    let inner = plan(t().apply(&theirs(), ApplyKind::Inner, []));
    assert!(inner.contains("join inner (a = x)"), "{inner}");
    let largest = theirs().aggregate([], [("m", max(col("y")))]).unwrap();
    let scalar = plan(t().with_scalar("v", &largest));
    assert!(scalar.contains("join left (a = x)") && scalar.contains("hash-aggregate"), "{scalar}");
    let single = plan(t().with_scalar("v", &u().select(["x"]).unwrap()));
    assert!(single.contains("map-partitions assert-single"), "{single}");
    let sure = plan(t().with_scalar("v", &u().aggregate([], [("m", max(col("y")))]).unwrap()));
    assert!(!sure.contains("assert-single"), "an aggregate over all rows gives one row:\n{sure}");
}

#[test]
fn below_a_mark_stays_what_reads_the_right_side_alone() {
    let right = u().filter(col("x").eq(t().outer("a").unwrap()).and(col("y").gt(lit(0i64)))).unwrap();
    let marked = t().apply(&right, ApplyKind::Mark("m".into()), []).unwrap();
    let text = plan(marked.filter(col("m").or(col("b").eq(lit(1i64)))));
    assert!(text.contains("mark-join m (is-true (a = x))") && text.contains("  filter (y > 0)"), "{text}");
}

#[test]
fn nested_loops_are_no_bet_on_an_estimate() {
    // Of a million rows none is believed to be left.
    let all =
        ["x", "y"].into_iter().flat_map(|name| (1..4i64).map(move |times| (col(name) * lit(times)).eq(lit(times))));
    let few = all.fold(u(), |frame, conjunct| frame.filter(conjunct).unwrap());
    for kind in [JoinKind::Inner, JoinKind::Semi] {
        let text = plan(t().join(&few, kind, [col("a").eq(col("x"))]));
        assert!(text.contains("hash-join") && !text.contains("nested-loop-join"), "{kind:?}:\n{text}");
    }
}

#[test]
fn nulls_that_are_taken_as_equal_are_found_by_hash() {
    for kind in [JoinKind::Inner, JoinKind::Semi, JoinKind::Anti, JoinKind::Full] {
        let both = [col("a").is_not_distinct_from(col("x")), col("b").is_not_distinct_from(col("y"))];
        let text = plan(t().join(&u(), kind, both));
        assert!(text.contains("hash-join") && !text.contains("nested-loop-join"), "{kind:?}:\n{text}");
    }
    // Rows that agree lie together by the columns.
    let both = [col("a").is_not_distinct_from(col("x"))];
    let full = plan(t().join(&u(), JoinKind::Full, both));
    assert!(full.contains("hashed(a)") && full.contains("hashed(x)"), "{full}");
}

#[test]
fn what_has_no_plan_is_refused_by_name() {
    let full = u().filter(col("x").gt(t().outer("a").unwrap())).unwrap();
    let full =
        full.join(&u().rename([("x", "c"), ("y", "d")]).unwrap(), JoinKind::Full, [col("y").eq(col("c"))]).unwrap();
    let error = refused(t().apply(&full, ApplyKind::Left, []));
    assert!(matches!(error, PlanError::Unsupported { operator: "apply", .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "no plan for `apply`: the right side of an `apply left` reads the left row where no join can give it: beside \
         volatile functions, below a full join, an engine's own operator or the list of a `not in`, or too deep; write \
         it as a join"
    );
    let error = refused(u().filter(col("x").eq(t().outer("a").unwrap())));
    assert_eq!(error.to_string(), "no plan for `outer`: nothing binds `a`; it belongs on the right side of an `apply`");
}

#[test]
fn expressions_print_as_they_were_written() {
    let frame_of_two = WindowFrame::rows(FrameBound::Preceding(1), FrameBound::CurrentRow);
    let table: Vec<(Result<Frame, ExprError>, &str)> = vec![
        (t().mark_join(&u(), "m", [col("a").eq(col("x"))]), "mark-join m (a = x)"),
        (t().exists(&u()), "apply semi true"),
        (t().with_in("m", col("a"), &u().select(["x"]).unwrap()), "apply mark m (a = x)"),
        (
            t().window(
                Window::partition_by([col("a")]).order_by([col("b").desc()]),
                [("s", sum(col("b")).over(frame_of_two).unwrap())],
            ),
            "window [a] [b desc] [s := (sum b over (rows 1-preceding current-row))]",
        ),
        (lists("l", &[]).unnest("l", NullLists::Preserve), "unnest l preserve-nulls"),
        (t().repartition(Repartitioning::Hash(vec!["a".into()], 4)), "repartition [a] 4"),
        (t().repartition(Repartitioning::RoundRobin(4)), "repartition 4"),
        (t().rollup(["a"], [("n", count_all())]), "aggregate [a] sets [[a] []] [n := (count)]"),
        (t().map_partitions(identity("f", ExtensionTraits::ROW_WISE, &["a"])), "map-partitions f"),
        (t().filter(col("a").eq(u().outer("x").unwrap()).is_not_false()), "filter (is-not-false (a = (outer x)))"),
    ];
    for (frame, expected) in table {
        let text = expr_text(frame.unwrap().expr());
        let line = text.lines().find(|line| !line.starts_with(';')).unwrap();
        assert_eq!(line, expected);
    }
}

/// Expressions over two tables that use the operators beside filters that would like to move.
fn shapes(t: &Frame, u: &Frame) -> Result<Vec<Frame>, ExprError> {
    let by_a = || Window::partition_by([col("a")]).order_by([col("b").asc()]);
    let running = WindowFrame::rows(FrameBound::UnboundedPreceding, FrameBound::CurrentRow);
    let (a_is_1, b_is_1) = (|| col("a").eq(lit(1i64)), || col("b").eq(lit(1i64)));
    let preserving = ExtensionTraits { column_preserving: true, ..ExtensionTraits::ROW_WISE };
    Ok(vec![
        t.clone().window(by_a(), [("s", sum(col("b")).over(running)?)])?.filter(a_is_1().and(b_is_1()))?,
        t.clone().filter(b_is_1())?.window(by_a(), [("n", rank())])?.filter(a_is_1().is_not_false())?,
        t.clone().mark_join(u, "m", [col("a").eq(col("x")), col("y").gt(lit(0i64))])?.filter(!col("m"))?,
        t.clone().mark_join(u, "m", [col("a").eq(col("x"))])?.filter(col("m").is_unknown())?,
        t.clone().rollup(["a", "b"], [("n", count_all())])?.filter(a_is_1())?,
        t.clone().cube(["a"], [("s", sum(col("b")))])?.filter(col("s").is_not_distinct_from(col("a")))?,
        t.clone().map_partitions(identity("f", preserving, &["a", "b"]))?.filter(a_is_1())?,
        t.clone().with_in("m", col("b"), &u.clone().select(["x"])?)?.filter(col("m").is_not_true().and(a_is_1()))?,
        t.clone().exists(&u.clone().filter(col("x").eq(t.outer("a")?))?)?.filter(b_is_1())?,
        t.clone().cross_join(u)?.filter(col("a").eq(col("x")).is_true())?,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Normalization keeps what the operators give.
    #[test]
    fn normal_forms_mean_the_same(left in small(), right in small()) {
        let (t, u) = (table("t", ["a", "b"], &left), table("u", ["x", "y"], &right));
        let planner = Planner::new(Arc::new(CoreFunctions));
        for frame in shapes(&t, &u).unwrap() {
            let mut terms = Terms::new(Arc::new(CoreFunctions));
            let resolved = resolve(frame.expr(), &mut terms);
            let columns: Vec<_> = resolved.output.iter().map(|(_, column)| *column).collect();
            let rows = |terms: &Terms, root| {
                interpret(terms, root, &Semantics::default(), &Tables::new())?.select(&columns)
            };
            let written = rows(&terms, resolved.root);
            let (normal_terms, normal) = planner.normalize(frame.expr());
            let verdict = preserves(&written, &rows(&normal_terms, normal), Equivalence::Bag, &Semantics::default());
            prop_assert_eq!(verdict, Verdict::Same, "{}", expr_text(frame.expr()));
        }
    }
}

#[test]
fn a_chain_of_filters_is_resolved_as_one() {
    let chain = (0..500i64).fold(table("t", ["a"], &[]), |frame, bound| frame.filter(col("a").gt(lit(bound))).unwrap());
    let mut terms = Terms::new(Arc::new(CoreFunctions));
    resolve(chain.expr(), &mut terms);
    assert_eq!(terms.len(), 2, "a table and a filter; conjunctions of every length would be quadratic in size");
}
