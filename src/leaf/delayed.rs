use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::{
    FutureHandle, FutureStatus, HashPartitioning, NestedFutures, Origin, PartitionReader, Reading, TableStatistics,
};
use crate::token::Tokenizer;

/// A leaf over live futures: one handle per partition, all of one schema.
///
/// The leaf *owns* its futures: as long as an expression, plan, task graph or run has the leaf, the
/// data is not released.
#[derive(Clone, Debug)]
pub struct FromDelayed {
    name: Arc<str>,
    schema: SchemaRef,
    handles: Arc<[FutureHandle]>,
    statistics: Option<Arc<TableStatistics>>,
    hashed: Option<Arc<HashPartitioning>>,
    reading: Reading,
}

/// What is wrong with the futures of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DelayedError {
    /// No partition at all.
    #[error("{name}: from_delayed needs at least one future; for no rows, use a `Values` leaf")]
    NoFutures {
        /// The leaf's name.
        name: String,
    },
    /// The futures belong to more than one engine.
    #[error(
        "{name}: future {key:?} belongs to engine {engine}, the first one to {first}; move the data to one engine first"
    )]
    MixedEngines {
        /// The leaf's name.
        name: String,
        /// The first future of another engine.
        key: String,
        /// That engine.
        engine: String,
        /// The engine of the first future.
        first: String,
    },
    /// Hashed by no columns, by some twice, or by some that there are not.
    #[error("{name}: its rows cannot lie hashed by {partitioning}: it has {columns} columns")]
    Partitioning {
        /// The leaf's name.
        name: String,
        /// How they are said to lie.
        partitioning: String,
        /// How many columns the leaf has.
        columns: usize,
    },
}

impl FromDelayed {
    /// A leaf over `handles`, which promise data of `schema`.
    ///
    /// # Errors
    /// No future at all, and futures of several engines.
    pub fn new(
        name: impl Into<Arc<str>>,
        schema: SchemaRef,
        handles: impl Into<Arc<[FutureHandle]>>,
    ) -> Result<Self, DelayedError> {
        let (name, handles): (Arc<str>, Arc<[FutureHandle]>) = (name.into(), handles.into());
        let Some(first) = handles.first() else {
            return Err(DelayedError::NoFutures { name: name.to_string() });
        };
        if let Some(other) = handles.iter().find(|handle| handle.engine() != first.engine()) {
            return Err(DelayedError::MixedEngines {
                name: name.to_string(),
                key: other.key().to_owned(),
                engine: other.engine().to_string(),
                first: first.engine().to_string(),
            });
        }
        Ok(FromDelayed { name, schema, handles, statistics: None, hashed: None, reading: Reading::default() })
    }

    /// Adds what its producer knows about the data before it is there.
    pub fn with_statistics(mut self, statistics: TableStatistics) -> Self {
        self.statistics = Some(Arc::new(statistics));
        self
    }

    /// Declares how the rows lie. A plan relies on it, so nobody may say it who has not put the rows there.
    ///
    /// # Errors
    /// When the columns are not some of the leaf's.
    pub(crate) fn with_hash_partitioning(mut self, partitioning: HashPartitioning) -> Result<Self, DelayedError> {
        let columns = self.schema.fields().len();
        if !partitioning.fits(columns) {
            let (name, partitioning) = (self.name.to_string(), partitioning.to_string());
            return Err(DelayedError::Partitioning { name, partitioning, columns });
        }
        self.hashed = Some(Arc::new(partitioning));
        Ok(self)
    }

    /// How the rows lie, if that was declared.
    pub fn hash_partitioning(&self) -> Option<&HashPartitioning> {
        self.hashed.as_deref()
    }

    /// What to do with futures inside the futures' values; [`NestedFutures::Await`] unless told otherwise.
    pub fn with_nested(mut self, nested: NestedFutures) -> Self {
        self.reading.nested = nested;
        self
    }

    /// Whether data of another schema are cast to the leaf's. Columns are found by name, in any order, and
    /// none may be missing or left over; types are cast as SQL's `CAST` does it, and a value that does not
    /// fit is an error. Without, which is the default, any difference is an error.
    pub fn with_cast(mut self, cast: bool) -> Self {
        self.reading.cast = cast;
        self
    }

    /// What makes lost data again. The leaf owns it (law L1b).
    pub fn with_origin(mut self, origin: Arc<dyn Origin>) -> Self {
        self.reading.origin = Some(origin);
        self
    }

    /// How the futures are read.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Reads a partition, as this leaf wants it: for engines that run leaves themselves. `None` for a
    /// partition that there is not.
    pub fn reader(&self, partition: usize) -> Option<PartitionReader> {
        let handle = self.handles.get(partition)?.clone();
        Some(PartitionReader::new(handle, partition, self.schema.clone(), self.reading.clone()))
    }

    /// The name that plans print.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns of every partition.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// One strong handle per partition.
    pub fn handles(&self) -> &[FutureHandle] {
        &self.handles
    }

    /// What its producer knows about the data before it is there, if it said so.
    pub(crate) fn promised_statistics(&self) -> Option<&TableStatistics> {
        self.statistics.as_deref()
    }

    /// What is known now: the producer's word, else the exact sizes of futures that all are finished.
    pub fn statistics(&self) -> TableStatistics {
        if let Some(statistics) = &self.statistics {
            return (**statistics).clone();
        }
        let sizes = self.handles.iter().map(|handle| match handle.status() {
            FutureStatus::Finished { rows, bytes } => rows.map(|rows| (rows, bytes)),
            _ => None,
        });
        match sizes.collect::<Option<Vec<_>>>() {
            None => TableStatistics::unknown(),
            Some(sizes) => TableStatistics {
                rows: Some(sizes.iter().map(|(rows, _)| *rows as f64).sum()),
                bytes: sizes.iter().map(|(_, bytes)| *bytes).sum(),
                ..TableStatistics::unknown()
            },
        }
    }

    pub(super) fn tokenize(&self, tokenizer: &mut Tokenizer, shape: bool) {
        tokenizer.put_record("from_delayed");
        tokenizer.put_str(&self.name);
        tokenizer.put(&*self.schema);
        tokenizer.put_sequence(self.handles.len());
        if !shape {
            for handle in self.handles.iter() {
                tokenizer.put(&handle.generation());
            }
        }
        // Rows that lie otherwise make another plan.
        if let Some(partitioning) = &self.hashed {
            tokenizer.put(&**partitioning);
        }
        // Another way of reading gives other rows, or none. Where data were made does not change them.
        if (self.reading.nested, self.reading.cast) != (NestedFutures::default(), false) {
            tokenizer.put(&self.reading);
        }
    }
}
