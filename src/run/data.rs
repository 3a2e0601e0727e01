use arrow_array::{Array, RecordBatch};

use crate::leaf::PartitionData;

/// Rows that wait for their readers.
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) data: PartitionData,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Rows {
    pub(super) fn new(data: PartitionData) -> Self {
        let rows = data.iter().map(|batch| batch.num_rows() as u64).sum();
        let bytes = data.iter().map(bytes).sum();
        Rows { data, rows, bytes }
    }
}

/// What a batch needs for itself: of a shared buffer, only the part that it shows.
fn bytes(batch: &RecordBatch) -> u64 {
    let size = |column: &dyn Array| {
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()) as u64
    };
    batch.columns().iter().map(|column| size(column)).sum()
}
