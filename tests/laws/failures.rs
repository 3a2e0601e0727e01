//! The four failures that planners over futures have had, each with its own test; `tests/mutants.toml`
//! brings each of them back.

use std::sync::Arc;

use leafhold::expr::{col, lit};
use leafhold::leaf::{FutureValue, release};

use crate::engine::{Source, batch, executor, frame, numbers, planner, rows};
use crate::persisted::futures;

/// A test runs again: new futures, old keys, and the expression of the last time is still around or just
/// gone. Its rows have to be the new ones, and the new futures need an owner.
#[test]
fn failure_1_future_identity() {
    let mut kept = Vec::new();
    for round in 0..100i64 {
        let data = numbers(round..round + 2);
        let source = Source::rows("same-key", &data);
        let frame = frame([&source]).filter(col("a").gt(lit(-1i64))).unwrap();
        assert_eq!(source.releases(), 0, "the frame owns the new future");
        assert_eq!(rows(&frame), data, "and reads it");
        // Two references to one live instance are the same, so a plan may share them.
        assert_eq!(crate::engine::frame([&source]).token(), crate::engine::frame([&source]).token());
        match round % 3 {
            0 => kept.push((source, frame, data)),
            _ => {
                drop(frame);
                assert_eq!(source.releases(), 1);
            }
        }
    }
    for (source, frame, data) in kept {
        assert_eq!(rows(&frame), data);
        drop(frame);
        assert_eq!(source.releases(), 1);
    }
}

/// `from_delayed(futures)`; compute; the futures go; compute again: also what was derived, planned,
/// persisted, and on another thread.
#[test]
fn failure_2_leaves_dropped_by_lowering() {
    let sources: Vec<_> = (0..3).map(|at| Source::rows(&format!("k-{at}"), &numbers(at..at + 1))).collect();
    let handles: Vec<_> = sources.iter().map(Source::handle).collect();
    let leaf = leafhold::leaf::FromDelayed::new("t", crate::engine::schema(), handles.clone()).unwrap();
    let frame = crate::engine::frame_of(leaf);
    assert_eq!(rows(&frame), numbers(0..3));
    drop(handles);
    release::drain();
    assert_eq!(rows(&frame), numbers(0..3));
    let derived = frame.clone().filter(col("a").gt(lit(0i64))).unwrap();
    let plan = planner(&derived).plan(derived.expr()).unwrap();
    let persisted = derived.persist(&planner(&derived), &executor()).unwrap();
    drop((frame, derived));
    for _ in 0..2 {
        assert_eq!(leafhold::run::collect(&plan, &executor()).unwrap().rows(), 2);
        let persisted = persisted.clone();
        std::thread::spawn(move || assert_eq!(rows(&persisted), numbers(1..3))).join().unwrap();
    }
    assert!(sources.iter().all(|source| source.releases() == 0));
    drop((plan, persisted));
    assert!(sources.iter().all(|source| source.releases() == 1));
}

/// A task gives a future, and the producer lets go of the inner one at once.
#[test]
fn failure_3_recursive_futures() {
    let inner = Source::pending("inner");
    let outer = Source::value("outer", FutureValue::List(vec![FutureValue::Future(inner.handle())]));
    let result = Source::value("outermost", FutureValue::Future(outer.handle()));
    let frame = frame([&result]);
    let (weak_outer, weak_result) = (outer.clone(), result.clone());
    drop((outer, result));
    assert_eq!(inner.releases(), 0, "the value of its value is needed");
    inner.finish(FutureValue::table(vec![batch(&numbers(0..2))]));
    for _ in 0..2 {
        assert_eq!(rows(&frame), numbers(0..2), "fetched twice");
    }
    drop(frame);
    assert_eq!(weak_result.releases(), 1);
    // What the engine's own book keeps of the values goes with it.
    drop(weak_result);
    assert_eq!(weak_outer.releases(), 1);
    drop(weak_outer);
    assert_eq!(inner.releases(), 1);
}

/// A key that comes again with another spec never answers with the old value; and the same input has the
/// same token, plan and keys every time.
#[test]
fn failure_4_collisions_and_nondeterminism() {
    let named = |frame: &leafhold::expr::Frame| {
        let options = leafhold::run::PersistOptions { name: Some("answer".to_owned()), ..Default::default() };
        leafhold::run::persist(frame, &planner(frame), &executor(), options).unwrap()
    };
    let source = Source::rows("k", &numbers(0..9));
    let table = frame([&source]);
    let results: Vec<_> =
        (0..8i64).map(|least| named(&table.clone().filter(col("a").gt(lit(least))).unwrap())).collect();
    for (least, result) in results.iter().enumerate() {
        assert_eq!(rows(&result.frame), numbers(least as i64 + 1..9));
        assert_eq!(result.warnings.len(), usize::from(least > 0));
    }
    let again = named(&table.clone().filter(col("a").gt(lit(3i64))).unwrap());
    assert_eq!(futures(&again.frame), futures(&results[3].frame));
    let plans: Vec<_> = (0..20)
        .map(|_| {
            let frame = table.clone().filter(col("a").gt(lit(3i64))).unwrap();
            let plan = Arc::new(planner(&frame).plan(frame.expr()).unwrap());
            (frame.token(), plan.shape, leafhold::explain::PlanText::new(&plan).to_string())
        })
        .collect();
    assert!(plans.iter().all(|plan| *plan == plans[0]));
}
