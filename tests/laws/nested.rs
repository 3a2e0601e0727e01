//! L4, never orphaned: futures whose values are futures.

use std::sync::Arc;

use leafhold::leaf::{
    Fault, FutureErrorKind, FutureHandle, FutureStatus, FutureValue, LocalFuture, NestedFutures, RemoteFuture, ready,
    release, value,
};
use leafhold::lower::lower;
use leafhold::run::{Executor, LocalExecutor, RunCause, TaskState};

use crate::engine::{Source, batch, error, executor, frame, frame_of, leaf, numbers, planner, rows};
use crate::kernels::{RowKernels, rows_of};

/// Rows `from..from + 1` behind `levels` futures.
fn behind(levels: usize, from: i64) -> (Arc<Source>, Vec<Arc<Source>>) {
    let mut sources = vec![Source::rows(&format!("rows-{from}"), &numbers(from..from + 1))];
    for level in 0..levels {
        let inner = sources[level].handle();
        sources.push(Source::value(&format!("level-{level}"), FutureValue::Future(inner)));
    }
    (sources.pop().unwrap(), sources)
}

#[test]
fn law_l4_rows_behind_futures_are_read_whatever_holds_them() {
    for levels in [1, 2, 7] {
        for nested in [NestedFutures::Await, NestedFutures::Adopt] {
            let (outer, _) = behind(levels, 4);
            assert_eq!(rows(&frame_of(leaf(&[outer]).with_nested(nested))), numbers(4..5));
        }
    }
    // Lists, maps and futures in each other; the rows are in the order of the value.
    let table = |from: i64| FutureValue::table(vec![batch(&numbers(from..from + 1))]);
    let future = |from: i64| FutureValue::Future(value("inner", vec![batch(&numbers(from..from + 1))]));
    let inner = ready("map", FutureValue::Map(vec![("x".into(), future(2)), ("y".into(), table(3))]));
    let list =
        FutureValue::List(vec![table(0), future(1), FutureValue::Future(inner), FutureValue::List(vec![future(4)])]);
    let one = frame(&[Source::value("mixed", list)]);
    let collected = one.collect(&planner(&one), &executor()).unwrap();
    assert_eq!(rows_of(&collected.batches), numbers(0..5));
    // An empty list has no rows.
    assert!(rows(&frame(&[Source::value("none", FutureValue::List(Vec::new()))])).is_empty());
}

#[test]
fn law_l4_a_chain_of_futures_is_no_stack() {
    let mut handle = value("rows", vec![batch(&numbers(0..1))]);
    for _ in 0..20_000 {
        handle = ready("next", handle);
    }
    let leaf = leafhold::leaf::FromDelayed::new("t", crate::engine::schema(), vec![handle]).unwrap();
    let frame = frame_of(leaf);
    assert_eq!(rows(&frame), numbers(0..1));
    drop(frame);
    release::drain();
}

#[test]
fn law_l4_inner_futures_that_come_later_are_waited_for_without_a_worker() {
    let (inner, other) = (Source::pending("inner"), Source::rows("other", &numbers(5..6)));
    let outer = Source::pending("outer");
    let both = frame(&[outer.clone(), other]);
    let graph = lower(&planner(&both).plan(both.expr()).unwrap()).unwrap();
    // With one thread, a worker that waited would wait for ever.
    let run = LocalExecutor::new(Arc::new(RowKernels::default()), 1).submit(graph);
    outer.finish(FutureValue::List(vec![FutureValue::Future(inner.handle())]));
    assert_eq!(inner.releases(), 0, "the value holds it, and nobody else does");
    inner.finish(FutureValue::table(vec![batch(&numbers(0..2))]));
    let outcome = run.wait().unwrap();
    assert_eq!(rows_of(&outcome.partitions[0]), numbers(0..2));
    assert_eq!(rows_of(&outcome.partitions[1]), numbers(5..6));
}

#[test]
fn law_l4_awaited_futures_go_with_the_outer_one_and_adopted_ones_with_the_result() {
    // What the engine keeps of the outer future's value: after this, the inner one is ours alone.
    struct Once(Arc<Source>, parking_lot::Mutex<Option<FutureHandle>>);
    impl RemoteFuture for Once {
        fn key(&self) -> &str {
            "once"
        }
        fn status(&self) -> FutureStatus {
            FutureStatus::Finished { rows: None, bytes: None }
        }
        fn engine(&self) -> leafhold::leaf::EngineId {
            leafhold::leaf::EngineId("counting".into())
        }
        fn instance(&self) -> Option<leafhold::leaf::InstanceId> {
            None
        }
        fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
            done();
        }
        fn data(&self) -> Result<leafhold::leaf::PartitionData, leafhold::leaf::FutureError> {
            panic!("its value is no table")
        }
        fn value(&self) -> Result<FutureValue, leafhold::leaf::FutureError> {
            Ok(FutureValue::Future(self.1.lock().take().unwrap_or_else(|| self.0.handle())))
        }
    }
    for (nested, while_result, after) in [(NestedFutures::Await, 1, 1), (NestedFutures::Adopt, 0, 1)] {
        let inner = Source::rows("inner", &numbers(0..2));
        let outer = FutureHandle::new(Once(inner.clone(), Some(inner.handle()).into()));
        let leaf = leafhold::leaf::FromDelayed::new("t", crate::engine::schema(), vec![outer]).unwrap();
        let frame = frame_of(leaf.with_nested(nested));
        let collected = frame.collect(&planner(&frame), &executor()).unwrap();
        drop(frame);
        assert_eq!(rows_of(&collected.batches), numbers(0..2));
        assert_eq!(inner.releases(), while_result, "{nested:?}");
        drop(collected);
        assert_eq!(inner.releases(), after);
    }
}

#[test]
fn law_l4_rejected_futures_are_named() {
    let (outer, _) = behind(1, 0);
    let error = error(&frame_of(leaf(&[outer]).with_nested(NestedFutures::Reject)));
    assert_eq!(
        error.to_string(),
        "leaf `t`, partition 0: future \"level-0\" of engine counting gave the future \"rows-0\"; this leaf rejects \
         nested futures, read it with NestedFutures::Await"
    );
    assert_eq!(error.report.count(TaskState::Failed), 1);
    // A list of tables holds none.
    let tables = FutureValue::List(vec![FutureValue::table(vec![batch(&numbers(0..1))])]);
    let leaf = leaf(&[Source::value("tables", tables)]).with_nested(NestedFutures::Reject);
    assert_eq!(rows(&frame_of(leaf)), numbers(0..1));
}

#[test]
fn law_l4_circles_show_their_keys() {
    // Found when it is read:
    let (one, two) = (Source::pending("one"), Source::pending("two"));
    one.finish(FutureValue::List(vec![FutureValue::Future(two.handle())]));
    let first = frame([&one]);
    two.finish(FutureValue::Future(one.handle()));
    let error = error(&first);
    assert!(matches!(&error.cause, RunCause::Value { .. }));
    assert_eq!(
        error.to_string(),
        "leaf `t`, partition 0: futures of engine counting wait for each other in a circle: one -> two -> one"
    );
}

#[test]
fn law_l4_a_circle_of_promises_is_broken_when_it_closes() {
    let ((one, first), (two, second)) = (LocalFuture::pending("one"), LocalFuture::pending("two"));
    let (one, two) = (FutureHandle::new(one), FutureHandle::new(two));
    first.resolve(two.clone());
    second.resolve(vec![one.clone()]);
    assert_eq!(one.status(), FutureStatus::Finished { rows: None, bytes: None });
    assert_eq!(
        two.value().unwrap_err().to_string(),
        "future \"two\" of engine local failed: its value holds itself: two -> one -> two"
    );
    // So that nothing holds itself for ever.
    let generation = one.generation();
    drop((one, two));
    release::drain();
    assert_eq!(leafhold::leaf::live_future(generation), None);
}

#[test]
fn law_l4_what_fails_inside_is_named_with_the_way_to_it() {
    let inner = Source::pending("inner");
    let middle = Source::value("middle", FutureValue::List(vec![FutureValue::Future(inner.handle())]));
    let outer = Source::value("outer", FutureValue::Future(middle.handle()));
    inner.fail(Fault::lost("its worker died"));
    let lost = error(&frame(&[outer]));
    assert_eq!(
        lost.to_string(),
        "leaf `t`, partition 0: future \"inner\" of engine counting was lost: its worker died (inside \"outer\" -> \
         \"middle\")"
    );
    let RunCause::Future { source, .. } = &lost.cause else { panic!("{lost:?}") };
    assert_eq!(source.kind, FutureErrorKind::Lost);
    assert_eq!(lost.report.count(TaskState::Lost), 1);

    let other = Source::value("number", FutureValue::Other("the number 7".to_owned()));
    let outer = Source::value("outer", FutureValue::Map(vec![("x".into(), FutureValue::Future(other.handle()))]));
    assert_eq!(
        error(&frame(&[outer])).to_string(),
        "leaf `t`, partition 0: future \"number\" of engine counting gave the number 7, which is no table (inside \
         \"outer\")"
    );
}
