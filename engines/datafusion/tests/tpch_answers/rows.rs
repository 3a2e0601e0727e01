//! Answers as rows that can be compared.

use arrow_array::{ArrayRef, RecordBatch};
use datafusion::common::ScalarValue;

/// The values of a row.
pub type Row = Vec<ScalarValue>;

/// The rows of some batches, in order.
pub fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let value = |column: &ArrayRef, row: usize| ScalarValue::try_from_array(column, row).unwrap();
    let row = |batch: &RecordBatch, at: usize| batch.columns().iter().map(|column| value(column, at)).collect();
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

/// Whether two rows are equal: floats to 1e-9, everything else exactly.
pub fn same(ours: &Row, theirs: &Row) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(a, b)| match (a, b) {
            (ScalarValue::Float64(Some(a)), ScalarValue::Float64(Some(b))) => {
                (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
            }
            (a, b) => a == b,
        })
}

/// Brings rows into an order of their own: those that tie in a query's order may come in any.
pub fn sort(rows: &mut [Row]) {
    rows.sort_by_cached_key(|row| row.iter().map(|value| format!("{value:.6?}")).collect::<Vec<_>>());
}
