//! Rows that come as slices of a large batch, to operators that count the buffers of each.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use leafhold::expr::{
    AggregateCall, AggregateFunction, BinaryOp, JoinKind, Scalar, SortKey, Window, WindowCall, WindowFunction,
};
use leafhold::lower::{Fragment, FragmentNode, FragmentOp, FragmentOutput};
use leafhold::optimize::PhysicalOp;
use leafhold::run::{Kernels, MemoryBudget, TaskContext, TaskOutput};
use leafhold::term::AggregatePhase;
use leafhold::token::tokenize;
use leafhold_datafusion::DataFusionKernels;

use crate::disk::Disk;
use crate::operators::{ROWS, assert_nothing_left};

type Op = PhysicalOp<usize>;

/// A key and a number, then what operators add.
fn schema(key: &DataType, added: &[DataType]) -> SchemaRef {
    let types = [key.clone(), DataType::Int64].into_iter().chain(added.iter().cloned());
    let fields = types.enumerate().map(|(at, data_type)| Field::new(format!("c{at}"), data_type, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// All rows as one batch, in no order.
fn rows(key: &DataType) -> RecordBatch {
    let numbers: Vec<i64> = (0..ROWS).map(|at| (at * 7_919) % ROWS).collect();
    let keys: ArrayRef = match key {
        DataType::Int64 => Arc::new(Int64Array::from(numbers.clone())),
        _ => Arc::new(StringViewArray::from_iter_values(numbers.iter().map(|number| format!("number {number:09}")))),
    };
    RecordBatch::try_new(schema(key, &[]), vec![keys, Arc::new(Int64Array::from(numbers))]).unwrap()
}

fn input(key: &DataType) -> FragmentNode {
    let op = FragmentOp::Input { slot: 0, columns: None };
    FragmentNode { op, inputs: Vec::new(), schema: schema(key, &[]), plan_node: None }
}

fn node(op: Op, inputs: &[usize], schema: SchemaRef) -> FragmentNode {
    let op = FragmentOp::Compute { op, argument_schema: None };
    FragmentNode { op, inputs: inputs.to_vec(), schema, plan_node: None }
}

fn keys() -> Vec<SortKey<usize>> {
    vec![SortKey { scalar: Scalar::column(0), descending: false, nulls_first: false }]
}

fn sort(fetch: Option<u64>) -> Op {
    PhysicalOp::Sort { keys: keys(), fetch }
}

fn number_rows(window: Window<usize>) -> Op {
    PhysicalOp::Window { window, calls: vec![WindowCall::new(WindowFunction::RowNumber, Vec::new())] }
}

/// Name, numbers of the rows when they are sorted, and what is computed over the rows, node 0.
type Case = (&'static str, Vec<i64>, Vec<FragmentNode>);

fn cases(key: &DataType) -> Vec<Case> {
    let all = || (0..ROWS).collect::<Vec<_>>();
    let sum = AggregateCall::new(AggregateFunction::Sum, vec![Scalar::column(1)]);
    let aggregate = PhysicalOp::Aggregate { phase: AggregatePhase::Single, group: vec![0], aggregates: vec![sum] };
    let unordered = Window { partition_by: Vec::new(), order_by: Vec::new() };
    let ordered = Window { partition_by: Vec::new(), order_by: keys() };
    let first = PhysicalOp::Limit { offset: 0, fetch: Some(1) };
    let above = Scalar::binary(BinaryOp::GtEq, Scalar::column(1), Scalar::column(3));
    let (plain, pairs) = (schema(key, &[]), schema(key, &[key.clone(), DataType::Int64]));
    let (numbered, marked) = (schema(key, &[DataType::UInt64]), schema(key, &[DataType::Boolean]));
    let none = PhysicalOp::Filter { predicate: Scalar::binary(BinaryOp::Lt, Scalar::column(1), Scalar::literal(0i64)) };
    let mark = PhysicalOp::MarkJoin { condition: Some(above.clone()), nullable: false };
    vec![
        ("a large batch", all(), vec![]),
        ("an aggregate", all(), vec![node(aggregate, &[0], plain.clone())]),
        ("a window", all(), vec![node(number_rows(unordered), &[0], numbered.clone())]),
        ("a window that sorts", all(), vec![node(number_rows(ordered), &[0], numbered)]),
        (
            "a cross join with a sort",
            Vec::new(),
            vec![
                node(sort(None), &[0], plain.clone()),
                node(none, &[1], plain.clone()),
                node(PhysicalOp::NestedLoopJoin { kind: JoinKind::Inner, condition: None }, &[0, 2], pairs.clone()),
            ],
        ),
        (
            "a nested loop join",
            all(),
            vec![
                node(first.clone(), &[0], plain.clone()),
                node(PhysicalOp::NestedLoopJoin { kind: JoinKind::Left, condition: Some(above) }, &[0, 1], pairs),
            ],
        ),
        ("a mark join", all(), vec![node(first, &[0], plain.clone()), node(mark, &[0, 1], marked)]),
        (
            "a top-k of a union",
            (0..100_000).map(|at| at / 2).collect(),
            vec![
                node(sort(None), &[0], plain.clone()),
                node(PhysicalOp::Union, &[0, 1], plain.clone()),
                node(sort(Some(100_000)), &[2], plain),
            ],
        ),
    ]
}

fn fragment(name: &str, key: &DataType, mut nodes: Vec<FragmentNode>) -> Fragment {
    nodes.insert(0, input(key));
    let (last, schema) = (nodes.len() - 1, nodes[nodes.len() - 1].schema.clone());
    nodes.push(node(sort(None), &[last], schema));
    let token = tokenize(&format!("{name} of {key}"));
    Fragment { nodes, output: FragmentOutput::Whole, inputs: 1, token, label: name.into() }
}

fn run(fragment: &Fragment, rows: &RecordBatch, context: &TaskContext) -> RecordBatch {
    let output: TaskOutput =
        DataFusionKernels.run(fragment, vec![vec![Arc::new(vec![rows.clone()])]], context).unwrap();
    concat_batches(&output.ports[0][0].schema(), &output.ports[0]).unwrap()
}

/// Operators need several times their rows: an aggregate for its table and to sort it, a sort for twice its rows.
const TIMES: u64 = 10;

fn assert_fits(key: &DataType, width: u64) {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(key);
    for (name, numbers, nodes) in cases(key) {
        let fragment = fragment(name, key, nodes);
        let expected = run(&fragment, &rows, &TaskContext::default());
        let found = expected.column(1).as_primitive::<Int64Type>().values().iter().copied();
        assert!(found.eq(numbers), "sorted rows of {name}: others");
        let disk = Disk::within(folder.path());
        let memory = MemoryBudget::limited(TIMES * ROWS as u64 * (width + 8));
        let limited = TaskContext { memory, spill: Arc::new(disk.clone()), ..TaskContext::default() };
        assert!(run(&fragment, &rows, &limited) == expected, "sorted rows of {name}: others than without a limit");
        assert_eq!(disk.written(), 0, "sorted rows of {name}: bytes in files");
        assert_nothing_left(&limited, &disk, folder.path());
    }
}

/// Rows in order show text from everywhere: what leaves a fragment has its own, since it is kept, sent and written batch by
/// batch.
#[test]
fn batches_of_sorted_texts_hold_no_more_than_they_show() {
    let rows = rows(&DataType::Utf8View);
    let fragment = fragment("a sort", &DataType::Utf8View, Vec::new());
    let context = TaskContext::default();
    let output = DataFusionKernels.run(&fragment, vec![vec![Arc::new(vec![rows.clone()])]], &context).unwrap();
    let batches = &output.ports[0];
    assert!(batches.len() > 10);
    let held: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    assert!(held < 3 * rows.get_array_memory_size(), "{held} bytes of {}", rows.get_array_memory_size());
}

// A test for each: they take long, and run at a time.

#[test]
fn numbers_that_fit_into_memory_make_no_file_though_they_come_as_slices() {
    assert_fits(&DataType::Int64, 8);
}

#[test]
fn texts_that_fit_into_memory_make_no_file_though_they_come_as_slices() {
    assert_fits(&DataType::Utf8View, 32);
}
