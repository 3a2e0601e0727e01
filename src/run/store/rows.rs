use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::leaf::{PartitionData, shown_bytes};

/// Rows that wait for their readers.
#[derive(Clone, Debug)]
pub(in crate::run) struct Rows {
    pub(in crate::run) data: PartitionData,
    pub(in crate::run) rows: u64,
    pub(in crate::run) bytes: u64,
}

impl Rows {
    pub(in crate::run) fn new(data: PartitionData) -> Self {
        let rows = data.iter().map(|batch| batch.num_rows() as u64).sum();
        let bytes = bytes_of(&data);
        Rows { data, rows, bytes }
    }
}

impl From<Vec<RecordBatch>> for Rows {
    fn from(batches: Vec<RecordBatch>) -> Self {
        Rows::new(Arc::new(batches))
    }
}

/// What batches need for themselves: of a shared buffer, only the part that they show.
pub(in crate::run) fn bytes_of(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| shown_bytes(batch) as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Array, Int64Array, StringArray};

    #[test]
    fn a_slice_counts_for_what_it_shows() {
        let numbers = Int64Array::from((0..1000).map(|at| (at % 2 == 0).then_some(at)).collect::<Vec<_>>());
        let words = StringArray::from(vec!["four"; 1000]);
        let columns = [("n", Arc::new(numbers) as _), ("w", Arc::new(words) as _)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let slice = batch.slice(10, 16);
        assert_eq!(shown_bytes(&slice.project(&[0]).unwrap()), 16 * 8 + 2);
        for batch in [&batch, &slice] {
            let plain = batch.column(0).to_data().get_slice_memory_size().unwrap();
            assert_eq!(shown_bytes(&batch.project(&[0]).unwrap()), plain);
        }
        assert!(bytes_of(std::slice::from_ref(&slice)) < bytes_of(&[batch]) / 50);
    }
}
