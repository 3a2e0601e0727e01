//! An engine of a few lines: a function, an aggregate, an extension, a table and futures of its own.

use std::any::Any;
use std::sync::Arc;

use arrow_schema::{DataType, SchemaRef};
use leafhold::expr::wire::{Codec, CodecError, ReadContext};
use leafhold::expr::{DataTypeKey, Extension, ExtensionTraits, FunctionInfo, Functions, MapPartitions, Volatility};
use leafhold::leaf::{
    EngineId, FutureError, FutureHandle, FutureStatus, InstanceId, LocalFuture, PartitionData, RemoteFuture,
    ScanSource, TableStatistics,
};
use leafhold::token::{Token, tokenize};

/// Functions and codec of the engine.
pub struct Engine;

impl Engine {
    pub fn median() -> FunctionInfo {
        Engine::info("median", "3", DataType::Float64)
    }

    pub fn info(name: &str, version: &str, return_type: DataType) -> FunctionInfo {
        FunctionInfo {
            name: name.into(),
            version: version.into(),
            volatility: Volatility::Immutable,
            return_type: DataTypeKey(return_type),
            nullable: true,
            strict: true,
            fallible: false,
        }
    }
}

impl Functions for Engine {
    fn function(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        (name == "twice" && args == [DataType::Int64]).then(|| Engine::info(name, "1", DataType::Int64))
    }

    fn aggregate(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        (name == "median" && args == [DataType::Float64]).then(Engine::median)
    }
}

/// What reads documents of this engine.
pub fn context() -> ReadContext<'static> {
    ReadContext::new(&Engine).with_codec(&Engine)
}

/// An operator that is its name, its columns and what it declares.
#[derive(Debug)]
pub struct Opaque {
    name: String,
    schema: SchemaRef,
    traits: ExtensionTraits,
}

impl Opaque {
    pub fn new(name: &str, schema: SchemaRef) -> Self {
        Opaque { name: name.to_owned(), schema, traits: ExtensionTraits::BARRIER }
    }

    pub fn with_traits(mut self, traits: ExtensionTraits) -> Self {
        self.traits = traits;
        self
    }
}

impl Extension for Opaque {
    fn name(&self) -> &str {
        &self.name
    }
    fn token(&self) -> Token {
        tokenize(&(&*self.name, self.schema.to_string()))
    }
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn traits(&self) -> ExtensionTraits {
        self.traits
    }
}

/// The function on partitions that this engine knows by name: it gives what it got.
pub fn keep(schema: SchemaRef) -> MapPartitions {
    MapPartitions::new("keep", "1", schema, |batches| Ok(batches.to_vec()))
}

/// A table that is its path and its columns.
#[derive(Debug)]
pub struct Table {
    path: String,
    schema: SchemaRef,
    statistics: TableStatistics,
}

impl Table {
    pub fn new(path: &str, schema: SchemaRef) -> Self {
        Table { path: path.to_owned(), schema, statistics: TableStatistics::unknown() }
    }
}

impl ScanSource for Table {
    fn token(&self) -> Token {
        tokenize(&(&*self.path, self.schema.to_string()))
    }
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
    fn partitions(&self) -> usize {
        1
    }
    fn statistics(&self) -> &TableStatistics {
        &self.statistics
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Codec for Engine {
    fn encode_extension(&self, extension: &dyn Extension) -> Result<Vec<u8>, CodecError> {
        let function = MapPartitions::of(extension).is_some_and(|function| function.name() == "keep");
        if !function && !extension.as_any().is::<Opaque>() {
            return Err(CodecError("another engine's".into()));
        }
        Ok(serde_json::to_vec(&(function, &*extension.schema(), extension.traits())).unwrap())
    }

    fn decode_extension(&self, name: &str, bytes: &[u8]) -> Result<Arc<dyn Extension>, CodecError> {
        let (function, schema, traits) =
            serde_json::from_slice(bytes).map_err(|error| CodecError(error.to_string()))?;
        let schema: SchemaRef = Arc::new(schema);
        Ok(match function {
            true => Arc::new(keep(schema).with_traits(traits)),
            false => Arc::new(Opaque::new(name, schema).with_traits(traits)),
        })
    }

    fn encode_scan(&self, source: &dyn ScanSource) -> Result<Vec<u8>, CodecError> {
        let table = source.as_any().downcast_ref::<Table>().ok_or_else(|| CodecError("another engine's".into()))?;
        Ok(serde_json::to_vec(&(&table.path, &*table.schema)).unwrap())
    }

    fn decode_scan(&self, bytes: &[u8]) -> Result<Arc<dyn ScanSource>, CodecError> {
        let (path, schema): (String, _) =
            serde_json::from_slice(bytes).map_err(|error| CodecError(error.to_string()))?;
        Ok(Arc::new(Table::new(&path, Arc::new(schema))))
    }
}

/// A future of a cluster, which is never done. Each is an instance of its own.
pub fn remote(key: &str) -> FutureHandle {
    struct Remote(LocalFuture);

    impl RemoteFuture for Remote {
        fn key(&self) -> &str {
            self.0.key()
        }
        fn status(&self) -> FutureStatus {
            FutureStatus::Pending
        }
        fn engine(&self) -> EngineId {
            EngineId("cluster/1".into())
        }
        fn instance(&self) -> Option<InstanceId> {
            None
        }
        fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
            self.0.on_done(done);
        }
        fn data(&self) -> Result<PartitionData, FutureError> {
            self.0.data()
        }
    }

    FutureHandle::new(Remote(LocalFuture::pending(key).0))
}
