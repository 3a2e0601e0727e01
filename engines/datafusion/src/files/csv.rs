use std::io::{BufReader, Read};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format;
use leafhold::leaf::{ColumnStatistics, TableStatistics, collect_statistics};

use super::quotes::Quotes;
use super::{FileError, sample};
use crate::engine::BATCH_SIZE;

/// Rows from which the types of the columns are inferred.
const INFERENCE_ROWS: usize = 10_000;

/// A CSV file with a line of column names.
#[derive(Clone)]
pub(super) struct Csv {
    schema: SchemaRef,
    delimiter: u8,
}

impl Csv {
    pub fn open(path: &str, delimiter: u8) -> Result<Self, FileError> {
        let file = super::open(path)?;
        let format = Format::default().with_header(true).with_delimiter(delimiter);
        let (schema, _) =
            format.infer_schema(BufReader::new(file), Some(INFERENCE_ROWS)).map_err(|error| corrupt(path, error))?;
        if schema.fields().is_empty() {
            return Err(FileError::NoColumns { path: path.to_owned() });
        }
        Ok(Csv { schema: Arc::new(schema), delimiter })
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn read(
        &self,
        path: &str,
        columns: &[usize],
    ) -> Result<impl Iterator<Item = Result<RecordBatch, FileError>> + Send + use<>, FileError> {
        self.parse(path, Quotes::new(super::open(path)?, self.delimiter), columns)
    }

    fn parse<R: Read + Send>(
        &self,
        path: &str,
        input: R,
        columns: &[usize],
    ) -> Result<impl Iterator<Item = Result<RecordBatch, FileError>> + Send + use<R>, FileError> {
        let reader = ReaderBuilder::new(self.schema.clone())
            .with_header(true)
            .with_delimiter(self.delimiter)
            .with_batch_size(BATCH_SIZE)
            .with_projection(columns.to_vec())
            .build(input)
            .map_err(|error| corrupt(path, error))?;
        let path = path.to_owned();
        Ok(reader.map(move |batch| batch.map_err(|error| unread(&path, error))))
    }

    /// Exact for a small file; of a large one the first rows are looked at, and the number of all rows is
    /// estimated from their length.
    pub fn statistics(&self, path: &str) -> Result<TableStatistics, FileError> {
        let file = super::open(path)?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        // Enough text for the sample, and never half a huge file.
        let mut start = Vec::new();
        let limit = sample::ROWS as u64 * 128;
        file.take(limit).read_to_end(&mut start).map_err(|error| super::unreadable(path, &error))?;
        let whole = start.len() as u64 == size;
        if !whole {
            let end = start.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            start.truncate(end);
        }
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        // A bad line is the reading task's to report; here it only ends the sample.
        let batches: Vec<_> = self.parse(path, start.as_slice(), &all)?.map_while(Result::ok).collect();
        let seen = collect_statistics(&self.schema, batches.iter());
        let seen_rows = seen.rows.unwrap_or(0.0);
        let rows = match whole || start.is_empty() {
            true => seen_rows,
            false => (seen_rows * size as f64 / start.len() as f64).round(),
        };
        let columns = seen.columns.iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| {
            sample::extend(ColumnStatistics::default(), column, seen_rows, rows, field.data_type())
        });
        Ok(TableStatistics { rows: Some(rows), bytes: Some(size), columns: columns.collect() })
    }
}

/// What reads the file says what is wrong with it in words of its own.
fn unread(path: &str, error: ArrowError) -> FileError {
    match error {
        ArrowError::IoError(reason, _) => corrupt(path, reason),
        error => corrupt(path, error),
    }
}

fn corrupt(path: &str, error: impl std::fmt::Display) -> FileError {
    FileError::Corrupt { path: path.to_owned(), format: "CSV", reason: error.to_string() }
}
