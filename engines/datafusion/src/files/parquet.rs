use std::fs::File;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use datafusion::parquet::file::metadata::RowGroupMetaData;
use leafhold::expr::Literal;
use leafhold::leaf::{ColumnBounds, ColumnStatistics, TableStatistics, collect_statistics};

use super::{FileError, sample};
use crate::engine::BATCH_SIZE;

/// Row groups are gathered into at most this many partitions, so that a file of a thousand small ones
/// does not become a thousand tasks.
const MOST_PARTITIONS: usize = 16;

/// The metadata of a Parquet file.
#[derive(Clone)]
pub(super) struct Parquet {
    metadata: ArrowReaderMetadata,
    /// The row groups of each partition.
    pub partitions: Vec<Vec<usize>>,
}

impl Parquet {
    pub fn open(path: &str) -> Result<Self, FileError> {
        let file = super::open(path)?;
        let metadata = ArrowReaderMetadata::load(&file, Default::default()).map_err(|error| corrupt(path, error))?;
        let groups = metadata.metadata().num_row_groups();
        let count = groups.clamp(1, MOST_PARTITIONS);
        let partitions = (0..count).map(|at| (at * groups / count..(at + 1) * groups / count).collect()).collect();
        Ok(Parquet { metadata, partitions })
    }

    pub fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    pub fn read(
        &self,
        path: &str,
        partition: usize,
        columns: &[usize],
    ) -> Result<impl Iterator<Item = Result<RecordBatch, FileError>> + Send + use<>, FileError> {
        let groups = self.partitions.get(partition).cloned().unwrap_or_default();
        let file: File = super::open(path)?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(mask)
            .with_row_groups(groups)
            .with_batch_size(BATCH_SIZE)
            .build()
            .map_err(|error| corrupt(path, error))?;
        // The file gives columns in its own order.
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let order: Vec<usize> = columns.iter().filter_map(|column| sorted.binary_search(column).ok()).collect();
        let path = path.to_owned();
        Ok(reader
            .map(move |batch| batch.and_then(|batch| batch.project(&order)).map_err(|error| corrupt(&path, error))))
    }

    /// Rows, ranges and nulls from the metadata; distinct values from a sample of the first rows.
    pub fn statistics(&self, path: &str) -> Result<TableStatistics, FileError> {
        let metadata = self.metadata.metadata();
        let rows = metadata.file_metadata().num_rows().max(0) as f64;
        let all: Vec<usize> = (0..self.schema().fields().len()).collect();
        let mut taken = 0;
        let first = self.read(path, 0, &all)?.take_while(|batch| {
            let more = taken < sample::ROWS;
            taken += batch.as_ref().map_or(0, RecordBatch::num_rows);
            more
        });
        let first = first.collect::<Result<Vec<_>, _>>()?;
        let seen = collect_statistics(self.schema(), first.iter());
        let columns = self.schema().fields().iter().zip(seen.columns);
        let columns = columns.map(|(field, seen_column)| {
            let Range { min, max, nulls } = self.range(field.name(), metadata.row_groups().iter());
            let null_fraction = nulls.map(|nulls| if rows == 0.0 { 0.0 } else { nulls as f64 / rows });
            let known = ColumnStatistics { distinct: None, min, max, null_fraction };
            sample::extend(known, &seen_column, seen.rows.unwrap_or(0.0), rows, field.data_type())
        });
        let bytes = metadata.row_groups().iter().map(|group| group.total_byte_size().max(0) as u64).sum();
        Ok(TableStatistics { rows: Some(rows), bytes: Some(bytes), columns: columns.collect() })
    }

    /// What the metadata of a partition's row groups prove of a column.
    pub fn bounds(&self, partition: usize, column: usize) -> ColumnBounds {
        let (Some(groups), Some(field)) = (self.partitions.get(partition), self.schema().fields().get(column)) else {
            return ColumnBounds::default();
        };
        let groups = groups.iter().map(|group| self.metadata.metadata().row_group(*group));
        let Range { min, max, nulls } = self.range(field.name(), groups);
        ColumnBounds { min, max, nulls: nulls.map(|nulls| nulls > 0) }
    }

    /// What some row groups say of a column, where all of them do.
    fn range<'a>(&'a self, column: &'a str, groups: impl Iterator<Item = &'a RowGroupMetaData> + Clone) -> Range {
        let Ok(converter) = StatisticsConverter::try_new(column, self.schema(), self.metadata.parquet_schema()) else {
            return Range::default();
        };
        let axis = |array: arrow_array::ArrayRef| {
            let values = (0..array.len()).map(|at| Literal::new(array.slice(at, 1)).axis());
            values.collect::<Option<Vec<f64>>>().filter(|values| !values.is_empty())
        };
        let min = converter.row_group_mins(groups.clone()).ok().and_then(axis);
        let max = converter.row_group_maxes(groups.clone()).ok().and_then(axis);
        let nulls = converter.row_group_null_counts(groups).ok();
        Range {
            min: min.and_then(|values| values.into_iter().reduce(f64::min)),
            max: max.and_then(|values| values.into_iter().reduce(f64::max)),
            nulls: nulls.and_then(|counts| (counts.null_count() == 0).then(|| counts.iter().flatten().sum::<u64>())),
        }
    }
}

/// Smallest and largest value, and how many nulls; each where it is known.
#[derive(Default)]
struct Range {
    min: Option<f64>,
    max: Option<f64>,
    nulls: Option<u64>,
}

fn corrupt(path: &str, error: impl std::fmt::Display) -> FileError {
    FileError::Corrupt { path: path.to_owned(), format: "Parquet", reason: error.to_string() }
}
