//! A task that cannot build leaves it to the others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;

use leafhold::expr::{AggregateCall, AggregateFunction, BinaryOp, JoinKind, Scalar};
use leafhold::lower::Fragment;
use leafhold::optimize::PhysicalOp;
use leafhold::run::{KernelError, MemoryBudget, StageState, TaskContext};
use leafhold::term::{AggregatePhase, Side};

use crate::builds::Builds;
use crate::stage::{Row, column, fragment, input, node, numbers, rows, run, table};

fn inner() -> PhysicalOp<usize> {
    let keys = vec![(column(0), column(0))];
    PhysicalOp::HashJoin { kind: JoinKind::Inner, keys, residual: None, build: Side::Right }
}

/// A join whose build side divides by what it reads.
fn dividing(name: &str) -> Fragment {
    let quotient = Scalar::binary(BinaryOp::Divide, Scalar::literal(100i64), column(1));
    let divide = PhysicalOp::Project { columns: vec![column(0), quotient] };
    fragment(name, vec![input(0, 2), input(1, 2), node(divide, vec![1], 2), node(inner(), vec![0, 2], 4)], 2)
}

fn good() -> Vec<Row> {
    vec![vec![Some(1), Some(10)], vec![Some(2), Some(20)]]
}

/// What tells one task from the others here: its rows are said to be the same, and are not.
fn bad() -> Vec<Row> {
    vec![vec![Some(1), Some(0)]]
}

#[test]
fn a_build_that_fails_is_tried_by_the_next_task() {
    let fragment = dividing("a build that fails");
    let (builds, stage) = (Builds::of(fragment.token), StageState::new([1]));
    let probe = table(2, &numbers(0..3));
    let run = |build: &[Row]| {
        let context = TaskContext { stage: stage.clone(), ..TaskContext::default() };
        run(&fragment, &[probe.clone(), table(2, build)], &context)
    };
    for _ in 0..2 {
        let error = run(&bad()).unwrap_err();
        assert!(error.to_string().to_lowercase().contains("divide by zero"), "{error}");
    }
    let expected = vec![vec![Some(1), Some(10), Some(1), Some(10)], vec![Some(2), Some(20), Some(2), Some(5)]];
    assert_eq!(rows(&run(&good()).unwrap()), expected);
    // From here on it is there, and nobody looks at these rows.
    assert_eq!(rows(&run(&bad()).unwrap()), expected);
    assert_eq!(builds.counts(), [(3, 3)]);
}

#[test]
fn a_build_that_fails_beside_others_fails_its_task_alone() {
    for at in 0..50 {
        let fragment = dividing(&format!("a build that fails beside others, {at}"));
        let (builds, stage, start) = (Builds::of(fragment.token), StageState::new([1]), Barrier::new(4));
        let probe = table(2, &numbers(0..3));
        let run = |build: Vec<Row>| {
            start.wait();
            let context = TaskContext { stage: stage.clone(), ..TaskContext::default() };
            run(&fragment, &[probe.clone(), table(2, &build)], &context)
        };
        thread::scope(|scope| {
            let failing = scope.spawn(|| run(bad()));
            let others: Vec<_> = (0..3).map(|_| scope.spawn(|| run(good()))).collect();
            // If another one has built, there is nothing to fail at.
            let failed = failing.join().unwrap().is_err();
            others.into_iter().for_each(|other| assert_eq!(rows(&other.join().unwrap().unwrap()).len(), 2));
            assert_eq!(builds.counts(), [(3, 1 + usize::from(failed))]);
        });
    }
}

#[test]
fn a_build_that_panics_is_done_by_the_next_task() {
    let fragment = dividing("a build that panics");
    let (builds, stage) = (Builds::of(fragment.token), StageState::new([1]));
    let inputs = [table(2, &numbers(0..3)), table(2, &good())];
    let run = || run(&fragment, &inputs, &TaskContext { stage: stage.clone(), ..TaskContext::default() });
    builds.panic_once();
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    assert_eq!(rows(&run().unwrap()).len(), 2);
    assert_eq!(builds.counts(), [(3, 1)]);
}

#[test]
fn a_build_that_is_cancelled_is_done_by_who_waits_for_it() {
    // The build side counts all pairs of two slots.
    let pairs = PhysicalOp::NestedLoopJoin { kind: JoinKind::Inner, condition: None };
    let count = AggregateCall::new(AggregateFunction::Count, []);
    let count = PhysicalOp::Aggregate { phase: AggregatePhase::Single, group: vec![], aggregates: vec![count] };
    let nodes = vec![
        input(0, 2),
        input(1, 2),
        input(2, 2),
        node(pairs, vec![1, 2], 4),
        node(count, vec![3], 1),
        node(inner(), vec![0, 4], 3),
    ];
    let fragment = fragment("a build that is cancelled", nodes, 3);
    let builds = Builds::of(fragment.token);
    let stage = StageState::new([1, 2]);
    let memory = MemoryBudget::limited(u64::MAX);
    let probe = table(2, &numbers(0..10));
    let context = || TaskContext { stage: stage.clone(), memory: memory.clone(), ..TaskContext::default() };
    thread::scope(|scope| {
        // Sixteen billion pairs: nobody waits for these.
        let many = table(2, &numbers(0..1 << 17));
        let (long, short) = (context(), context());
        let cancelled = long.cancelled.clone();
        let inputs = [probe.clone(), many.clone(), many];
        let (fragment, memory) = (&fragment, &memory);
        let builder = scope.spawn(move || run(fragment, &inputs, &long));
        while memory.used() == 0 {
            thread::yield_now();
        }
        let few = table(2, &numbers(0..3));
        let inputs = [probe, few.clone(), few];
        let other = scope.spawn(move || run(fragment, &inputs, &short));
        cancelled.set();
        assert_eq!(builder.join().unwrap().unwrap_err(), KernelError::Cancelled);
        assert_eq!(rows(&other.join().unwrap().unwrap()), [vec![Some(9), Some(90), Some(9)]]);
    });
    assert_eq!(builds.counts(), [(5, 2)]);
    drop(stage);
    assert_eq!(memory.used(), 0);
}
