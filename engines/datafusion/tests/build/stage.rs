//! Fragments and tasks by hand: what a stage is made of.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::Scalar;
use leafhold::lower::{Fragment, FragmentNode, FragmentOp, FragmentOutput};
use leafhold::optimize::PhysicalOp;
use leafhold::run::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};
use leafhold::token::tokenize;
use leafhold_datafusion::DataFusionKernels;

pub type Row = Vec<Option<i64>>;

fn schema(columns: usize) -> SchemaRef {
    let fields = (0..columns).map(|at| Field::new(format!("c{at}"), DataType::Int64, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// One source of one batch.
pub fn table(columns: usize, rows: &[Row]) -> SlotData {
    let arrays = (0..columns).map(|at| Arc::new(Int64Array::from_iter(rows.iter().map(|row| row[at]))) as _);
    vec![Arc::new(vec![RecordBatch::try_new(schema(columns), arrays.collect()).unwrap()])]
}

/// Rows `(from, 10 from)`, ..
pub fn numbers(range: std::ops::Range<i64>) -> Vec<Row> {
    range.map(|number| vec![Some(number), Some(10 * number)]).collect()
}

pub fn input(slot: usize, columns: usize) -> FragmentNode {
    let op = FragmentOp::Input { slot, columns: None };
    FragmentNode { op, inputs: Vec::new(), schema: schema(columns), plan_node: None }
}

pub fn node(op: PhysicalOp<usize>, inputs: Vec<usize>, columns: usize) -> FragmentNode {
    let op = FragmentOp::Compute { op, argument_schema: None };
    FragmentNode { op, inputs, schema: schema(columns), plan_node: None }
}

pub fn column(at: usize) -> Scalar<usize> {
    Scalar::column(at)
}

/// A fragment that nobody else has: `name` makes its token.
pub fn fragment(name: &str, nodes: Vec<FragmentNode>, inputs: usize) -> Fragment {
    let token = tokenize(&name.to_owned());
    Fragment { nodes, output: FragmentOutput::Whole, inputs, token, label: name.into() }
}

pub fn run(fragment: &Fragment, inputs: &[SlotData], context: &TaskContext) -> Result<TaskOutput, KernelError> {
    DataFusionKernels.run(fragment, inputs.to_vec(), context)
}

/// The rows that a task gave, sorted.
pub fn rows(output: &TaskOutput) -> Vec<Row> {
    let row = |batch: &RecordBatch, at: usize| -> Row {
        batch.columns().iter().map(|column| column.as_primitive::<Int64Type>().iter().nth(at).unwrap()).collect()
    };
    let batches = output.ports[0].iter();
    let mut rows: Vec<Row> = batches.flat_map(|batch| (0..batch.num_rows()).map(|at| row(batch, at))).collect();
    rows.sort();
    rows
}
