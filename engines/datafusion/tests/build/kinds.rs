//! Every kind of join that replicates a side gives the same rows with a shared build side and with one of each task's.

use std::thread;

use leafhold::expr::{BinaryOp, JoinKind, Scalar};
use leafhold::lower::{Fragment, FragmentNode};
use leafhold::optimize::PhysicalOp;
use leafhold::run::{MemoryBudget, SlotData, StageState, TaskContext};
use leafhold::term::Side;

use crate::builds::Builds;
use crate::stage::{Row, column, fragment, input, node, numbers, rows, run, table};

const KINDS: [(JoinKind, Side); 6] = [
    (JoinKind::Inner, Side::Left),
    (JoinKind::Right, Side::Left),
    (JoinKind::Inner, Side::Right),
    (JoinKind::Left, Side::Right),
    (JoinKind::Semi, Side::Right),
    (JoinKind::Anti, Side::Right),
];

/// A join of slot 0 with slot 1, under a projection, perhaps with more conditions, and perhaps with something to
/// compute on the build side.
fn join(kind: JoinKind, build: Side, residual: bool, computed: bool) -> Vec<FragmentNode> {
    let mut nodes = vec![input(0, 2), input(1, 2)];
    let mut inputs = vec![0, 1];
    if computed {
        let sum = Scalar::binary(BinaryOp::Plus, column(1), Scalar::literal(0i64));
        let side = build_slot(build);
        nodes.push(node(PhysicalOp::Project { columns: vec![column(0), sum] }, vec![side], 2));
        inputs[side] = 2;
    }
    let keys = vec![(column(0), column(0))];
    let residual = residual.then(|| Scalar::binary(BinaryOp::Lt, column(1), column(3)));
    let width = if kind.gives_right() { 4 } else { 2 };
    let join = nodes.len();
    nodes.push(node(PhysicalOp::HashJoin { kind, keys, residual, build }, inputs, width));
    let columns = (0..width).rev().map(column).collect();
    nodes.push(node(PhysicalOp::Project { columns }, vec![join], width));
    nodes
}

fn build_slot(build: Side) -> usize {
    match build {
        Side::Left => 0,
        Side::Right => 1,
    }
}

/// What the tasks read: all of them the same on the build side, and on the other one some rows each.
fn tasks(build: Side) -> Vec<Vec<SlotData>> {
    let mut everywhere = numbers(2..9);
    everywhere.extend(numbers(4..6).into_iter().map(|row| vec![row[0], None]));
    everywhere.push(vec![None, Some(1)]);
    let everywhere = table(2, &everywhere);
    let parts: [Vec<Row>; 4] =
        [numbers(0..5), vec![vec![Some(5), Some(1)], vec![None, Some(2)]], Vec::new(), numbers(7..30)];
    let tasks = parts.iter().map(|part| {
        let mut inputs = vec![table(2, part)];
        inputs.insert(build_slot(build), everywhere.clone());
        inputs
    });
    tasks.collect()
}

fn compare(fragment: &Fragment, build: Side, stage: &StageState, joins: &[(u64, usize)]) {
    let builds = Builds::of(fragment.token);
    let tasks = tasks(build);
    let run_as = |partition: usize, stage: &StageState| {
        let context = TaskContext { partition, stage: stage.clone(), ..TaskContext::default() };
        run(fragment, &tasks[partition], &context).unwrap()
    };
    let alone: Vec<_> = (0..tasks.len()).map(|at| run_as(at, &StageState::default())).collect();
    assert_eq!(builds.counts(), [], "{}: a task that is alone builds as it goes", fragment.label);
    let run_as = &run_as;
    let shared: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..tasks.len()).map(|at| scope.spawn(move || run_as(at, stage))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (alone, shared) in alone.iter().zip(&shared) {
        assert_eq!(rows(alone), rows(shared), "{}", fragment.label);
        assert_eq!(alone.node_rows, shared.node_rows, "{}: rows by node", fragment.label);
    }
    assert_eq!(builds.counts(), joins, "{}: builds", fragment.label);
}

#[test]
fn law_s1_kernels_a_replicated_side_is_built_once() {
    for (kind, build) in KINDS {
        for (residual, computed) in [(false, false), (true, false), (false, true), (true, true)] {
            let nodes = join(kind, build, residual, computed);
            let at = nodes.len() as u64 - 2;
            let name = format!("{kind:?} {build:?} {residual} {computed}");
            let fragment = fragment(&name, nodes, 2);
            compare(&fragment, build, &StageState::new([build_slot(build)]), &[(at, 1)]);
        }
    }
}

#[test]
fn a_side_that_is_not_replicated_is_not_shared() {
    for (kind, build) in KINDS {
        let fragment = fragment(&format!("{kind:?} {build:?} of partitions"), join(kind, build, false, false), 2);
        compare(&fragment, build, &StageState::new([]), &[]);
    }
}

/// A side whose rows are given for their own sake is never replicated by a planner; where somebody does so all the same,
/// every task gives them, as before.
#[test]
fn a_side_whose_own_rows_are_given_is_not_shared() {
    for (kind, build) in [(JoinKind::Left, Side::Left), (JoinKind::Semi, Side::Left), (JoinKind::Full, Side::Right)] {
        let fragment = fragment(&format!("{kind:?} {build:?} gives rows"), join(kind, build, false, false), 2);
        compare(&fragment, build, &StageState::new([build_slot(build)]), &[]);
    }
}

#[test]
fn joins_over_joins_share_each_side_and_what_is_below_it_is_built_with_it() {
    let inner = |keys: (usize, usize)| PhysicalOp::HashJoin {
        kind: JoinKind::Inner,
        keys: vec![(column(keys.0), column(keys.1))],
        residual: None,
        build: Side::Right,
    };
    // Slot 0 is probed with slot 1, and then with a join of slots 2 and 3.
    let nodes = vec![
        input(0, 2),
        input(1, 2),
        node(inner((0, 0)), vec![0, 1], 4),
        input(2, 2),
        input(3, 2),
        node(inner((0, 0)), vec![3, 4], 4),
        node(inner((0, 0)), vec![2, 5], 8),
    ];
    let fragment = fragment("joins over joins", nodes, 4);
    let builds = Builds::of(fragment.token);
    let stage = StageState::new([1, 2, 3]);
    for at in 0..3 {
        let inputs =
            [numbers(at * 5..at * 5 + 5), numbers(2..9), numbers(3..12), numbers(0..8)].map(|rows| table(2, &rows));
        let context = |stage: StageState| TaskContext { partition: at as usize, stage, ..TaskContext::default() };
        let alone = run(&fragment, &inputs, &context(StageState::default())).unwrap();
        let shared = run(&fragment, &inputs, &context(stage.clone())).unwrap();
        assert_eq!(rows(&alone), rows(&shared));
        assert_eq!(alone.node_rows, shared.node_rows);
    }
    assert_eq!(builds.counts(), [(2, 1), (6, 1)]);
}

#[test]
fn what_is_built_counts_once_and_goes_with_the_stage() {
    let (kind, build) = KINDS[2];
    let fragment = fragment("counted once", join(kind, build, false, false), 2);
    let (stage, memory) = (StageState::new([build_slot(build)]), MemoryBudget::limited(u64::MAX));
    let mut used = Vec::new();
    for (partition, inputs) in tasks(build).iter().enumerate() {
        let context = TaskContext { partition, memory: memory.clone(), stage: stage.clone(), ..TaskContext::default() };
        run(&fragment, inputs, &context).unwrap();
        used.push(memory.used());
    }
    assert!(used[0] > 0 && used.iter().all(|bytes| *bytes == used[0]), "{used:?}");
    drop(stage);
    assert_eq!(memory.used(), 0);
}

/// DataFusion keeps metrics of every probe: a stage of very many tasks builds now and then anew, and keeps little.
#[test]
fn a_stage_of_very_many_tasks_builds_seldom() {
    let (kind, build) = KINDS[2];
    let fragment = fragment("very many tasks", join(kind, build, false, false), 2);
    let (builds, stage) = (Builds::of(fragment.token), StageState::new([build_slot(build)]));
    let inputs = &tasks(build)[0];
    for partition in 0..2_500 {
        run(&fragment, inputs, &TaskContext { partition, stage: stage.clone(), ..TaskContext::default() }).unwrap();
    }
    assert_eq!(builds.counts(), [(2, 3)]);
}
