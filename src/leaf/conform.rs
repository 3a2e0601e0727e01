//! Whether data that came are what their leaf promised.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{Schema, SchemaRef};

use super::PartitionData;

/// What the data has, and what the leaf promised instead.
pub(super) type Mismatch = (String, String);

/// The data, once they are known to be as promised: the same names and types in the same order, and no
/// null where none may be. Metadata do not matter. With `cast`, batches that differ are cast.
pub(super) fn conform(promised: &SchemaRef, cast: bool, data: PartitionData) -> Result<PartitionData, Mismatch> {
    let differs = |batch: &RecordBatch| compare(promised, batch);
    let Err(mismatch) = data.iter().try_for_each(differs) else { return Ok(data) };
    if !cast {
        return Err(mismatch);
    }
    let cast = |batch: &RecordBatch| match differs(batch) {
        Ok(()) => Ok(batch.clone()),
        Err(_) => cast_batch(promised, batch),
    };
    data.iter().map(cast).collect::<Result<_, _>>().map(Arc::new)
}

fn compare(promised: &Schema, batch: &RecordBatch) -> Result<(), Mismatch> {
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

fn cast_batch(promised: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, Mismatch> {
    let found = batch.schema_ref().fields();
    // What is not asked for is not dropped in silence.
    if let Some(extra) = found.iter().find(|field| promised.index_of(field.name()).is_err()) {
        return Err((format!("the data has a column `{}`", extra.name()), "none of that name".to_owned()));
    }
    if found.len() != promised.fields().len() {
        return Err((format!("the data has {} columns", found.len()), promised.fields().len().to_string()));
    }
    // A value that does not fit is an error and not a null.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = promised.fields().iter().map(|wanted| {
        let at = batch.schema_ref().index_of(wanted.name());
        let at = at.map_err(|_| (format!("the data has no column `{}`", wanted.name()), "one".to_owned()))?;
        let column = batch.column(at);
        let found = || format!("column `{}` of type {}", wanted.name(), column.data_type());
        cast_with_options(column, wanted.data_type(), &options)
            .map_err(|error| (format!("{} does not cast ({error})", found()), wanted.data_type().to_string()))
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let cast = RecordBatch::try_new_with_options(promised.clone(), columns, &rows);
    let cast = cast.map_err(|error| (format!("the data cannot be cast ({error})"), "that it can".to_owned()))?;
    compare(promised, &cast)?;
    Ok(cast)
}
