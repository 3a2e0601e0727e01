//! Sorts of many rows: partitions are sorted where they lie, and merged range by range.

use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::expr::wire::{NoCodec, ReadContext};
use leafhold::expr::{CoreFunctions, Frame, col};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{FragmentOutput, TaskGraph, lower};
use leafhold::optimize::{Plan, PlanNode, Planner, ResultPartitions};
use leafhold::run::{Executor, LocalExecutor};
use proptest::prelude::*;

use crate::kernels::{Row, RowKernels, rows_of};
use crate::plans::{Builder, Node, batch, two_columns};

/// The same node over as many rows as make ranges pay, by the optimizer's word.
fn large(node: &Node) -> Node {
    let mut node = PlanNode::clone(node);
    node.rows = 1e7;
    Arc::new(node)
}

/// The same of all nodes of a tree.
fn deep(node: &Node) -> Node {
    let mut node = PlanNode::clone(&large(node));
    node.inputs = node.inputs.iter().map(deep).collect();
    Arc::new(node)
}

fn plan(partitions: &[Vec<Row>], ports: usize) -> Plan {
    let mut builder = Builder::default();
    let read = builder.values(partitions);
    let sorted = large(&builder.sorted(&read, None));
    Plan { target_partitions: ports, ..builder.plan(&sorted) }
}

fn run(graph: TaskGraph) -> Vec<Vec<Row>> {
    let run = LocalExecutor::new(Arc::new(RowKernels::default()), 2).submit(graph);
    run.wait().unwrap().partitions.iter().map(|data| rows_of(data)).collect()
}

fn keyed(keys: &[i64]) -> Vec<Row> {
    keys.iter().map(|key| vec![*key, key * 10]).collect()
}

#[test]
fn large_sorts_are_merged_by_ranges_and_small_ones_at_once() {
    let partitions = vec![keyed(&[5, 1, 4]), keyed(&[2, 6, 3])];
    let graph = lower(&plan(&partitions, 3)).unwrap();
    let labels: Vec<_> = graph.stages().iter().map(|stage| (stage.fragment.label.clone(), stage.tasks.len())).collect();
    let stage = |label: &str, tasks| (label.to_owned(), tasks);
    assert_eq!(
        labels,
        [
            stage("sort", 2),
            stage("sample", 2),
            stage("merge > sample", 1),
            stage("divide", 2),
            stage("merge > project", 3)
        ]
    );
    assert_eq!((graph.outputs.len(), graph.shuffles()), (3, 1), "the result has the ranges as its partitions");
    assert_eq!(
        graph[5].fragment.output,
        FragmentOutput::Ranged {
            keys: vec![leafhold::lower::RangeKey { column: 0, descending: false, nulls_first: false }],
            boundaries: 1,
            ports: 3
        }
    );
    assert!(graph.to_text().contains(" -> ranged [c0] over 3 ports by slot 1\n"));
    assert_eq!(run(graph).concat(), keyed(&[1, 2, 3, 4, 5, 6]));

    // Whoever needs one partition reads them one after the other.
    let mut builder = Builder::default();
    let read = builder.values(&partitions);
    let sorted = large(&builder.sorted(&read, None));
    let limited = builder.limit(&sorted, 1, 3);
    let graph = lower(&builder.plan(&limited)).unwrap();
    assert_eq!(run(graph), [keyed(&[2, 3, 4])]);

    let mut builder = Builder::default();
    let read = builder.values(&partitions);
    let few = builder.sorted(&read, None);
    assert_eq!(lower(&builder.plan(&few)).unwrap().len(), 3);
}

#[test]
fn computed_keys_are_columns_while_rows_are_sorted() {
    let rows = |keys: &[i64]| keys.iter().map(|key| vec![*key, -2 * key]).collect::<Vec<_>>();
    let table = |partitions: &[&[i64]]| {
        let partitions = partitions.iter().map(|keys| vec![batch(&rows(keys))]).collect();
        Frame::from_leaf(Leaf::Values(Values::new("t", two_columns(), partitions))).unwrap()
    };
    let frame = table(&[&[5, 1, 4], &[2, 6, 3]]);
    let sorted = |frame: &Frame| frame.clone().sort([(col("a") + col("b")).asc()]).unwrap();
    let planner = Planner::new(frame.functions().clone()).with_target_partitions(3);
    let plan = planner.plan(sorted(&frame).expr()).unwrap();
    let text = |plan: &Plan| PlanText::new(plan).body().to_string();
    for line in ["project [a b]", "\n  exchange single merge [key1]", "\n    sort [key1]", "\n      project [a b"] {
        assert!(text(&plan).contains(line), "{line:?} in {}", text(&plan));
    }
    assert_eq!(text(&plan).matches("(a + b)").count(), 1, "{}", text(&plan));
    let graph = lower(&Plan { root: deep(&plan.root), ..plan }).unwrap();
    assert_eq!(graph.stages().iter().map(|stage| stage.tasks.len()).collect::<Vec<_>>(), [2, 2, 1, 2, 3]);
    assert_eq!(run(graph).concat(), rows(&[6, 5, 4, 3, 2, 1]));
    // Nothing is merged where rows are in one place or only the first are wanted.
    let first = planner.plan(sorted(&frame).limit(0, 2).expr()).unwrap();
    assert!(!text(&first).contains("key1"), "{}", text(&first));
    let one = table(&[&[2, 1]]);
    let alone = planner.plan(sorted(&one).expr()).unwrap();
    assert!(!text(&alone).contains("key1"), "{}", text(&alone));
}

#[test]
fn no_range_has_more_than_twice_its_share() {
    // 8 partitions of 64 distinct keys each, every one with keys of its own region.
    let key = |at: i64| (at * 7919) % 512;
    let partitions: Vec<_> =
        (0..8).map(|part| (part * 64..part * 64 + 64).map(|at| vec![key(at / 2 * 2 + at % 2), at]).collect()).collect();
    let sizes: Vec<usize> = run(lower(&plan(&partitions, 8)).unwrap()).iter().map(Vec::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 512);
    assert!(sizes.iter().all(|size| *size <= 2 * 64), "{sizes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn ranges_in_order_are_the_sorted_rows(
        partitions in prop::collection::vec(prop::collection::vec(-5..6i64, 0..12), 2..6),
        ports in 2..6usize,
    ) {
        let rows: Vec<Vec<Row>> = partitions.iter().map(|keys| keyed(keys)).collect();
        let graph = lower(&plan(&rows, ports)).unwrap();
        let document = graph.to_json(&NoCodec).unwrap();
        let read = TaskGraph::from_json(&document, &ReadContext::new(&CoreFunctions)).unwrap();
        prop_assert_eq!(read.to_json(&NoCodec).unwrap(), document);
        let mut expected = rows.concat();
        expected.sort();
        prop_assert_eq!(run(read).concat(), expected.clone());
        let wished = Plan { result: Some(ResultPartitions { hashed: Vec::new(), count: 7 }), ..plan(&rows, ports) };
        prop_assert_eq!(run(lower(&wished).unwrap()).concat(), expected, "no wish costs the order");
        // Equal rows are in one range.
        let found = run(graph);
        for (left, right) in found.iter().zip(&found[1..]) {
            prop_assert!(left.last().zip(right.first()).is_none_or(|(left, right)| left[0] < right[0]));
        }
    }
}
