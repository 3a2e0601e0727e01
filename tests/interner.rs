//! The laws of the interner, I1 to I4, with threads.
//!
//! Node counts are those of the process, so the tests of this file take turns.

use std::sync::{Arc, Barrier};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use leafhold::explain::expr_text;
use leafhold::expr::{CoreFunctions, Expr, Frame, JoinKind, col, interned_nodes, lit};
use leafhold::leaf::{FromDelayed, FutureHandle, Leaf, Values, handle_counts, release, value};
use leafhold::lower::lower;
use leafhold::optimize::Planner;
use parking_lot::{Mutex, MutexGuard};

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
}

fn batch(name: &str) -> RecordBatch {
    RecordBatch::try_from_iter([(name, Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]).unwrap()
}

/// A leaf over data at hand; the data is made once, the node every time.
fn leaf(name: &'static str) -> Expr {
    static VALUES: Mutex<Vec<(&str, Values)>> = Mutex::new(Vec::new());
    let mut known = VALUES.lock();
    let at = known.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        let batch = batch(name);
        known.push((name, Values::new(name, batch.schema(), vec![vec![batch]])));
        known.len() - 1
    });
    let values = known[at].1.clone();
    drop(known);
    Expr::leaf(Leaf::Values(values)).unwrap()
}

fn delayed(handle: &FutureHandle) -> Expr {
    let leaf = FromDelayed::new("t", batch("a").schema(), vec![handle.clone()]).unwrap();
    Expr::leaf(Leaf::FromDelayed(leaf)).unwrap()
}

/// Some expression with a join, shared inputs and scalars; another one for each number.
fn expression(number: i64) -> Expr {
    let left = leaf("a").filter(col("a").gt(lit(number)), &CoreFunctions).unwrap();
    let right = leaf("b").limit(number as u64, None);
    let join = left.clone().join(right, JoinKind::Inner, vec![col("a").eq(col("b"))], &CoreFunctions).unwrap();
    let both = join.project([("a".into(), col("a"))], &CoreFunctions).unwrap();
    Expr::union(vec![both, left]).unwrap()
}

#[test]
fn law_i1_live_nodes_of_equal_tokens_are_one_node() {
    let _turn = turn();
    let one = expression(1);
    let again = expression(1);
    assert!(one.same(&again));
    assert_eq!(one, again);
    assert!(!one.same(&expression(2)));
    for (a, b) in one.post_order().iter().zip(again.post_order()) {
        assert!(a.same(&b));
    }
}

#[test]
fn law_i1_holds_for_many_threads_at_once() {
    let _turn = turn();
    const THREADS: usize = 8;
    for round in 0..50 {
        let start = Barrier::new(THREADS);
        let built: Vec<Vec<Expr>> = std::thread::scope(|scope| {
            let build = || {
                start.wait();
                (0..4).map(|number| expression(round * 10 + number)).collect()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(build)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for exprs in &built {
            assert!(exprs.iter().zip(&built[0]).all(|(a, b)| a.same(b)));
        }
    }
}

#[test]
fn law_i1_holds_for_threads_that_make_the_same_nodes_side_by_side() {
    let _turn = turn();
    let base = leaf("a");
    let start = Barrier::new(4);
    let built: Vec<Vec<Expr>> = std::thread::scope(|scope| {
        let build = || {
            start.wait();
            (0..10_000).map(|offset| base.clone().limit(offset, None)).collect()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(build)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Whoever came first to a node, the others have the very same.
    for exprs in &built {
        assert!(exprs.iter().zip(&built[0]).all(|(a, b)| a.same(b)));
    }
}

#[test]
fn law_i2_the_interner_keeps_nothing_alive() {
    let _turn = turn();
    let before = interned_nodes();
    let expr = expression(1);
    assert_eq!(interned_nodes(), before + expr.post_order().len());
    let clone = expr.clone();
    drop(expr);
    assert_eq!(interned_nodes(), before + clone.post_order().len());
    drop(clone);
    assert_eq!(interned_nodes(), before, "at once, without any sweep");
}

#[test]
fn law_i2_the_inputs_and_futures_of_the_last_expr_go_with_it() {
    let _turn = turn();
    release::drain();
    let (nodes, live) = (interned_nodes(), handle_counts().live());
    let handle = value("k", vec![batch("a")]);
    let mut expr = delayed(&handle);
    drop(handle);
    for fetch in 0..10 {
        expr = expr.limit(0, Some(fetch)).distinct();
    }
    assert_eq!(interned_nodes(), nodes + 21);
    release::drain();
    assert_eq!(handle_counts().live(), live + 1);
    drop(expr);
    release::drain();
    assert_eq!((interned_nodes(), handle_counts().live()), (nodes, live));
}

#[test]
fn law_i2_a_node_that_loses_a_race_leaves_nothing_behind() {
    let _turn = turn();
    let before = interned_nodes();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..500).for_each(|round| drop(expression(round % 3))));
        }
    });
    assert_eq!(interned_nodes(), before);
}

#[test]
fn law_i3_a_lookup_beside_the_last_drop_gets_a_whole_node() {
    let _turn = turn();
    let before = interned_nodes();
    let expected = {
        let expr = expression(7);
        (expr.token(), expr.post_order().iter().map(|node| node.token()).collect::<Vec<_>>())
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    // Every other thread drops its last reference at any moment.
                    let expr = expression(7);
                    assert_eq!(expr.token(), expected.0);
                    let tokens: Vec<_> = expr.post_order().iter().map(|node| node.token()).collect();
                    assert_eq!(tokens, expected.1, "a dying node has lost its inputs");
                    // As long as this one lives, another one is the same.
                    assert!(expression(7).same(&expr));
                }
            });
        }
    });
    assert_eq!(interned_nodes(), before);
}

/// The stack that a thread gets by default.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

fn chain(length: usize) -> Expr {
    let mut expr = leaf("a");
    for _ in 1..length {
        expr = expr.limit(0, Some(10));
    }
    expr
}

#[test]
fn law_i4_a_million_nodes_are_built_tokened_and_dropped_without_recursion() {
    let _turn = turn();
    on_a_small_stack(|| {
        const LENGTH: usize = 1_000_000;
        let before = interned_nodes();
        let expr = chain(LENGTH);
        assert_eq!(interned_nodes(), before + LENGTH);
        assert_ne!(expr.token(), expr.inputs()[0].token());
        assert_eq!(expr.post_order().len(), LENGTH);
        drop(expr);
        assert_eq!(interned_nodes(), before);
    });
}

/// Plans and lowers on the same small stack, and gives the number of nodes of the plan.
fn planned_and_lowered(expr: &Expr) -> usize {
    let plan = Planner::new(Arc::new(CoreFunctions)).plan(expr).unwrap();
    let graph = lower(&plan).unwrap();
    assert_eq!(graph.outputs.len(), 1);
    plan.post_order().len()
}

#[test]
fn law_i4_a_million_nodes_are_printed_planned_and_lowered_without_recursion() {
    let _turn = turn();
    on_a_small_stack(|| {
        let before = interned_nodes();
        let expr = chain(1_000_000);
        let text = expr_text(&expr);
        assert!(text.contains("of 1,000,000 nodes") && text.len() < 1_000_000, "{}", text.len());
        assert!(planned_and_lowered(&expr) >= 2);
        drop(expr);
        assert_eq!(interned_nodes(), before);
    });
}

/// `x = x + 1`, again and again.
fn assignments(count: usize) -> Expr {
    let mut frame = Frame::new(leaf("x"), Arc::new(CoreFunctions));
    for _ in 0..count {
        frame = frame.with_column("x", col("x") + lit(1i64)).unwrap();
    }
    frame.expr().clone()
}

#[test]
fn law_i4_a_million_chained_assignments_are_built_planned_lowered_and_dropped() {
    let _turn = turn();
    on_a_small_stack(|| {
        let before = interned_nodes();
        let expr = assignments(1_000_000);
        assert_eq!(interned_nodes(), before + 1_000_001);
        // 63 assignments make one scalar that is 64 deep.
        let nodes = planned_and_lowered(&expr);
        assert!((15_000..17_000).contains(&nodes), "{nodes}");
        drop(expr);
        assert_eq!(interned_nodes(), before);
    });
}

#[test]
fn law_i4_a_scalar_that_doubles_with_every_assignment_stays_small() {
    let _turn = turn();
    let mut frame = Frame::new(leaf("x"), Arc::new(CoreFunctions));
    for _ in 0..200 {
        frame = frame.with_column("x", col("x") + col("x")).unwrap();
    }
    let plan = Planner::new(Arc::new(CoreFunctions)).plan(frame.expr()).unwrap();
    let nodes = plan.post_order().len();
    assert!((15..40).contains(&nodes), "each of {nodes} doubles ten times or so");
}

#[test]
fn law_i4_a_dag_of_two_paths_per_level_is_walked_and_dropped_in_linear_time() {
    let _turn = turn();
    on_a_small_stack(|| {
        let before = interned_nodes();
        let mut expr = leaf("a");
        for _ in 0..200 {
            expr = Expr::union(vec![expr.clone(), expr]).unwrap();
        }
        assert_eq!(expr.post_order().len(), 201);
        drop(expr);
        assert_eq!(interned_nodes(), before);
    });
}

#[test]
fn law_i4_a_deep_expression_may_outlive_its_threads_other_locals() {
    let _turn = turn();
    thread_local! {
        static KEPT: std::cell::RefCell<Option<Expr>> = const { std::cell::RefCell::new(None) };
    }
    let before = interned_nodes();
    on_a_small_stack(|| {
        // Dropped by the thread's end, after whatever thread-locals came later.
        KEPT.with(|kept| *kept.borrow_mut() = Some(chain(100_000)));
    });
    assert_eq!(interned_nodes(), before);
}

#[test]
fn law_i4_two_threads_that_share_a_deep_chain_drop_all_of_it() {
    let _turn = turn();
    let before = interned_nodes();
    for _ in 0..20 {
        let expr = chain(5_000);
        let other = expr.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || drop(expr));
            scope.spawn(move || drop(other));
        });
        assert_eq!(interned_nodes(), before);
    }
}
