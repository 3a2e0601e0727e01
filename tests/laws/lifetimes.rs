//! L1 and L2 along the whole chain: expression, plan, task graph, run, result.

use std::sync::Arc;

use leafhold::expr::{col, lit};
use leafhold::leaf::FutureValue;
use leafhold::lower::{Fragment, lower};
use leafhold::run::{
    Executor, KernelError, Kernels, LocalExecutor, Observer, RunReport, SlotData, TaskContext, TaskEvent, TaskOutput,
};

use crate::engine::{Source, batch, executor, frame, numbers, planner, rows};
use crate::kernels::{RowKernels, rows_of};

#[test]
fn law_l1_each_link_of_the_chain_is_enough() {
    let source = Source::rows("k", &numbers(0..3));
    let expr = frame([&source]).filter(col("a").gt(lit(0i64))).unwrap();
    let planner = planner(&expr);
    let plan = planner.plan(expr.expr()).unwrap();
    drop(expr);
    assert_eq!(source.releases(), 0, "the plan holds it");
    let graph = lower(&plan).unwrap();
    drop(plan);
    assert_eq!(source.releases(), 0, "the task graph holds it");
    let run = executor().submit(graph);
    let outcome = run.wait().unwrap();
    assert_eq!(rows_of(&outcome.partitions[0]), numbers(1..3));
    assert_eq!(source.releases(), 1, "nothing needs it after its task; the rows are the outcome's own");
}

#[test]
fn law_l1_a_pending_run_holds_what_it_waits_for_and_lets_go_of_the_rest() {
    let (here, coming) = (Source::rows("here", &numbers(0..3)), Source::pending("coming"));
    let both = frame([&here, &coming]);
    let graph = lower(&planner(&both).plan(both.expr()).unwrap()).unwrap();
    drop(both);
    let run = executor().submit(graph);
    assert_eq!(coming.releases(), 0);
    coming.finish(FutureValue::table(vec![batch(&numbers(3..5))]));
    assert_eq!(run.wait().unwrap().partitions.len(), 2);
    assert_eq!((here.releases(), coming.releases()), (1, 1));
}

/// Fails the first time that it runs each task.
struct Flaky(RowKernels, parking_lot::Mutex<usize>, usize);

impl Kernels for Flaky {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let mut failures = self.1.lock();
        if *failures > 0 {
            *failures -= 1;
            drop(failures);
            match self.2 {
                0 => return Err(KernelError::Compute("a passing trouble".to_owned())),
                _ => panic!("a bug of the engine"),
            }
        }
        drop(failures);
        self.0.run(fragment, inputs, context)
    }
}

#[test]
fn law_l1_a_run_that_failed_can_be_tried_again() {
    for panics in [0, 1] {
        let sources = [Source::rows("one", &numbers(0..3)), Source::rows("two", &numbers(3..5))];
        let frame = frame(&sources).sort([col("a").asc()]).unwrap();
        let executor = LocalExecutor::new(Arc::new(Flaky(RowKernels::default(), 1.into(), panics)), 2);
        let plan = planner(&frame).plan(frame.expr()).unwrap();
        drop(frame);
        let error = leafhold::run::collect(&plan, &executor).unwrap_err();
        assert_eq!(error.report().unwrap().tasks.len(), 3, "{error}");
        assert!(sources.iter().all(|source| source.releases() == 0), "the plan may be tried again");
        let collected = leafhold::run::collect(&plan, &executor).unwrap();
        assert_eq!(rows_of(&collected.batches), numbers(0..5));
        drop(plan);
        assert!(sources.iter().all(|source| source.releases() == 1));
    }
}

#[test]
fn law_l2_optimizing_a_leaf_away_drops_it_from_the_plan_and_not_from_the_expression() {
    let (kept, unneeded) = (Source::rows("kept", &numbers(0..3)), Source::rows("unneeded", &numbers(0..3)));
    let nothing = frame([&unneeded]).filter(lit(false)).unwrap();
    let both = frame([&kept]).union(&nothing).unwrap();
    drop(nothing);
    let plan = planner(&both).plan(both.expr()).unwrap();
    assert_eq!(unneeded.releases(), 0, "the expression has it");
    drop(both);
    assert_eq!((kept.releases(), unneeded.releases()), (0, 1));
    drop(plan);
    assert_eq!(kept.releases(), 1);
}

#[test]
fn law_l2_reports_and_collected_rows_hold_nothing() {
    let source = Source::rows("k", &numbers(0..3));
    let frame = frame([&source]);
    let collected = frame.collect(&planner(&frame), &executor()).unwrap();
    drop(frame);
    assert_eq!(source.releases(), 1);
    assert_eq!(collected.rows(), 3);
}

#[test]
fn law_l2_observers_and_kernels_that_panic_leak_nothing() {
    struct Panics;
    impl Observer for Panics {
        fn on_event(&self, _: &TaskEvent) {
            panic!("an observer's bug");
        }
        fn on_finish(&self, _: &RunReport) {
            panic!("another one");
        }
    }
    for failures in [0, 2] {
        let sources = [Source::new("one", true), Source::new("two", false)];
        sources.iter().for_each(|source| source.finish(FutureValue::table(vec![batch(&numbers(0..2))])));
        let frame = frame(&sources);
        let kernels = Arc::new(Flaky(RowKernels::default(), failures.into(), 1));
        let executor = LocalExecutor::new(kernels, 2).with_observer(Arc::new(Panics));
        let result = frame.collect(&planner(&frame), &executor);
        assert_eq!(result.is_ok(), failures == 0);
        drop((frame, result));
        assert!(sources.iter().all(|source| source.releases() == 1), "also by release code that panics");
    }
}

#[test]
fn law_l2_threads_that_collect_and_drop_release_once() {
    for _ in 0..20 {
        let source = Source::rows("k", &numbers(0..3));
        let frame = frame([&source]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let frame = frame.clone();
                scope.spawn(move || assert_eq!(rows(&frame), numbers(0..3)));
            }
            drop(frame);
        });
        assert_eq!(source.releases(), 1);
    }
}
