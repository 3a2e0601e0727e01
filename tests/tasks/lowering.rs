use std::sync::Arc;

use leafhold::expr::{AggregateCall, AggregateFunction, Scalar};
use leafhold::lower::{Fragment, FragmentOp, FragmentOutput, LowerError, Source, TaskGraph, lower};
use leafhold::optimize::{Partitioning, PhysicalOp, PlanNode, PlanOp};
use leafhold::term::{AggregatePhase, ColumnId};

use crate::plans::{Builder, numbers};

fn stages(graph: &TaskGraph) -> usize {
    graph.tasks().map(|task| task.stage + 1).max().unwrap_or(0)
}

/// How many operators of a fragment stand above one another.
fn height(fragment: &Fragment) -> usize {
    let mut heights: Vec<usize> = Vec::new();
    for node in &fragment.nodes {
        heights.push(1 + node.inputs.iter().map(|input| heights[*input]).max().unwrap_or(0));
    }
    heights.last().copied().unwrap_or(0)
}

#[test]
fn blockwise_chains_are_one_fragment() {
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..2), numbers(2..4), numbers(4..6)]);
    let first = builder.project(&read, &[1, 0]);
    let second = builder.project(&first, &[1]);
    let graph = lower(&builder.plan(&second)).unwrap();
    assert_eq!((graph.len(), stages(&graph)), (3, 1));
    let fragment = &graph[0].fragment;
    assert!(graph.tasks().all(|task| Arc::ptr_eq(&task.fragment, fragment)));
    assert_eq!(fragment.label, "project > project");
    assert_eq!(fragment.nodes.iter().map(|node| node.plan_node).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    assert_eq!(fragment.nodes[1].schema.field(0).name(), "c0");
    assert_eq!(fragment.nodes[2].schema.field(0).name(), "r0", "the root has the user's names");
}

#[test]
fn hashed_exchange_has_a_port_per_partition() {
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..2), numbers(2..4)]);
    let hashed = builder.hashed(&read);
    let graph = lower(&builder.plan(&hashed)).unwrap();
    assert_eq!((graph.len(), stages(&graph)), (5, 2));
    assert_eq!(graph[0].fragment.output, FragmentOutput::Hashed { columns: vec![0], ports: 3, function: None });
    for (partition, output) in graph.outputs.iter().enumerate() {
        let ports: Vec<_> = graph
            .sources(*output)
            .map(|source| match source {
                Source::Task { task, port } => (task.index(), port),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ports, [(0, partition), (1, partition)]);
    }
}

#[test]
fn final_aggregate_knows_the_schema_of_the_partial_input() {
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..2), numbers(2..4)]);
    let (key, argument) = (read.output[0], read.output[1]);
    let sum = builder.fresh(1)[0];
    let aggregate = |phase, input: &Arc<PlanNode>, output: Vec<ColumnId>| {
        let call = AggregateCall::new(AggregateFunction::Sum, [Scalar::column(argument)]);
        let op = PhysicalOp::Aggregate { phase, group: vec![key], aggregates: vec![call] };
        Arc::new(PlanNode {
            op: PlanOp::Compute(op),
            inputs: vec![input.clone()],
            output,
            partitioning: Partitioning::Any,
            rows: 1.0,
            cost: 1.0,
        })
    };
    let partial = aggregate(AggregatePhase::Partial, &read, vec![key, sum]);
    let exchanged = builder.hashed(&partial);
    let whole = aggregate(AggregatePhase::Final, &exchanged, vec![key, sum]);
    let graph = lower(&builder.plan(&whole)).unwrap();
    let nodes = &graph.task(graph.outputs[0]).fragment.nodes;
    let found = nodes.iter().find_map(|node| match &node.op {
        FragmentOp::Compute { op: PhysicalOp::Aggregate { group, aggregates, .. }, argument_schema } => {
            Some((group, aggregates, argument_schema))
        }
        _ => None,
    });
    let (group, aggregates, argument_schema) = found.unwrap();
    assert_eq!(group, &[0]);
    assert_eq!(aggregates[0].to_string(), "(sum 1)");
    assert_eq!(argument_schema.as_ref().unwrap().fields().len(), 2);
    assert_eq!(nodes[0].schema.fields().len(), 1, "of a partial state, only the keys are ours");

    let mut builder = Builder::default();
    builder.fresh(3);
    let read = builder.values(&[numbers(0..2)]);
    let alone = aggregate(AggregatePhase::Final, &read, vec![key, sum]);
    assert_eq!(lower(&builder.plan(&alone)).unwrap_err(), LowerError::NoPartial { node: 1 });
}

#[test]
fn a_plan_without_the_leaf_that_it_reads_is_an_error() {
    let mut builder = Builder::default();
    let read = builder.delayed(&[numbers(0..2)]);
    let mut plan = builder.plan(&read);
    plan.leaves.clear();
    let error = lower(&plan).unwrap_err();
    assert_eq!(error, LowerError::MissingLeaf { leaf: 0, owned: 0 });
    assert!(error.to_string().contains("must own every leaf"));
}

#[test]
fn unknown_columns_and_unequal_partitions_are_errors() {
    let mut builder = Builder::default();
    let (two, three) = (builder.values(&vec![numbers(0..2); 2]), builder.values(&vec![numbers(0..2); 3]));
    let join = builder.join(&two, &three);
    let error = lower(&builder.plan(&join)).unwrap_err();
    assert_eq!(error, LowerError::Partitions { operator: "hash-join", node: 2, left: 3, right: 2 });

    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..2)]);
    let mut plan = builder.plan(&read);
    plan.output[1].1 = ColumnId(7);
    assert!(matches!(lower(&plan).unwrap_err(), LowerError::MissingColumn { column: ColumnId(7), .. }));
}

#[test]
fn identical_work_is_one_task() {
    let mut builder = Builder::default();
    let rows = [numbers(0..2), numbers(2..4)];
    // Two reads of equal content under other column ids.
    let (a, b) = (builder.values(&rows), builder.values(&rows));
    let (a, b) = (builder.project(&a, &[1, 0]), builder.project(&b, &[1, 0]));
    let union = builder.union(&[&a, &b], Partitioning::Any);
    let graph = lower(&builder.plan(&union)).unwrap();
    assert_eq!(graph.len(), 2 + 4);
    // Each task stands for the node of the other read or projection, too.
    let aliases: Vec<_> = graph.aliases().iter().map(|alias| (alias.task.index(), alias.plan_node)).collect();
    assert_eq!(aliases, [(0, 2), (0, 3), (1, 2), (1, 3)]);
}

#[test]
fn tokens_are_content() {
    let graph = |shift: usize| {
        let mut builder = Builder::default();
        builder.fresh(shift);
        let read = builder.values(&[numbers(0..2), numbers(2..4)]);
        let hashed = builder.hashed(&read);
        lower(&builder.plan(&hashed)).unwrap()
    };
    let tokens = |graph: &TaskGraph| graph.tasks().map(|task| task.token).collect::<Vec<_>>();
    assert_eq!(tokens(&graph(0)), tokens(&graph(5)), "column ids are not content");
}

#[test]
fn priorities_go_depth_first() {
    let mut builder = Builder::default();
    let reads: Vec<_> = (0..3).map(|at| builder.values(&[numbers(at..at + 2), numbers(at + 2..at + 4)])).collect();
    let sorted: Vec<_> = reads.iter().map(|read| builder.sorted(read, None)).collect();
    let union = builder.union(&sorted.iter().collect::<Vec<_>>(), Partitioning::Any);
    let graph = lower(&builder.plan(&union)).unwrap();
    let mut order: Vec<_> = graph.ids().collect();
    order.sort_by_key(|task| std::cmp::Reverse(graph.task(*task).priority));
    // Each sort is merged before the next one begins.
    let labels: Vec<_> = order.iter().map(|task| graph.task(*task).fragment.label.as_str()).collect();
    assert_eq!(labels, ["sort", "sort", "merge", "project"].repeat(3));
}

#[test]
fn text_is_by_stage_and_the_same_every_time() {
    let text = || {
        let mut builder = Builder::default();
        let (left, right) = (builder.delayed(&[numbers(0..2), numbers(2..4)]), builder.delayed(&[numbers(0..9)]));
        let right = builder.exchange(&right, Partitioning::Replicated);
        let join = builder.join(&left, &right);
        let sorted = builder.sorted(&join, Some(3));
        lower(&builder.plan(&sorted)).unwrap().to_text()
    };
    assert_eq!(text(), text());
    let expected = "\
4 tasks in 3 stages

stage 0: 1 task
  slot 0: 1 part of `delayed` each
  %0 = input slot 0

stage 1: 2 tasks
  slot 0: 1 part of `delayed` each
  slot 1: 1 part of stage 0 each
  %0 = input slot 0
  %1 = input slot 1
  %2 = hash-join %0 %1: inner (c0 = c0) build right
  %3 = project %2: c0 c3
  %4 = top-k %3: c0 fetch 3

stage 2: 1 task -> result
  slot 0: 2 parts of stage 1 each
  %0 = merge slot 0: c0 fetch 3
  %1 = project %0: c0 c1
";
    assert_eq!(text(), expected);
}

#[test]
fn deep_plans_do_not_recurse() {
    let mut builder = Builder::default();
    let mut node = builder.values(&[numbers(0..2)]);
    let mut nodes = vec![node.clone()];
    for at in 0..50_000 {
        let op = match at % 1000 {
            0 => builder.union(&[&node, &node], Partitioning::Single),
            _ => Arc::new(PlanNode {
                op: PlanOp::Compute(PhysicalOp::Limit { offset: 0, fetch: None }),
                inputs: vec![node.clone()],
                output: node.output.clone(),
                partitioning: Partitioning::Single,
                rows: 1.0,
                cost: 1.0,
            }),
        };
        node = op;
        nodes.push(node.clone());
    }
    let plan = builder.plan(&node);
    let graph = lower(&plan).unwrap();
    // Engines do recurse, so a fragment is no higher than their stacks; and no piece is cut lower than need be.
    let heights: Vec<usize> = graph.tasks().map(|task| height(&task.fragment)).collect();
    assert!(heights.iter().all(|height| *height <= 64 + 2), "{heights:?}");
    assert!(graph.len() <= 50 * (1000_usize.div_ceil(64) + 1) + 1, "{}", graph.len());
    assert!(graph.task(graph.outputs[0]).fragment.label.len() < 100);
    // Letting go from the top keeps the drop of the plan itself flat.
    drop((plan, node));
    while nodes.pop().is_some() {}
}
