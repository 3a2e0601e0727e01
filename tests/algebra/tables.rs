//! Small tables, and expressions over them read as rows.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::{CoreFunctions, Expr, Frame, Semantics};
use leafhold::optimize::resolve;
use leafhold::term::Terms;
use leafhold::term::interpret::{EvalError, Relation, Tables, Value, interpret};
use proptest::prelude::*;

/// Columns of nullable integers.
pub fn integers(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect::<Vec<_>>()))
}

/// A table of nullable integers.
pub fn table<const N: usize>(name: &str, columns: [&str; N], rows: &[[Option<i64>; N]]) -> Frame {
    let schema = integers(&columns);
    let arrays = (0..N).map(|at| Arc::new(rows.iter().map(|row| row[at]).collect::<Int64Array>()) as ArrayRef);
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), arrays.collect(), &options).unwrap();
    Frame::from_batches(name, schema, vec![batch]).unwrap()
}

/// A table of an integer `k` and a list of integers `l`.
pub fn lists(name: &str, rows: &[(i64, Option<Vec<Option<i64>>>)]) -> Frame {
    let keys: Int64Array = rows.iter().map(|(key, _)| Some(*key)).collect();
    let list =
        ListArray::from_iter_primitive::<arrow_array::types::Int64Type, _, _>(rows.iter().map(|(_, l)| l.clone()));
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("k", Arc::new(keys) as ArrayRef, false),
        ("l", Arc::new(list) as ArrayRef, true),
    ]);
    let batch = batch.unwrap();
    Frame::from_batches(name, batch.schema(), vec![batch]).unwrap()
}

/// What the reference interpreter says that an expression means, columns in the user's order.
pub fn evaluate(expr: &Expr) -> Result<Relation, EvalError> {
    let mut terms = Terms::new(Arc::new(CoreFunctions));
    let resolved = resolve(expr, &mut terms);
    let columns: Vec<_> = resolved.output.iter().map(|(_, column)| *column).collect();
    interpret(&terms, resolved.root, &Semantics::default(), &Tables::new())?.select(&columns)
}

/// The rows as text, in their order.
pub fn rows(frame: &Frame) -> Vec<String> {
    let relation = evaluate(frame.expr()).unwrap_or_else(|error| panic!("{error}"));
    relation.rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")).collect()
}

/// The rows as text, sorted.
pub fn bag(frame: &Frame) -> Vec<String> {
    let mut rows = rows(frame);
    rows.sort();
    rows
}

/// A cell of a random table.
pub type Cell = Option<i64>;

pub fn some(rows: &[[i64; 2]]) -> Vec<[Cell; 2]> {
    rows.iter().map(|row| row.map(Some)).collect()
}

pub fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![1 => Just(None), 4 => (0i64..3).prop_map(Some)]
}

/// A few rows.
pub fn small() -> impl Strategy<Value = Vec<[Cell; 2]>> {
    prop::collection::vec([cell(), cell()], 0..4)
}
