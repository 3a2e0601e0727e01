use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use super::super::Functions;
use super::{Codec, NoCodec, WireError};
use crate::leaf::{EngineId, FutureHandle, FutureRecord, FutureResolver, Generation, live_future};

/// What a reader of documents brings along: functions, and as far as the documents need them, a codec
/// for what engines own and a resolver for futures of other processes.
///
/// ```
/// use leafhold::expr::{CoreFunctions, Frame, col, lit};
/// use leafhold::expr::wire::{NoCodec, ReadContext};
/// # use std::sync::Arc;
/// # use arrow_schema::{DataType, Field, Schema};
///
/// # let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// let frame = Frame::from_batches("t", schema, vec![])?.filter(col("a").gt(lit(1i64)))?;
/// let text = frame.expr().to_json(&NoCodec)?;
/// let read = leafhold::expr::Expr::from_json(&text, &ReadContext::new(&CoreFunctions))?;
/// assert_eq!(read.token(), frame.token());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct ReadContext<'a> {
    functions: &'a dyn Functions,
    codec: &'a dyn Codec,
    resolver: Option<&'a dyn FutureResolver>,
}

impl<'a> ReadContext<'a> {
    /// A context of functions alone: extensions, tables and futures of other processes are errors.
    pub fn new(functions: &'a dyn Functions) -> Self {
        ReadContext { functions, codec: &NoCodec, resolver: None }
    }

    /// The same context with an engine's codec.
    pub fn with_codec(mut self, codec: &'a dyn Codec) -> Self {
        self.codec = codec;
        self
    }

    /// The same context with somebody who finds futures that are not alive in this process.
    pub fn with_resolver(mut self, resolver: &'a dyn FutureResolver) -> Self {
        self.resolver = Some(resolver);
        self
    }
}

/// The reading of one document.
pub(crate) struct Reading<'a> {
    context: &'a ReadContext<'a>,
    found: RefCell<HashMap<Generation, FutureHandle>>,
    names: RefCell<HashMap<(EngineId, String), Generation>>,
    elsewhere: Cell<bool>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(context: &'a ReadContext<'a>) -> Self {
        Reading { context, found: RefCell::default(), names: RefCell::default(), elsewhere: Cell::new(false) }
    }

    pub(crate) fn functions(&self) -> &'a dyn Functions {
        self.context.functions
    }

    pub(crate) fn codec(&self) -> &'a dyn Codec {
        self.context.codec
    }

    /// Whether every future was alive in this process, so that tokens must be what they were.
    pub(crate) fn same_session(&self) -> bool {
        !self.elsewhere.get()
    }

    /// The future that a record means, for a partition of a leaf.
    pub(crate) fn future(
        &self,
        record: &FutureRecord,
        leaf: &Arc<str>,
        partition: usize,
    ) -> Result<FutureHandle, WireError> {
        let wrong = |found: String| WireError::WrongFuture {
            leaf: leaf.to_string(),
            partition,
            expected: format!("future {:?} of engine {}", record.key, record.engine),
            found,
        };
        let known = live_future(record.generation).or_else(|| self.found.borrow().get(&record.generation).cloned());
        let handle = match known {
            Some(handle) => handle,
            None => self.resolve(record, leaf, partition, wrong)?,
        };
        match handle.engine() == &record.engine && handle.key() == record.key {
            true => Ok(handle),
            false => Err(wrong(format!("found future {:?} of engine {}", handle.key(), handle.engine()))),
        }
    }

    fn resolve(
        &self,
        record: &FutureRecord,
        leaf: &Arc<str>,
        partition: usize,
        wrong: impl FnOnce(String) -> WireError,
    ) -> Result<FutureHandle, WireError> {
        let Some(resolver) = self.context.resolver else {
            let (leaf, key, engine) = (leaf.to_string(), record.key.clone(), record.engine.to_string());
            return Err(WireError::NoResolver { leaf, partition, key, engine });
        };
        let name = (record.engine.clone(), record.key.clone());
        let first = *self.names.borrow_mut().entry(name).or_insert(record.generation);
        if first != record.generation {
            return Err(wrong("two live futures of this document have that name, which cannot tell them apart".into()));
        }
        let found = resolver.resolve(&record.engine, &record.key);
        let handle = found.map_err(|source| WireError::Future { leaf: leaf.to_string(), partition, source })?;
        self.elsewhere.set(true);
        self.found.borrow_mut().insert(record.generation, handle.clone());
        Ok(handle)
    }
}
