//! Arrow data, to and from Python.

use std::sync::Arc;

use arrow_array::ffi_stream::ArrowArrayStreamReader;
use arrow_array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_pyarrow::{FromPyArrow, IntoPyArrow, Table, ToPyArrow};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The batches of anything with `__arrow_c_stream__`, and their schema.
pub fn read(object: &Bound<'_, PyAny>) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let reader = ArrowArrayStreamReader::from_pyarrow_bound(object)?;
    let schema = reader.schema();
    let batches = object.py().detach(|| reader.collect::<Result<Vec<_>, _>>());
    Ok((schema, batches.map_err(value_error)?))
}

/// The schema of anything with `__arrow_c_schema__`.
pub fn read_schema(object: &Bound<'_, PyAny>) -> PyResult<SchemaRef> {
    Ok(Arc::new(Schema::from_pyarrow_bound(object)?))
}

/// A schema as a `pyarrow.Schema`.
pub fn schema<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyAny>> {
    schema.to_pyarrow(py)
}

/// Batches as a `pyarrow.Table` of this schema. What the engine calls its columns does not matter.
pub fn table<'py>(py: Python<'py>, schema: &SchemaRef, batches: &[RecordBatch]) -> PyResult<Bound<'py, PyAny>> {
    let named = batches.iter().map(|batch| rename(batch, schema)).collect::<Result<Vec<_>, _>>();
    let table = named.and_then(|batches| Table::try_new(batches, schema.clone())).map_err(value_error)?;
    table.into_pyarrow(py)
}

fn rename(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options)
}

fn value_error(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
