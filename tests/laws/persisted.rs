//! L1b, recoverable: what `persist` gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use leafhold::expr::{Frame, Op, col, lit};
use leafhold::leaf::{FutureHandle, FutureStatus, FutureValue, Leaf, NestedFutures};
use leafhold::lower::TaskGraph;
use leafhold::run::{
    Canceller, Executor, Outcome, PersistOptions, Persisted, Run, RunCause, RunError, RunReport, Running, TaskState,
    persist,
};

use crate::engine::{Source, batch, error, executor, frame, frame_of, leaf, numbers, planner, rows};

fn persisted(frame: &Frame, recoverable: bool) -> Persisted {
    let options = PersistOptions { recoverable, ..PersistOptions::default() };
    persist(frame, &planner(frame), &executor(), options).unwrap()
}

pub fn futures(frame: &Frame) -> Vec<FutureHandle> {
    match frame.expr().op() {
        Op::Leaf(leaf @ Leaf::FromDelayed(_)) => leaf.futures().to_vec(),
        other => panic!("persisting gives a leaf, not {other:?}"),
    }
}

#[test]
fn law_l1b_a_persisted_frame_has_the_rows_and_is_made_of_ordinary_futures() {
    let sources = [Source::rows("one", &numbers(0..3)), Source::rows("two", &numbers(3..5))];
    let frame = frame(&sources).filter(col("a").gt(lit(0i64))).unwrap();
    let result = frame.persist(&planner(&frame), &executor()).unwrap();
    let handles = futures(&result);
    assert_eq!(handles.len(), 2, "one per partition");
    assert_eq!(rows(&result), numbers(1..5));
    let sizes: Vec<_> = handles.iter().map(FutureHandle::status).collect();
    assert!(matches!(
        sizes[..],
        [FutureStatus::Finished { rows: Some(2), .. }, FutureStatus::Finished { rows: Some(2), .. }]
    ));
    // They can be persisted again, planned over, and mixed with what they were made from.
    let again = result.clone().union(&frame).unwrap().persist(&planner(&frame), &executor()).unwrap();
    assert_eq!(rows(&again).len(), 8);
}

#[test]
fn law_l1b_a_recoverable_result_owns_what_it_was_made_from() {
    let source = Source::rows("k", &numbers(0..3));
    let frame = frame([&source]).filter(col("a").gt(lit(0i64))).unwrap();
    let Persisted { frame: result, run, .. } = persisted(&frame, true);
    drop(frame);
    run.wait().unwrap();
    assert_eq!(source.releases(), 0);
    // So does every plan over it, and the task graph of that.
    let plan = planner(&result).plan(result.expr()).unwrap();
    drop(result);
    assert_eq!(source.releases(), 0);
    let graph = leafhold::lower::lower(&plan).unwrap();
    drop(plan);
    assert_eq!(source.releases(), 0);
    drop(graph);
    assert_eq!(source.releases(), 1);
}

#[test]
fn law_l1b_an_unrecoverable_result_lets_go_once_all_of_it_is_there() {
    let (here, coming) = (Source::rows("here", &numbers(0..3)), Source::pending("coming"));
    let frame = frame([&here, &coming]).sort([col("a").asc()]).unwrap();
    let Persisted { frame: result, run, .. } = persisted(&frame, false);
    drop(frame);
    assert_eq!(coming.releases(), 0);
    coming.finish(FutureValue::table(vec![batch(&numbers(3..5))]));
    run.wait().unwrap();
    assert_eq!((here.releases(), coming.releases()), (1, 1));
    assert_eq!(rows(&result), numbers(0..5));
}

/// Its first runs compute everything, and then their process is gone.
#[derive(Clone)]
struct Dying(leafhold::run::LocalExecutor, Arc<AtomicUsize>);

struct Gone(Option<Run>);

impl Executor for Dying {
    fn submit(&self, graph: TaskGraph) -> Run {
        let run = self.0.submit(graph);
        match self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Run::new(Gone(Some(run))),
            Err(_) => run,
        }
    }
}

impl Running for Gone {
    fn canceller(&self) -> Canceller {
        self.0.as_ref().map_or_else(|| Canceller::new(|| ()), Run::canceller)
    }
    fn wait(&mut self) -> Result<Outcome, Box<RunError>> {
        let result = self.0.take().expect("waited for once").wait();
        panic!("the executor's process is gone, with {} rows", result.unwrap().partitions.len())
    }
}

#[test]
fn law_l1b_lost_results_are_made_again() {
    for deaths in [1, 2] {
        let sources = [Source::rows("one", &numbers(0..3)), Source::rows("two", &numbers(3..5))];
        let frame = frame(&sources).filter(col("a").gt(lit(0i64))).unwrap();
        let dying = Dying(executor(), Arc::new(AtomicUsize::new(deaths)));
        let result = frame.persist(&planner(&frame), &dying).unwrap();
        drop(frame);
        for handle in futures(&result) {
            assert!(handle.wait().unwrap_err().to_string().contains("was lost"));
        }
        for _ in 0..3 {
            assert_eq!(rows(&result), numbers(1..5));
        }
        drop(result);
        assert!(sources.iter().all(|source| source.releases() == 1));
    }
}

/// Its first run is lost, its second one fails, and others go well.
#[derive(Clone)]
struct Unlucky(Dying, Arc<AtomicUsize>);

struct Failing(Run);

impl Executor for Unlucky {
    fn submit(&self, graph: TaskGraph) -> Run {
        let run = self.0.submit(graph);
        if self.1.fetch_add(1, Ordering::SeqCst) == 1 { Run::new(Failing(run)) } else { run }
    }
}

impl Running for Failing {
    fn canceller(&self) -> Canceller {
        self.0.canceller()
    }
    fn wait(&mut self) -> Result<Outcome, Box<RunError>> {
        let cause = RunCause::Worker("there is no room today".to_owned());
        Err(Box::new(RunError { cause, report: RunReport::default() }))
    }
}

#[test]
fn law_l1b_what_could_not_be_made_again_once_is_made_again_later() {
    let frame = frame([&Source::rows("k", &numbers(0..5))]).filter(col("a").gt(lit(0i64))).unwrap();
    let executor = Unlucky(Dying(executor(), Arc::new(AtomicUsize::new(1))), Arc::default());
    let result = frame.persist(&planner(&frame), &executor).unwrap();
    assert!(futures(&result)[0].wait().is_err());
    assert!(error(&result).to_string().contains("there is no room today"));
    assert_eq!(rows(&result), numbers(1..5));
    assert_eq!(executor.1.load(Ordering::SeqCst), 3);
}

#[test]
fn law_l1b_what_cannot_be_made_again_is_an_error() {
    // Without the origins:
    let source = Source::rows("k", &numbers(0..3));
    let frame = frame([&source]);
    let dying = Dying(executor(), Arc::new(AtomicUsize::new(1)));
    let options = PersistOptions { recoverable: false, name: Some("unrecoverable".to_owned()) };
    let Persisted { frame: result, run, .. } = persist(&frame, &planner(&frame), &dying, options).unwrap();
    assert!(run.wait().is_err());
    let lost = error(&result);
    assert_eq!(
        lost.to_string(),
        "leaf `unrecoverable`, partition 0: future \"unrecoverable-0\" of engine local was lost: its producer went \
         away without a result"
    );
    assert_eq!(lost.report.count(TaskState::Lost), 1);
    // With an executor that keeps dying, and with origins that are gone themselves:
    let dying = Dying(executor(), Arc::new(AtomicUsize::new(usize::MAX)));
    let result = frame.persist(&planner(&frame), &dying).unwrap();
    assert!(error(&result).to_string().contains("was lost"));
    let dying = Dying(executor(), Arc::new(AtomicUsize::new(1)));
    let one = frame.clone().limit(0, 2).persist(&planner(&frame), &dying).unwrap();
    assert!(futures(&one)[0].wait().is_err());
    source.lose(leafhold::leaf::FutureErrorKind::Cancelled);
    let text = error(&one).to_string();
    assert!(text.contains("leaf `t`, partition 0: future \"k\" of engine counting was cancelled"), "{text}");
}

#[test]
fn law_l1b_a_result_that_nobody_needs_is_cancelled() {
    let source = Source::pending("never");
    let frame = frame([&source]);
    let Persisted { frame: result, run, .. } = persisted(&frame, true);
    drop((frame, result));
    let error = run.wait().unwrap_err();
    assert_eq!(error.to_string(), "the run was cancelled");
    assert_eq!(error.report.tasks.len(), 1);
    assert_eq!(source.releases(), 1);
}

#[test]
fn law_l1b_a_run_that_fails_in_the_background_fails_its_futures_and_has_its_report() {
    let source = Source::pending("bad");
    source.fail(leafhold::leaf::Fault::failed("disk full"));
    let frame = frame(&[source]);
    let Persisted { frame: result, run, .. } = persisted(&frame, true);
    assert_eq!(run.wait().unwrap_err().report.tasks.len(), 1);
    let text = error(&result).to_string();
    assert!(
        text.ends_with("failed: leaf `t`, partition 0: future \"bad\" of engine counting failed: disk full"),
        "{text}"
    );
}

#[test]
fn law_l4_adopted_futures_live_as_long_as_what_was_persisted() {
    for (nested, while_result) in [(NestedFutures::Await, 1), (NestedFutures::Adopt, 0)] {
        let inner = Source::rows("inner", &numbers(0..2));
        let outer = Source::value("outer", FutureValue::Future(inner.handle()));
        let frame = frame_of(leaf([&outer]).with_nested(nested));
        let Persisted { frame: result, run, .. } = persisted(&frame, false);
        run.wait().unwrap();
        drop((frame, outer));
        // The outer one is gone; its value went with it.
        assert_eq!(inner.releases(), while_result, "{nested:?}");
        assert_eq!(rows(&result), numbers(0..2));
        drop(result);
        assert_eq!(inner.releases(), 1);
    }
}
