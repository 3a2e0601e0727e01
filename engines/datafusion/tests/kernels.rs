//! Fragments built by hand, run on the kernels.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::{AggregateCall, AggregateFunction, BinaryOp, JoinKind, Scalar, SortKey};
use leafhold::leaf::PartitionData;
use leafhold::lower::{Fragment, FragmentNode, FragmentOp, FragmentOutput};
use leafhold::optimize::PhysicalOp;
use leafhold::run::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};
use leafhold::term::{AggregatePhase, Side};
use leafhold::token::Tokenizer;
use leafhold_datafusion::DataFusionKernels;

type Row = Vec<Option<i64>>;

fn schema(columns: usize) -> SchemaRef {
    let fields = (0..columns).map(|at| Field::new(format!("c{at}"), DataType::Int64, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn table(columns: usize, rows: &[Row]) -> SlotData {
    let arrays = (0..columns).map(|at| Arc::new(Int64Array::from_iter(rows.iter().map(|row| row[at]))) as _);
    vec![Arc::new(vec![RecordBatch::try_new(schema(columns), arrays.collect()).unwrap()])]
}

fn input(slot: usize, columns: usize) -> FragmentNode {
    FragmentNode {
        op: FragmentOp::Input { slot, columns: None },
        inputs: vec![],
        schema: schema(columns),
        plan_node: None,
    }
}

fn node(op: PhysicalOp<usize>, inputs: Vec<usize>, columns: usize) -> FragmentNode {
    FragmentNode {
        op: FragmentOp::Compute { op, argument_schema: None },
        inputs,
        schema: schema(columns),
        plan_node: None,
    }
}

fn run_to(nodes: Vec<FragmentNode>, output: FragmentOutput, inputs: Vec<SlotData>) -> TaskOutput {
    let token = Tokenizer::new("test").finish();
    let fragment = Fragment { nodes, output, inputs: inputs.len(), token, label: "test".into() };
    DataFusionKernels.run(&fragment, inputs, &TaskContext::default()).unwrap()
}

fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let row = |batch: &RecordBatch, at: usize| -> Row {
        batch.columns().iter().map(|column| column.as_primitive::<Int64Type>().iter().nth(at).unwrap()).collect()
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

fn run(nodes: Vec<FragmentNode>, inputs: Vec<SlotData>) -> Vec<Row> {
    let mut rows = rows(&run_to(nodes, FragmentOutput::Whole, inputs).ports[0]);
    rows.sort();
    rows
}

fn column(at: usize) -> Scalar<usize> {
    Scalar::column(at)
}

fn left() -> Vec<Row> {
    vec![vec![Some(1), Some(10)], vec![Some(2), Some(20)], vec![Some(2), Some(21)], vec![None, Some(30)]]
}

fn right() -> Vec<Row> {
    vec![vec![Some(2), Some(200)], vec![Some(3), Some(300)], vec![None, Some(400)]]
}

/// SQL's joins, one pair at a time.
fn joined(kind: JoinKind, left: &[Row], right: &[Row]) -> Vec<Row> {
    let equal = |l: &Row, r: &Row| Some(l[0]? == r[0]?);
    let both = |l: &Row, r: &Row| l.iter().chain(r).copied().collect::<Row>();
    let nulls: Row = vec![None, None];
    let mut rows = Vec::new();
    for l in left {
        let matches: Vec<&Row> = right.iter().filter(|r| equal(l, r) == Some(true)).collect();
        let unknown = right.iter().any(|r| equal(l, r).is_none());
        match kind {
            JoinKind::Semi if !matches.is_empty() => rows.push(l.clone()),
            JoinKind::Anti if matches.is_empty() => rows.push(l.clone()),
            JoinKind::NullAwareAnti if matches.is_empty() && !unknown => rows.push(l.clone()),
            JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full => {
                rows.extend(matches.iter().map(|r| both(l, r)));
                if matches.is_empty() && kind.nulls_right() {
                    rows.push(both(l, &nulls));
                }
            }
            _ => {}
        }
    }
    if kind.nulls_left() {
        let lonely = right.iter().filter(|r| !left.iter().any(|l| equal(l, r) == Some(true)));
        rows.extend(lonely.map(|r| both(&nulls, r)));
    }
    rows.sort();
    rows
}

#[test]
fn every_kind_of_join_by_hash_from_either_side_and_by_pairs() {
    let without_nulls: Vec<Row> = right().into_iter().take(2).collect();
    for kind in JoinKind::ALL {
        let width = if kind.gives_right() { 4 } else { 2 };
        for right in [right(), without_nulls.clone(), Vec::new()] {
            let expected = joined(kind, &left(), &right);
            let inputs = || vec![table(2, &left()), table(2, &right)];
            for build in [Side::Left, Side::Right] {
                let keys = vec![(column(0), column(0))];
                let join = PhysicalOp::HashJoin { kind, keys, residual: None, build };
                let found = run(vec![input(0, 2), input(1, 2), node(join, vec![0, 1], width)], inputs());
                assert_eq!(found, expected, "{kind}, hash table of the {build:?} side");
            }
            let condition = Some(Scalar::binary(BinaryOp::Eq, column(0), column(2)));
            let join = PhysicalOp::NestedLoopJoin { kind, condition };
            let found = run(vec![input(0, 2), input(1, 2), node(join, vec![0, 1], width)], inputs());
            assert_eq!(found, expected, "{kind}, by pairs");
        }
    }
}

#[test]
fn a_residual_reads_both_sides_and_a_projection_follows() {
    for build in [Side::Left, Side::Right] {
        let residual = Some(Scalar::binary(BinaryOp::Gt, column(1), Scalar::literal(20i64)));
        let keys = vec![(column(0), column(0))];
        let join = PhysicalOp::HashJoin { kind: JoinKind::Inner, keys, residual, build };
        let project = PhysicalOp::Project { columns: vec![column(3), column(1)] };
        let nodes = vec![input(0, 2), input(1, 2), node(join, vec![0, 1], 4), node(project, vec![2], 2)];
        let output = run_to(nodes, FragmentOutput::Whole, vec![table(2, &left()), table(2, &right())]);
        assert_eq!(rows(&output.ports[0]), [vec![Some(200), Some(21)]]);
        assert_eq!(output.node_rows, [Some(4), Some(3), Some(1), Some(1)]);
    }
}

#[test]
fn an_aggregate_in_two_halves_is_the_whole() {
    let calls = || {
        let of = |function| AggregateCall::new(function, [column(1)]);
        vec![
            of(AggregateFunction::Sum),
            of(AggregateFunction::Min),
            AggregateCall::new(AggregateFunction::Count, []),
            AggregateCall::new(AggregateFunction::Count, [column(1)]).distinct(),
            of(AggregateFunction::Count).filter(Scalar::binary(BinaryOp::Gt, column(1), Scalar::literal(20i64))),
        ]
    };
    let op = |phase| PhysicalOp::Aggregate { phase, group: vec![0], aggregates: calls() };
    let whole = run(vec![input(0, 2), node(op(AggregatePhase::Single), vec![0], 6)], vec![table(2, &left())]);
    assert_eq!(whole[2], [Some(2), Some(41), Some(20), Some(2), Some(2), Some(1)]);

    let partial = |rows: &[Row]| {
        let nodes = vec![input(0, 2), node(op(AggregatePhase::Partial), vec![0], 1)];
        Arc::new(run_to(nodes, FragmentOutput::Whole, vec![table(2, rows)]).ports.remove(0))
    };
    let halves = vec![partial(&left()[..2]), partial(&left()[2..])];
    let over_states = |phase, width| {
        let mut node = node(op(phase), vec![0], width);
        node.op = FragmentOp::Compute { op: op(phase), argument_schema: Some(schema(2)) };
        node
    };
    let last = || over_states(AggregatePhase::Final, 6);
    assert_eq!(run(vec![input(0, 1), last()], vec![halves.clone()]), whole);

    // States may be combined on the way, as often as one likes.
    let combine = |states: Vec<PartitionData>| {
        let nodes = vec![input(0, 1), over_states(AggregatePhase::Combine, 1)];
        Arc::new(run_to(nodes, FragmentOutput::Whole, vec![states]).ports.remove(0))
    };
    let combined = combine(vec![combine(halves), partial(&[])]);
    assert_eq!(run(vec![input(0, 1), last()], vec![vec![combined]]), whole);
}

#[test]
fn rows_are_split_by_the_hash_of_columns_alike_everywhere() {
    let many: Vec<Row> = (0..1000).map(|n| vec![Some(n % 50), Some(n)]).collect();
    let output = FragmentOutput::Hashed { columns: vec![0], ports: 3, function: None };
    let split = |rows: &[Row]| run_to(vec![input(0, 2)], output.clone(), vec![table(2, rows)]).ports;
    let (first, second) = (split(&many[..500]), split(&many[500..]));
    assert_eq!(first.iter().chain(&second).map(|port| rows(port).len()).sum::<usize>(), 1000);
    let keys =
        |port: &[RecordBatch]| rows(port).into_iter().map(|row| row[0]).collect::<std::collections::BTreeSet<_>>();
    for port in 0..3 {
        assert_eq!(keys(&first[port]), keys(&second[port]));
    }
    let empty = split(&[]);
    assert!(empty.iter().all(|port| port.len() == 1 && port[0].num_rows() == 0 && port[0].num_columns() == 2));
}

#[test]
fn sorted_sources_are_merged_and_limits_count() {
    let keys = vec![SortKey { scalar: column(1), descending: true, nulls_first: false }];
    let sorted = |rows: &[Row]| {
        let sort = PhysicalOp::Sort { keys: keys.clone(), fetch: Some(3) };
        let nodes = vec![input(0, 2), node(sort, vec![0], 2)];
        Arc::new(run_to(nodes, FragmentOutput::Whole, vec![table(2, rows)]).ports.remove(0))
    };
    let mut merge = input(0, 2);
    merge.op = FragmentOp::MergeInput { slot: 0, keys: keys.clone(), fetch: Some(4) };
    let limit = node(PhysicalOp::Limit { offset: 1, fetch: Some(2) }, vec![0], 2);
    let output = run_to(vec![merge, limit], FragmentOutput::Whole, vec![vec![sorted(&left()), sorted(&right())]]);
    assert_eq!(rows(&output.ports[0]), [vec![Some(3), Some(300)], vec![Some(2), Some(200)]]);
}

#[test]
fn a_union_keeps_the_order_of_its_inputs() {
    let nodes = vec![input(0, 2), input(1, 2), node(PhysicalOp::Union, vec![0, 1], 2)];
    let output = run_to(nodes, FragmentOutput::Whole, vec![table(2, &right()), table(2, &left())]);
    assert_eq!(rows(&output.ports[0]), [right(), left()].concat());
}

#[test]
fn errors_and_cancellation_are_told() {
    let divide = Scalar::binary(BinaryOp::Divide, column(1), Scalar::literal(0i64));
    let nodes = vec![input(0, 2), node(PhysicalOp::Project { columns: vec![divide] }, vec![0], 1)];
    let token = Tokenizer::new("test").finish();
    let fragment = Fragment { nodes, output: FragmentOutput::Whole, inputs: 1, token, label: "project".into() };
    let run = |context: &TaskContext| DataFusionKernels.run(&fragment, vec![table(2, &left())], context).unwrap_err();
    let error = run(&TaskContext::default());
    assert!(error.to_string().to_lowercase().contains("divide by zero"), "{error}");
    // Where it was raised: the operators at work, as the text of the task graph has them.
    let (error, trace) = error.split_trace();
    assert!(matches!(error, KernelError::Compute(_)), "{error:?}");
    let lines: Vec<String> = trace.unwrap().lines().map(str::to_owned).collect();
    let [said, .., read, project] = &lines[..] else { panic!("{lines:?}") };
    assert!(said.contains("Arrow error: Divide by zero"), "{said}");
    assert_eq!(read, &format!("%0 = input slot 0; {} rows so far", left().len()));
    assert_eq!(project, "%1 = project %0: (c1 / 0); 0 rows so far");
    let cancelled = TaskContext::default();
    cancelled.cancelled.set();
    assert_eq!(run(&cancelled), KernelError::Cancelled);
}
