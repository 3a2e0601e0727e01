//! Many partitions into one, by trees of tasks of a bounded fan-in.

use std::sync::Arc;

use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::{Partitioning, Plan};
use leafhold::run::{LocalExecutor, TaskState, collect};
use proptest::prelude::*;

use crate::kernels::{Row, RowKernels, rows_of};
use crate::plans::{Builder, Node, numbers};

/// What gathers rows of many partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gathering {
    Plain,
    Merge,
    TopK,
    Sums,
    Limit,
}

fn planned(builder: &mut Builder, input: &Node, gathering: Gathering) -> Node {
    match gathering {
        Gathering::Plain => builder.exchange(input, Partitioning::Single),
        Gathering::Merge => builder.sorted(input, None),
        Gathering::TopK => builder.sorted(input, Some(4)),
        Gathering::Sums => builder.sums(input),
        Gathering::Limit => builder.limit(input, 1, 4),
    }
}

fn plan(partitions: &[Vec<Row>], gathering: Gathering, fan_in: usize) -> Plan {
    let mut builder = Builder::default();
    let read = builder.values(partitions);
    let root = planned(&mut builder, &read, gathering);
    Plan { fan_in, ..builder.plan(&root) }
}

fn rows(plan: &Plan) -> Vec<Row> {
    rows_of(&collect(plan, &LocalExecutor::new(Arc::new(RowKernels::default()), 2)).unwrap().batches)
}

/// How many tasks each stage has, and how many tasks each of a stage reads at most.
fn stages(graph: &TaskGraph) -> Vec<(usize, usize)> {
    let mut stages = vec![(0, 0); graph.tasks().map(|task| task.stage + 1).max().unwrap_or(0)];
    for (id, task) in graph.ids().zip(graph.tasks()) {
        let (count, reads) = stages[task.stage];
        stages[task.stage] = (count + 1, reads.max(graph.reads(id).len()));
    }
    stages
}

#[test]
fn a_tree_reduces_what_gets_fewer() {
    let partitions: Vec<_> = (0..100).map(|at| numbers(at..at + 3)).collect();
    for gathering in [Gathering::Merge, Gathering::TopK, Gathering::Sums, Gathering::Limit] {
        let graph = lower(&plan(&partitions, gathering, 8)).unwrap();
        // 100 by at most 8 are 13, and these 2.
        assert_eq!(stages(&graph), [(100, 0), (13, 8), (2, 7), (1, 2)], "{gathering:?}");
    }
    let graph = lower(&plan(&partitions, Gathering::Plain, 8)).unwrap();
    assert_eq!(stages(&graph), [(100, 0), (1, 100)], "copies make nothing fewer");
    let graph = lower(&plan(&partitions[..8], Gathering::Sums, 8)).unwrap();
    assert_eq!(stages(&graph), [(8, 0), (1, 8)], "one task may read so many");
}

#[test]
fn a_limit_needs_no_more_sources_than_give_its_rows() {
    let partitions: Vec<_> = (0..5).map(|at| numbers(at..at + 3)).collect();
    let graph = lower(&plan(&partitions, Gathering::Limit, 2)).unwrap();
    for task in graph.tasks().skip(5) {
        assert_eq!(task.fragment.enough(0), Some(5), "offset and rows");
    }
    // A part of the work is not done: no partition gives more than is needed.
    assert!(graph.tasks().take(5).all(|task| task.fragment.label == "limit"));
    for gathering in [Gathering::Plain, Gathering::Merge, Gathering::TopK, Gathering::Sums] {
        let graph = lower(&plan(&partitions, gathering, 2)).unwrap();
        assert!(graph.tasks().all(|task| (0..task.fragment.inputs).all(|slot| task.fragment.enough(slot).is_none())));
    }
    // Somebody else wants all of it.
    let mut builder = Builder::default();
    let read = builder.values(&partitions);
    let single = builder.exchange(&read, Partitioning::Single);
    let (limited, all) = (builder.limit(&single, 0, 2), builder.project(&single, &[0, 1]));
    let both = builder.union(&[&limited, &all], Partitioning::Single);
    let plan = builder.plan(&both);
    assert_eq!(rows(&plan).len(), 2 + 15);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_gives_what_one_task_gives(
        sizes in prop::collection::vec(0..4i64, 1..40),
        gathering in prop::sample::select(vec![
            Gathering::Plain, Gathering::Merge, Gathering::TopK, Gathering::Sums, Gathering::Limit,
        ]),
        fan_in in 2..7usize,
    ) {
        let partitions: Vec<_> = sizes.iter().map(|size| numbers(0..*size)).collect();
        let (tree, one) = (plan(&partitions, gathering, fan_in), plan(&partitions, gathering, 1_000));
        let graph = lower(&tree).unwrap();
        if gathering != Gathering::Plain {
            prop_assert!(stages(&graph).iter().all(|(_, reads)| *reads <= fan_in));
        }
        prop_assert_eq!(rows(&tree), rows(&one));
    }
}

#[test]
fn a_limit_that_has_enough_rows_skips_the_rest() {
    let partitions: Vec<_> = (0..8).map(|at| numbers(at * 3..at * 3 + 3)).collect();
    for fan_in in [2, 100] {
        let plan = plan(&partitions, Gathering::Limit, fan_in);
        let collected = collect(&plan, &LocalExecutor::new(Arc::new(RowKernels::default()), 1)).unwrap();
        assert_eq!(rows_of(&collected.batches), numbers(1..5));
        let of_first_stage =
            |state| collected.report.tasks.iter().filter(|event| event.stage == 0 && event.state == state).count();
        assert_eq!((of_first_stage(TaskState::Ok), of_first_stage(TaskState::Skipped)), (2, 6), "fan-in {fan_in}");
        assert!(collected.report.is_ok());
        assert_eq!(collected.report.tasks.len(), lower(&plan).unwrap().len(), "one event per planned task");
    }
}
