//! Leaves: data at hand as Arrow streams, futures by their engine's name, tables by the engine's codec.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};
use serde::{Deserialize, Serialize};

use super::{Codec, Reading, SchemaWire, WireError};
use crate::leaf::{
    ArrowStream, FromDelayed, FutureHandle, FutureRecord, Leaf, NestedFutures, Scan, ScanSource, TableStatistics,
    Values,
};
use crate::token::Token;

/// A leaf of a document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LeafWire {
    FromDelayed {
        name: String,
        schema: SchemaWire,
        futures: Vec<FutureRecord>,
        statistics: Option<TableStatistics>,
        #[serde(default)]
        nested: NestedFutures,
        #[serde(default)]
        cast: bool,
    },
    Scan {
        name: String,
        source: OpaqueWire,
    },
    Values {
        name: String,
        schema: SchemaWire,
        partitions: Vec<BatchesWire>,
    },
}

/// What an engine owns: its codec's bytes, and the token of what they must become.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OpaqueWire {
    pub(crate) token: Token,
    #[serde(with = "crate::leaf::bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// The batches of a partition; those of one schema that follow each other are one stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BatchesWire(Vec<ArrowStream>);

impl LeafWire {
    pub(crate) fn of(leaf: &Leaf, codec: &dyn Codec) -> Result<LeafWire, WireError> {
        let name = leaf.name().to_owned();
        Ok(match leaf {
            Leaf::FromDelayed(delayed) => {
                let futures = delayed.handles().iter().enumerate();
                let futures = futures.map(|(partition, handle)| record(handle, delayed.name(), partition));
                LeafWire::FromDelayed {
                    futures: futures.collect::<Result<_, _>>()?,
                    schema: SchemaWire::of(delayed.schema()),
                    statistics: delayed.promised_statistics().cloned(),
                    nested: delayed.reading().nested,
                    cast: delayed.reading().cast,
                    name,
                }
            }
            Leaf::Scan(scan) => {
                let source = OpaqueWire::scan(scan.source(), &format!("leaf `{name}`"), codec)?;
                LeafWire::Scan { name, source }
            }
            Leaf::Values(values) => {
                let place = format!("leaf `{name}`");
                let partitions = values.partitions().iter().map(|partition| BatchesWire::of(partition, &place));
                LeafWire::Values {
                    partitions: partitions.collect::<Result<_, _>>()?,
                    schema: SchemaWire::of(values.schema()),
                    name,
                }
            }
        })
    }

    pub(crate) fn read(self, reading: &Reading<'_>) -> Result<Leaf, WireError> {
        match self {
            LeafWire::FromDelayed { name, schema, futures, statistics, nested, cast } => {
                let name: Arc<str> = name.into();
                let schema = schema.read(&format!("leaf `{name}`"))?;
                let handles = futures.iter().enumerate();
                let handles = handles.map(|(partition, record)| reading.future(record, &name, partition));
                let handles = handles.collect::<Result<Vec<_>, _>>()?;
                let leaf = FromDelayed::new(name.clone(), schema, handles)
                    .map_err(|error| WireError::invalid(format!("leaf `{name}`"), error.to_string()))?;
                let leaf = leaf.with_nested(nested).with_cast(cast);
                Ok(Leaf::FromDelayed(match statistics {
                    Some(statistics) => leaf.with_statistics(statistics),
                    None => leaf,
                }))
            }
            LeafWire::Scan { name, source } => {
                let source = source.read_scan(&format!("leaf `{name}`"), reading)?;
                Ok(Leaf::Scan(Scan::new(name, source)))
            }
            LeafWire::Values { name, schema, partitions } => {
                let place = format!("leaf `{name}`");
                let schema = schema.read(&place)?;
                let partitions = partitions.into_iter().map(|partition| partition.read(&schema, &place));
                let partitions = partitions.collect::<Result<Vec<_>, _>>()?;
                Ok(Leaf::Values(Values::new(name, schema, partitions)))
            }
        }
    }
}

/// What a document says of the future of a partition.
pub(crate) fn record(handle: &FutureHandle, leaf: &str, partition: usize) -> Result<FutureRecord, WireError> {
    FutureRecord::of(handle).ok_or_else(|| WireError::LocalFuture {
        leaf: leaf.to_owned(),
        partition,
        key: handle.key().to_owned(),
    })
}

impl OpaqueWire {
    pub(crate) fn scan(source: &Arc<dyn ScanSource>, place: &str, codec: &dyn Codec) -> Result<Self, WireError> {
        let bytes = codec.encode_scan(&**source);
        let bytes = bytes.map_err(|source| WireError::Codec { place: place.to_owned(), source })?;
        Ok(OpaqueWire { token: source.token(), bytes })
    }

    pub(crate) fn read_scan(self, place: &str, reading: &Reading<'_>) -> Result<Arc<dyn ScanSource>, WireError> {
        let source = reading.codec().decode_scan(&self.bytes);
        let source = source.map_err(|source| WireError::Codec { place: place.to_owned(), source })?;
        match source.token() == self.token {
            true => Ok(source),
            false => Err(WireError::Altered { what: format!("{place}: the table") }),
        }
    }
}

impl BatchesWire {
    pub(crate) fn of(batches: &[RecordBatch], place: &str) -> Result<Self, WireError> {
        let streams = batches.chunk_by(|left, right| left.schema_ref() == right.schema_ref());
        let streams = streams.map(|batches| ArrowStream::of(&batches[0].schema(), batches));
        let streams = streams.collect::<Result<_, _>>();
        Ok(BatchesWire(streams.map_err(|source| WireError::Data { place: place.to_owned(), source })?))
    }

    /// The batches, whose columns must have the types of the schema.
    pub(crate) fn read(self, schema: &Schema, place: &str) -> Result<Vec<RecordBatch>, WireError> {
        let batches = self.read_any(place)?;
        let types = |schema: &Schema| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        let wanted = types(schema);
        match batches.iter().find(|batch| types(batch.schema_ref()) != wanted) {
            Some(batch) => {
                let text = |types: Vec<DataType>| types.iter().map(DataType::to_string).collect::<Vec<_>>().join(", ");
                let (found, wanted) = (text(types(batch.schema_ref())), text(wanted));
                Err(WireError::invalid(place, format!("batches of [{found}] under a schema of [{wanted}]")))
            }
            None => Ok(batches),
        }
    }

    /// The batches, of whatever schemas.
    pub(crate) fn read_any(self, place: &str) -> Result<Vec<RecordBatch>, WireError> {
        let mut all = Vec::new();
        for stream in self.0 {
            let (_, batches) = stream.read().map_err(|source| WireError::Data { place: place.to_owned(), source })?;
            all.extend(batches);
        }
        Ok(all)
    }
}
