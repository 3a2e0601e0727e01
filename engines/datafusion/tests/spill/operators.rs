//! Operators that go on with files.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::{AggregateCall, AggregateFunction, BinaryOp, Scalar, SortKey};
use leafhold::lower::{Fragment, FragmentNode, FragmentOp, FragmentOutput};
use leafhold::optimize::PhysicalOp;
use leafhold::run::{KernelError, Kernels, MemoryBudget, TaskContext, TaskOutput};
use leafhold::term::AggregatePhase;
use leafhold::token::tokenize;
use leafhold_datafusion::DataFusionKernels;

use crate::disk::Disk;

/// More rows than operators hold that have no room: sorted or in groups, they need more than 16 MB.
pub const ROWS: i64 = 1_200_000;

fn schema(columns: usize) -> SchemaRef {
    let fields = (0..columns).map(|at| Field::new(format!("c{at}"), DataType::Int64, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn node(op: PhysicalOp<usize>) -> FragmentNode {
    let op = FragmentOp::Compute { op, argument_schema: None };
    FragmentNode { op, inputs: vec![0], schema: schema(2), plan_node: None }
}

fn fragment(name: &str, nodes: Vec<FragmentNode>) -> Fragment {
    let op = FragmentOp::Input { slot: 0, columns: None };
    let input = FragmentNode { op, inputs: Vec::new(), schema: schema(2), plan_node: None };
    let nodes: Vec<_> = [input].into_iter().chain(nodes).collect();
    Fragment { nodes, output: FragmentOutput::Whole, inputs: 1, token: tokenize(&name.to_owned()), label: name.into() }
}

fn keys() -> Vec<SortKey<usize>> {
    vec![SortKey { scalar: Scalar::column(0), descending: false, nulls_first: false }]
}

/// A sort, and an aggregate of as many groups as rows.
pub fn fragments() -> [Fragment; 2] {
    let sum = AggregateCall::new(AggregateFunction::Sum, vec![Scalar::column(1)]);
    let (phase, group) = (AggregatePhase::Single, vec![0]);
    let aggregate = PhysicalOp::Aggregate { phase, group, aggregates: vec![sum] };
    [
        fragment("sort", vec![node(PhysicalOp::Sort { keys: keys(), fetch: None })]),
        fragment("aggregate", vec![node(aggregate)]),
    ]
}

/// A sort of a quotient, of which the last row has none.
pub fn failing() -> Fragment {
    let above = Scalar::binary(BinaryOp::Minus, Scalar::literal(ROWS - 1), Scalar::column(0));
    let quotient = Scalar::binary(BinaryOp::Divide, Scalar::literal(1i64), above);
    let sort = FragmentNode { inputs: vec![1], ..node(PhysicalOp::Sort { keys: keys(), fetch: None }) };
    fragment("quotients", vec![node(PhysicalOp::Project { columns: vec![Scalar::column(1), quotient] }), sort])
}

/// Each number once, and twice; in no order, unless `sorted`.
fn batches(sorted: bool) -> Vec<RecordBatch> {
    let number = |at: i64| if sorted { at } else { (at * 7_919) % ROWS };
    let batch = |from: i64| {
        let range = from..(from + 8_192).min(ROWS);
        let numbers = Int64Array::from_iter_values(range.clone().map(number));
        let doubles = Int64Array::from_iter_values(range.map(|at| 2 * number(at)));
        RecordBatch::try_new(schema(2), vec![Arc::new(numbers), Arc::new(doubles)]).unwrap()
    };
    (0..ROWS).step_by(8_192).map(batch).collect()
}

pub fn run(fragment: &Fragment, context: &TaskContext) -> Result<TaskOutput, KernelError> {
    let inputs = vec![vec![Arc::new(batches(fragment.label == "quotients"))]];
    DataFusionKernels.run(fragment, inputs, context)
}

/// A task with no room at all, which has this disk.
pub fn context(disk: &Disk) -> TaskContext {
    TaskContext { memory: MemoryBudget::limited(1), spill: Arc::new(disk.clone()), ..TaskContext::default() }
}

/// Nothing is left of a task that was given these.
#[track_caller]
pub fn assert_nothing_left(context: &TaskContext, disk: &Disk, folder: &Path) {
    assert_eq!((disk.files(), std::fs::read_dir(folder).unwrap().count()), (0, 0), "files");
    assert_eq!(context.memory.used(), 0, "operators give back what they hold");
}

fn numbers(output: &TaskOutput, sorted: bool) -> Vec<(i64, i64)> {
    let column = |batch: &RecordBatch, at: usize| batch.column(at).as_primitive::<Int64Type>().values().to_vec();
    let rows = output.ports[0].iter().flat_map(|batch| column(batch, 0).into_iter().zip(column(batch, 1)));
    let mut rows: Vec<_> = rows.collect();
    if !sorted {
        rows.sort_unstable();
    }
    rows
}

#[test]
fn what_sorts_and_aggregates_have_no_room_for_goes_to_files_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    for fragment in fragments() {
        let sorts = fragment.label == "sort";
        let disk = Disk::within(folder.path());
        let unlimited = TaskContext { memory: MemoryBudget::default(), ..context(&disk) };
        let expected = numbers(&run(&fragment, &unlimited).unwrap(), sorts);
        assert!(expected.iter().copied().eq((0..ROWS).map(|at| (at, 2 * at))), "{}", fragment.label);
        assert_eq!(disk.written(), 0, "{}: without a limit there is room", fragment.label);
        let limited = context(&disk);
        let output = run(&fragment, &limited).unwrap();
        // Most of the rows were there: 16 bytes each.
        assert!(disk.written() > 8 * ROWS as u64, "{}: {} bytes in files", fragment.label, disk.written());
        assert!(numbers(&output, sorts) == expected, "{}: the rows are others", fragment.label);
        assert_nothing_left(&limited, &disk, folder.path());
    }
}
