use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::{PartitionData, TableStatistics, collect_statistics};
use crate::token::{Token, Tokenize, Tokenizer, tokenize_batch};

/// A leaf of Arrow batches at hand; its token is that of its content.
#[derive(Clone, Debug)]
pub struct Values {
    name: Arc<str>,
    schema: SchemaRef,
    partitions: Arc<[PartitionData]>,
    statistics: Arc<TableStatistics>,
    content: Token,
}

impl Values {
    /// A leaf over partitions of batches, whose statistics are taken here. O(size of the data).
    pub fn new(name: impl Into<Arc<str>>, schema: SchemaRef, mut partitions: Vec<Vec<RecordBatch>>) -> Self {
        // One partition without batches is what no partition becomes: the same leaf.
        if partitions.iter().all(Vec::is_empty) && partitions.len() == 1 {
            partitions.clear();
        }
        let statistics = collect_statistics(&schema, partitions.iter().flatten());
        let mut tokenizer = Tokenizer::new("values");
        for partition in &partitions {
            tokenizer.put_sequence(partition.len());
            partition.iter().for_each(|batch| tokenize_batch(batch, &mut tokenizer));
        }
        let partitions = match partitions.is_empty() {
            true => vec![PartitionData::default()],
            false => partitions.into_iter().map(Arc::new).collect(),
        };
        Values {
            name: name.into(),
            schema,
            partitions: partitions.into(),
            statistics: Arc::new(statistics),
            content: tokenizer.finish(),
        }
    }

    /// No rows of a schema.
    pub fn empty(schema: SchemaRef) -> Self {
        Values::new("empty", schema, Vec::new())
    }

    /// The name that plans print.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The data, by partition; never empty.
    pub fn partitions(&self) -> &[PartitionData] {
        &self.partitions
    }

    /// Exact statistics of the data.
    pub fn statistics(&self) -> &TableStatistics {
        &self.statistics
    }
}

impl Tokenize for Values {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("values");
        tokenizer.put_str(&self.name);
        tokenizer.put(&*self.schema);
        tokenizer.put_token(self.content);
    }
}
