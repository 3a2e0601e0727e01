use arrow_array::{Array, RecordBatch};
use arrow_schema::Schema;

use super::RunCause;
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

/// What a leaf promised of one of its partitions.
#[derive(Clone)]
pub(super) struct Promised {
    pub(super) leaf: std::sync::Arc<str>,
    pub(super) partition: usize,
    pub(super) schema: arrow_schema::SchemaRef,
}

impl Promised {
    /// Whether data that came is what was promised: the same names and types in the same order, and no
    /// null where none may be. Metadata do not matter.
    pub(super) fn check(&self, key: &str, data: &[RecordBatch]) -> Result<(), RunCause> {
        for batch in data {
            if let Err((found, promised)) = compare(&self.schema, batch) {
                let (leaf, partition) = (self.leaf.to_string(), self.partition);
                return Err(RunCause::Schema { leaf, partition, key: key.to_owned(), found, promised });
            }
        }
        Ok(())
    }
}

fn compare(promised: &Schema, batch: &RecordBatch) -> Result<(), (String, String)> {
    let schema = batch.schema_ref();
    let (found, wanted) = (schema.fields(), promised.fields());
    if found.len() != wanted.len() {
        return Err((format!("the data has {} columns", found.len()), format!("{}", wanted.len())));
    }
    for (at, (field, wanted)) in found.iter().zip(wanted).enumerate() {
        if field.name() != wanted.name() {
            return Err((format!("column {at} is named `{}`", field.name()), format!("`{}`", wanted.name())));
        }
        if field.data_type() != wanted.data_type() {
            let found = format!("column `{}` has type {}", field.name(), field.data_type());
            return Err((found, wanted.data_type().to_string()));
        }
        if !wanted.is_nullable() && batch.column(at).logical_null_count() > 0 {
            let found = format!("column `{}` of type {} has nulls", field.name(), field.data_type());
            return Err((found, format!("{} without nulls", wanted.data_type())));
        }
    }
    Ok(())
}
