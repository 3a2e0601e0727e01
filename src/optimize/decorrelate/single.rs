//! Scalar subqueries that may give several rows, which is an error of the run.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::expr::{ExtensionTraits, MapPartitions, WindowFrame, WindowFunction};
use crate::term::{ColumnId, ExtensionSpec, RelNode, RelOp, SortId, TermId, TermWindowCall, Terms, WindowSpec};

/// The only row of a relation, or none; several are an error of the run.
pub(super) fn assert_single(terms: &mut Terms, input: TermId, value: ColumnId, output: ColumnId) -> TermId {
    let data_type = terms.column(value).data_type.clone();
    let schema = Arc::new(Schema::new(vec![Field::new("value", data_type, true)]));
    let made = schema.clone();
    let function = MapPartitions::new("assert-single", "1", schema, move |batches| {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows > 1 {
            return Err(format!("a scalar subquery gave {rows} rows; it may give at most one"));
        }
        let values = batches.iter().filter(|batch| batch.num_rows() > 0);
        let values = values.map(|batch| RecordBatch::try_new(made.clone(), vec![batch.column(0).slice(0, 1)]));
        values.collect::<Result<_, _>>().map_err(|error| error.to_string())
    });
    let extension = terms.add_extension(ExtensionSpec {
        extension: Arc::new(function),
        output: vec![output],
        inputs: vec![vec![value]],
    });
    terms.add(RelNode::new(RelOp::Extension(extension), [input]))
}

/// The relation with a number for its rows, from 1, in each group that agrees on some columns.
pub(super) fn numbered(
    terms: &mut Terms,
    input: TermId,
    groups: &[ColumnId],
    order: Option<SortId>,
) -> (TermId, ColumnId) {
    let number = terms.add_column("row", DataType::UInt64, false);
    let call = TermWindowCall {
        function: WindowFunction::RowNumber,
        args: Default::default(),
        frame: WindowFrame::UP_TO_PEERS,
        filter: None,
    };
    let order_by = order.map(|keys| terms.sort_keys(keys).to_vec()).unwrap_or_default();
    let spec = WindowSpec { partition_by: groups.to_vec(), order_by, calls: vec![(number, call)] };
    let window = terms.intern_window(spec);
    (terms.add(RelNode::new(RelOp::Window(window), [input])), number)
}

/// The only row of each group that agrees on some columns, as these columns and a value; several are an error of the run.
pub(super) fn assert_single_of_each(
    terms: &mut Terms,
    input: TermId,
    value: ColumnId,
    groups: &[ColumnId],
) -> (TermId, ColumnId, Vec<ColumnId>) {
    let (input, number) = numbered(terms, input, groups, None);
    let read: Vec<ColumnId> = [number, value].iter().chain(groups).copied().collect();
    let given: Vec<ColumnId> = read[1..]
        .iter()
        .map(|column| {
            let info = terms.column(*column).clone();
            terms.add_column("value", info.data_type, true)
        })
        .collect();
    let fields = given
        .iter()
        .enumerate()
        .map(|(at, column)| Field::new(format!("c{at}"), terms.column(*column).data_type.clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let made = schema.clone();
    let function = MapPartitions::new("assert-single-of-each", "1", schema, move |batches| {
        let single = |batch: &RecordBatch| {
            let numbers = batch.column(0).as_primitive::<UInt64Type>();
            match numbers.values().iter().all(|number| *number == 1) {
                true => {
                    RecordBatch::try_new(made.clone(), batch.columns()[1..].to_vec()).map_err(|error| error.to_string())
                }
                false => Err("a scalar subquery gave several rows for one row; it may give at most one".to_owned()),
            }
        };
        batches.iter().map(single).collect()
    });
    let extension = terms.add_extension(ExtensionSpec {
        extension: Arc::new(function.with_traits(ExtensionTraits::ROW_WISE)),
        output: given.clone(),
        inputs: vec![read],
    });
    let term = terms.add(RelNode::new(RelOp::Extension(extension), [input]));
    (term, given[0], given[1..].to_vec())
}
