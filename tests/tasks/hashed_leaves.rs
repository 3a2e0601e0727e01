//! Persisted results that lie hashed are not shuffled again, and never taken to lie as they do not.

use std::sync::{Arc, Mutex};

use arrow_schema::{DataType, Field, Schema};
use leafhold::explain::{PlanText, expr_text};
use leafhold::expr::Op;
use leafhold::expr::{CoreFunctions, Frame, JoinKind, Name, Repartitioning, col, sum};
use leafhold::leaf::{FromDelayed, HashPartitioning, Leaf, value};
use leafhold::lower::{Fragment, FragmentOutput, LowerError, TaskGraph, lower};
use leafhold::optimize::{CostModel, DefaultCost, Movement, Partitioning, PlanNode, PlanOp, Planner, Sizes};
use leafhold::rules::RuleSet;
use leafhold::run::{Executor, KernelError, Kernels, LocalExecutor, Run, SlotData, TaskContext, TaskOutput};
use leafhold::term::AlternativeOp;
use leafhold::token::Token;
use proptest::prelude::*;

use crate::kernels::{Row, RowKernels, batch_of, rows_of};
use crate::plans::{Builder, numbers};

/// The test kernels, whose hash has another name, or none. The hash called `others` puts rows elsewhere.
struct Named(Option<&'static str>);

impl Kernels for Named {
    fn run(&self, fragment: &Fragment, inputs: Vec<SlotData>, task: &TaskContext) -> Result<TaskOutput, KernelError> {
        let mut output = RowKernels::default().run(fragment, inputs, task)?;
        if let (FragmentOutput::Hashed { .. }, Some("others")) = (&fragment.output, self.0) {
            output.ports.rotate_left(1);
        }
        Ok(output)
    }
    fn hash_function(&self) -> Option<&str> {
        self.0
    }
}

/// An executor that calls its kernels' hash `rows`, whatever it is.
#[derive(Clone)]
struct Mistaken(LocalExecutor);

impl Executor for Mistaken {
    fn submit(&self, graph: TaskGraph) -> Run {
        self.0.submit(graph)
    }
    fn hash_function(&self) -> Option<&str> {
        Some("rows")
    }
}

/// An executor that remembers the tasks of its runs.
#[derive(Clone)]
struct Remembering(LocalExecutor, Arc<Mutex<Vec<Vec<Token>>>>);

impl Executor for Remembering {
    fn submit(&self, graph: TaskGraph) -> Run {
        self.1.lock().unwrap().push(graph.tasks().map(|task| task.token).collect());
        self.0.submit(graph)
    }
    fn hash_function(&self) -> Option<&str> {
        self.0.hash_function()
    }
}

fn on(function: Option<&'static str>) -> LocalExecutor {
    LocalExecutor::new(Arc::new(Named(function)), 2)
}

fn executor() -> LocalExecutor {
    on(Some("rows"))
}

/// Futures of two partitions of rows, under two columns of some names.
fn table(name: &str, columns: [&str; 2], rows: &[Row]) -> Frame {
    let schema = Arc::new(Schema::new(columns.map(|column| Field::new(column, DataType::Int64, true)).to_vec()));
    let parts = rows.split_at(rows.len() / 2);
    let futures = [parts.0, parts.1].map(|rows| value(name, vec![batch_of(&schema, rows)]));
    Frame::from_delayed(name, schema, futures.to_vec()).unwrap()
}

/// Where all movements but one are far too dear.
struct Only(Movement);

impl CostModel for Only {
    fn operator(&self, op: AlternativeOp, sizes: Sizes<'_>) -> f64 {
        DefaultCost.operator(op, sizes)
    }
    fn movement(&self, movement: Movement, rows: f64, partitions: f64) -> f64 {
        let price = if movement == self.0 { 1.0 } else { 1e9 };
        price * DefaultCost.movement(movement, rows, partitions)
    }
}

fn only(movement: Movement) -> Planner {
    Planner::new(Arc::new(CoreFunctions)).with_cost(Arc::new(Only(movement)))
}

fn planner() -> Planner {
    only(Movement::Shuffle)
}

fn hashed(frame: &Frame, columns: &[&str], count: usize, on: &LocalExecutor) -> Frame {
    let columns = columns.iter().map(|column| Name::from(*column)).collect();
    let frame = frame.clone().repartition(Repartitioning::Hash(columns, count)).unwrap();
    frame.persist(&planner(), on).unwrap()
}

fn leaf(frame: &Frame) -> &FromDelayed {
    match frame.expr().op() {
        Op::Leaf(Leaf::FromDelayed(leaf)) => leaf,
        other => panic!("persisting gives a leaf, not {other:?}"),
    }
}

fn declared(frame: &Frame) -> Option<&HashPartitioning> {
    leaf(frame).hash_partitioning()
}

fn shuffles(frame: &Frame) -> usize {
    lower(&planner().plan(frame.expr()).unwrap()).unwrap().shuffles()
}

fn answer(frame: &Frame) -> Vec<Row> {
    let mut rows = rows_of(&frame.collect(&planner(), &executor()).unwrap().batches);
    rows.sort();
    rows
}

fn join(left: &Frame, right: &Frame) -> Frame {
    left.clone().join(right, JoinKind::Inner, [col("a").eq(col("x"))]).unwrap()
}

fn sums(frame: &Frame) -> Frame {
    frame.clone().aggregate([("k", col("a"))], [("s", sum(col("b")))]).unwrap()
}

fn sums_by_b(frame: &Frame) -> Frame {
    frame.clone().aggregate([("k", col("b"))], [("s", sum(col("a")))]).unwrap()
}

#[test]
fn law_g5_results_that_lie_by_the_keys_are_joined_and_aggregated_where_they_lie() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    let (left, right) = (hashed(&t, &["a"], 4, &executor()), hashed(&u, &["x"], 4, &executor()));
    let lies = HashPartitioning { function: "rows".into(), columns: vec![0] };
    assert_eq!((declared(&left), declared(&right)), (Some(&lies), Some(&lies)));
    assert_eq!((shuffles(&join(&t, &u)), shuffles(&join(&left, &right))), (2, 0));
    assert_eq!(answer(&join(&left, &right)), answer(&join(&t, &u)));
    assert_eq!(answer(&join(&left, &right)).len(), 20);
    // One side moves to where the other lies.
    assert_eq!(shuffles(&join(&left, &u)), 1);
    assert_eq!(answer(&join(&left, &u)), answer(&join(&t, &u)));
    assert_eq!((shuffles(&sums(&t)), shuffles(&sums(&left))), (1, 0));
    assert_eq!(answer(&sums(&left)), answer(&sums(&t)));
    // What keeps the rows where they are changes nothing, and neither do other names.
    let renamed = left.clone().filter(col("b").gt(col("a"))).unwrap();
    let renamed = renamed.select(["b", "a"]).unwrap();
    assert_eq!(shuffles(&join(&renamed, &right)), 0);
    assert_eq!(answer(&join(&renamed, &right)).len(), 20);
}

#[test]
fn law_g5_explain_says_how_they_lie() {
    let t = table("t", ["a", "b"], &numbers(0..4));
    let (four, seven) = (hashed(&t, &["b", "a"], 4, &executor()), hashed(&t, &["a"], 7, &executor()));
    let text = |frame: &Frame| PlanText::new(&planner().plan(frame.expr()).unwrap()).body().to_string();
    assert!(text(&four).starts_with("read persisted future#0..3 hashed(b a) [a b]  ; rows"), "{}", text(&four));
    assert!(text(&four).trim_end().ends_with("hashed(b a)"), "{}", text(&four));
    assert!(text(&seven).trim_end().ends_with("any"), "over more partitions than plans make: {}", text(&seven));
    assert!(expr_text(seven.expr()).ends_with("from-delayed persisted future#0..6 hashed(a) [a b]\n"));
}

#[test]
fn law_g5_a_plan_that_ends_hashed_says_so_without_a_wish() {
    let t = table("t", ["a", "b"], &numbers(0..40));
    let kept = sums(&t).persist(&planner(), &executor()).unwrap();
    assert_eq!(declared(&kept).map(|lies| &lies.columns[..]), Some(&[0][..]));
    let again = kept.clone().aggregate([("k", col("k"))], [("s", sum(col("s")))]).unwrap();
    assert_eq!((shuffles(&again), answer(&again)), (0, answer(&sums(&t))));
    // By a column that the result has not:
    let hidden = sums(&t).select(["s"]).unwrap().persist(&planner(), &executor()).unwrap();
    assert_eq!(declared(&hidden), None);
    // In one partition:
    let one = hashed(&t, &["a"], 1, &executor());
    assert_eq!(declared(&one), None);
}

#[test]
fn law_g5_a_wish_that_the_plan_meets_moves_nothing() {
    let t = table("t", ["a", "b"], &numbers(0..40));
    let by = |columns: &[&str], count| {
        let columns = columns.iter().map(|column| Name::from(*column)).collect();
        sums(&t).repartition(Repartitioning::Hash(columns, count)).unwrap()
    };
    let of = |frame: Frame| shuffles(&frame);
    assert_eq!((of(by(&["k"], 4)), of(by(&["k"], 5)), of(by(&["s"], 4)), of(by(&["k", "s"], 4))), (1, 2, 2, 2));
}

#[test]
fn law_g5_over_another_number_of_partitions_or_in_another_order_of_columns_they_are_shuffled() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    let both = |left: &Frame, right: &Frame| {
        left.clone().join(right, JoinKind::Inner, [col("a").eq(col("x")), col("b").eq(col("y"))]).unwrap()
    };
    let expected = answer(&both(&t, &u));
    type Lies = (&'static [&'static str], usize);
    let cases: [(Lies, Lies, usize); 4] = [
        ((&["a", "b"], 4), (&["x", "y"], 4), 0),
        ((&["a", "b"], 4), (&["y", "x"], 4), 1),
        ((&["a", "b"], 4), (&["x", "y"], 8), 1),
        ((&["a", "b"], 8), (&["x", "y"], 8), 2),
    ];
    for ((left, lefts), (right, rights), expected_shuffles) in cases {
        let frame = both(&hashed(&t, left, lefts, &executor()), &hashed(&u, right, rights, &executor()));
        assert_eq!((shuffles(&frame), answer(&frame)), (expected_shuffles, expected.clone()), "{left:?} {right:?}");
    }
}

#[test]
fn law_g5_a_hash_that_is_not_the_engines_is_not_trusted() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    // Kernels that do not say what their hash is have nothing to declare.
    assert_eq!(declared(&hashed(&t, &["a"], 4, &on(None))), None);
    // Of two functions, a plan knows one.
    let left = hashed(&t, &["a"], 4, &executor());
    let mixed = join(&left, &hashed(&u, &["x"], 4, &on(Some("others"))));
    assert_eq!((shuffles(&mixed), answer(&mixed).len()), (1, 20));
    drop(mixed);
    // Where rows move to those that lie, they must move by the same.
    for kernels in [None, Some("others")] {
        let error = join(&left, &u).collect(&planner(), &on(kernels)).unwrap_err().to_string();
        let own = if kernels.is_some() { "`others`" } else { "a hash without a name" };
        let expected = format!(
            "its rows are to lie hashed by `rows`, and these kernels have {own}; run it on kernels that have that one, or, \
             where leaves lie so, plan it with `Planner::with_leaf_partitioning(false)`"
        );
        assert!(error.contains(&expected), "{error}");
        let without = planner().with_leaf_partitioning(false);
        assert_eq!(join(&left, &u).collect(&without, &on(kernels)).unwrap().rows(), 20);
    }
    // Where nothing moves, it does not matter whose it was.
    let both = join(&left, &hashed(&u, &["x"], 4, &executor()));
    assert_eq!(both.collect(&planner(), &on(Some("others"))).unwrap().rows(), 20);
}

#[test]
fn law_g5_rows_that_nothing_moves_lie_by_the_hash_of_who_put_them_there() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    let filtered = hashed(&t, &["a"], 4, &executor()).filter(col("b").gt(col("a"))).unwrap();
    let lies = |function: &str| Some(HashPartitioning { function: function.into(), columns: vec![0] });
    for kernels in [Some("others"), None] {
        let kept = filtered.persist(&planner(), &on(kernels)).unwrap();
        assert_eq!(declared(&kept).cloned(), lies("rows"), "on {kernels:?}");
        // So does a wish that they meet.
        let wished = hashed(&filtered, &["a"], 4, &on(kernels));
        assert_eq!(declared(&wished).cloned(), lies("rows"), "on {kernels:?}");
        let spread = filtered.clone().repartition(Repartitioning::RoundRobin(4)).unwrap();
        assert_eq!(
            declared(&spread.persist(&planner(), &on(kernels)).unwrap()).cloned(),
            lies("rows"),
            "on {kernels:?}"
        );
        let mixed = join(&kept, &hashed(&u, &["x"], 4, &on(Some("others"))));
        assert_eq!((shuffles(&mixed), answer(&mixed)), (1, answer(&join(&t, &u))), "on {kernels:?}");
    }
    // Rows that the result's own exchange moves lie by its hash, whatever they lay by before.
    let moved = hashed(&filtered, &["b"], 4, &on(Some("others")));
    assert_eq!(declared(&moved).map(|lies| &*lies.function), Some("others"));
    assert_eq!(answer(&moved), answer(&filtered));
}

#[test]
fn law_g5_kernels_that_have_another_hash_than_is_declared_put_no_rows() {
    let t = table("t", ["a", "b"], &numbers(0..40));
    let mistaken = Mistaken(on(Some("others")));
    let by_wish = t.clone().repartition(Repartitioning::Hash(vec!["a".into()], 4)).unwrap();
    for frame in [by_wish, sums(&t)] {
        let kept = frame.persist(&planner(), &mistaken).unwrap();
        assert_eq!(declared(&kept).map(|lies| &*lies.function), Some("rows"));
        let error = kept.collect(&planner(), &executor()).unwrap_err().to_string();
        assert!(error.contains("hashed by `rows`, and these kernels have `others`"), "{error}");
        assert_eq!(frame.collect(&planner(), &mistaken).unwrap().rows(), 40, "nothing is declared of these");
    }
}

#[test]
fn law_g5_rows_that_meet_none_of_a_leafs_may_move_by_any_hash() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    let left = hashed(&t, &["a"], 4, &executor());
    // The leaf's rows move themselves, or what moves lies beside them in a union.
    let elsewhere = join(&table("v", ["a", "b"], &numbers(10..50)), &u);
    let beside = left.clone().union(&elsewhere.select(["a", "b"]).unwrap()).unwrap();
    for frame in [sums_by_b(&left), beside] {
        assert!(shuffles(&frame) > 0);
        for kernels in [None, Some("others")] {
            let rows = frame.collect(&planner(), &on(kernels)).map(|found| rows_of(&found.batches));
            let mut rows = rows.unwrap_or_else(|error| panic!("on {kernels:?}: {error}"));
            rows.sort();
            assert_eq!(rows, answer(&frame), "on {kernels:?}");
        }
    }
    assert_eq!(answer(&sums_by_b(&left)), answer(&sums_by_b(&t)));
}

#[test]
fn law_g5_only_what_puts_the_result_where_it_lies_has_the_hashs_name() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    let runs = Remembering(executor(), Arc::default());
    let shared = |frame: Frame| {
        let kept = frame.persist(&planner(), &runs).unwrap();
        frame.collect(&planner(), &runs).unwrap();
        let runs = std::mem::take(&mut *runs.1.lock().unwrap());
        let [persisted, collected] = &runs[..] else { panic!("{} runs", runs.len()) };
        let shared = persisted.iter().filter(|token| collected.contains(token)).count();
        (declared(&kept).is_some(), shared, persisted.len())
    };
    let joined = join(&t, &u);
    // What is not hashed runs as any run of its frame does.
    let (declares, same, all) = shared(joined.clone().select(["b", "y"]).unwrap());
    assert!(!declares && same == all, "{same} of {all}");
    // Of a result that lies by its own exchange, all but what puts it there and reads that.
    let (declares, same, all) = shared(sums_by_b(&joined));
    assert!(declares && 0 < same && same < all, "{same} of {all}");
}

#[test]
fn law_g5_a_column_that_is_named_twice_is_hashed_once() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    let (left, right) = (hashed(&t, &["a", "a"], 4, &executor()), hashed(&u, &["x"], 4, &executor()));
    assert_eq!(declared(&left).map(|lies| &lies.columns[..]), Some(&[0][..]));
    assert_eq!((shuffles(&join(&left, &right)), answer(&join(&left, &right)).len()), (0, 20));
    // A plan that ends hashed by a column twice over has another hash of it.
    let keys = [col("a").eq(col("x")), col("a").eq(col("y"))];
    let twice = t.join(&u, JoinKind::Semi, keys).unwrap();
    assert_eq!(answer(&twice.persist(&planner(), &executor()).unwrap()), answer(&twice));
}

#[test]
fn law_g5_what_another_plan_made_lies_as_that_plan_put_it() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    let frame = join(&t, &u);
    let rules = RuleSet::builtin().without(&["implement-nested-loop-join", "implement-nested-loop-join-single"]);
    let broadcasts = only(Movement::Broadcast).with_rules(Arc::new(rules.unwrap()));
    let first = frame.persist(&broadcasts, &executor()).unwrap();
    assert_eq!(answer(&first).len(), 20, "what fails is made anew");
    assert_eq!((declared(&first), leaf(&first).handles().len()), (None, 2));
    // The same computation, by a plan that ends in four partitions: the same futures.
    assert!(planner().plan(frame.expr()).unwrap().hashed_result().is_some());
    let second = frame.persist(&planner(), &executor()).unwrap();
    assert_eq!((second.token(), declared(&second)), (first.token(), None));
    let origin = |frame: &Frame| leaf(frame).reading().origin.clone().unwrap();
    assert!(Arc::ptr_eq(&origin(&first), &origin(&second)), "what is lost is made again by the plan that made it");
}

#[test]
fn law_g5_equal_keys_of_two_types_do_not_lie_together() {
    let t = table("t", ["a", "b"], &numbers(0..4));
    let fields = vec![Field::new("x", DataType::Int32, true), Field::new("y", DataType::Int64, true)];
    // Nobody reads them, which these kernels could not.
    let u = Frame::from_delayed("u", Arc::new(Schema::new(fields)), vec![value("u", Vec::new())]).unwrap();
    let (left, right) = (hashed(&t, &["a"], 4, &executor()), hashed(&u, &["x"], 4, &executor()));
    assert!(declared(&left).is_some() && declared(&right).is_some());
    let on = col("a").eq(col("x").cast(DataType::Int64));
    let joined = left.join(&right, JoinKind::Inner, [on]).unwrap();
    let plan = planner().plan(joined.expr()).unwrap();
    let moves = |node: &Arc<PlanNode>| matches!(node.op, PlanOp::Exchange { .. });
    assert!(plan.post_order().iter().any(moves), "{}", PlanText::new(&plan));
}

#[test]
fn law_g5_a_plan_that_claims_what_no_leaf_declares_is_refused() {
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..2), numbers(2..4), numbers(4..6)]);
    let hashed = Partitioning::Hashed(vec![read.output[0]]);
    let mut claims = PlanNode::clone(&read);
    claims.partitioning = hashed;
    let plan = builder.plan(&Arc::new(claims));
    let Leaf::Values(values) = &plan.leaves[0] else { panic!("data at hand") };
    assert_eq!(lower(&plan).unwrap_err(), LowerError::Partitioning { leaf: values.name().to_owned() });
}

#[test]
fn law_g5_a_plan_in_which_rows_of_two_hashes_meet_is_refused() {
    let (t, u) = (table("t", ["a", "b"], &numbers(0..40)), table("u", ["x", "y"], &numbers(20..60)));
    let (left, right) = (hashed(&t, &["a"], 4, &executor()), hashed(&u, &["x"], 4, &executor()));
    let mut plan = planner().plan(join(&left, &right).expr()).unwrap();
    assert!(lower(&plan).is_ok());
    let other = hashed(&table("w", ["x", "y"], &numbers(20..60)), &["x"], 4, &on(Some("others")));
    let place = plan.leaves.iter().position(|leaf| leaf.schema().field(0).name() == "x").unwrap();
    plan.leaves[place] = Leaf::FromDelayed(leaf(&other).clone());
    assert_eq!(lower(&plan).unwrap_err(), LowerError::Partitioning { leaf: "persisted".to_owned() });
}

fn rows(keys: std::ops::Range<i64>) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((keys, 0..4i64).prop_map(|(key, value)| vec![key, value]), 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn law_g5_answers_are_those_of_rows_that_lie_anyhow(
        left in rows(-5..5),
        right in rows(-3..9),
        counts in (1..6usize, 1..6usize),
        partitions in 1..6usize,
        by in prop::sample::select(vec![vec!["a"], vec!["b"], vec!["a", "b"]]),
    ) {
        let (t, u) = (table("t", ["a", "b"], &left), table("u", ["x", "y"], &right));
        let kept = |frame: &Frame, by: &[&str], count| hashed(frame, by, count, &executor());
        let (one, two) = (kept(&t, &by, counts.0), kept(&u, &["x"], counts.1));
        let planner = planner().with_target_partitions(partitions);
        let run = |frame: Frame| {
            let mut rows = rows_of(&frame.collect(&planner, &executor()).unwrap().batches);
            rows.sort();
            rows
        };
        prop_assert_eq!(run(join(&one, &two)), run(join(&t, &u)));
        prop_assert_eq!(run(sums(&one)), run(sums(&t)));
        prop_assert_eq!(run(sums(&join(&one, &two))), run(sums(&join(&t, &u))));
    }
}
