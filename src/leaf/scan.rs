use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::{ColumnBounds, TableStatistics};
use crate::token::{Token, Tokenize, Tokenizer};

/// A table that an engine can read by itself, such as a Parquet file.
pub trait ScanSource: Send + Sync + fmt::Debug + 'static {
    /// Identifies the content as far as the source can: for a file its path, size and time stamp.
    fn token(&self) -> Token;

    /// The columns.
    fn schema(&self) -> SchemaRef;

    /// How many partitions can be read independently; at least one.
    fn partitions(&self) -> usize;

    /// What the source's metadata tells.
    fn statistics(&self) -> &TableStatistics;

    /// What is certain of a column in a partition, by its position in [`schema`](ScanSource::schema): partitions that
    /// a filter excludes are not read. Nothing, unless the source says so.
    fn bounds(&self, partition: usize, column: usize) -> ColumnBounds {
        let _ = (partition, column);
        ColumnBounds::default()
    }

    /// The engine's own view: its kernels downcast it.
    fn as_any(&self) -> &dyn Any;
}

/// A leaf that the engine reads.
#[derive(Clone, Debug)]
pub struct Scan {
    name: Arc<str>,
    schema: SchemaRef,
    source: Arc<dyn ScanSource>,
}

impl Scan {
    /// A leaf that reads `source` under the name `name`.
    pub fn new(name: impl Into<Arc<str>>, source: Arc<dyn ScanSource>) -> Self {
        Scan { name: name.into(), schema: source.schema(), source }
    }

    /// The name that plans print.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The engine's source.
    pub fn source(&self) -> &Arc<dyn ScanSource> {
        &self.source
    }

    /// How many partitions can be read independently.
    pub fn partitions(&self) -> usize {
        self.source.partitions().max(1)
    }

    /// What the source's metadata tells.
    pub fn statistics(&self) -> &TableStatistics {
        self.source.statistics()
    }
}

impl Tokenize for Scan {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("scan");
        tokenizer.put_str(&self.name);
        tokenizer.put_token(self.source.token());
        tokenizer.put(&*self.schema);
    }
}
