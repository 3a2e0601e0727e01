//! An engine that counts: what the tests know of every piece of data.

use std::borrow::Borrow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::Frame;
use leafhold::leaf::{
    EngineId, Fault, FromDelayed, FutureError, FutureErrorKind, FutureHandle, FutureStatus, FutureValue, InstanceId,
    Leaf, LocalFuture, PartitionData, Promise, RemoteFuture, release,
};
use leafhold::optimize::Planner;
use leafhold::run::LocalExecutor;
use parking_lot::Mutex;

use crate::kernels::{Row, RowKernels, batch_of, rows_of};

/// One piece of data of the engine, as the engine sees it.
pub struct Source {
    key: String,
    id: u64,
    future: LocalFuture,
    promise: Mutex<Option<Promise>>,
    /// What the engine says once it has said that the data are there.
    lost: Mutex<Option<FutureErrorKind>>,
    released: AtomicUsize,
    /// Whether its release code panics, after it has counted.
    pub panics: bool,
}

impl Source {
    /// Data that nobody has computed yet.
    pub fn pending(key: &str) -> Arc<Source> {
        Source::new(key, false)
    }

    pub fn new(key: &str, panics: bool) -> Arc<Source> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (future, promise) = LocalFuture::pending(key);
        Arc::new(Source {
            key: key.to_owned(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            future,
            promise: Mutex::new(Some(promise)),
            lost: Mutex::default(),
            released: AtomicUsize::new(0),
            panics,
        })
    }

    /// Rows at hand.
    pub fn rows(key: &str, rows: &[Row]) -> Arc<Source> {
        let source = Source::pending(key);
        source.finish(FutureValue::table(vec![batch(rows)]));
        source
    }

    /// Anything at hand.
    pub fn value(key: &str, value: FutureValue) -> Arc<Source> {
        let source = Source::pending(key);
        source.finish(value);
        source
    }

    pub fn finish(&self, value: FutureValue) {
        self.promise.lock().take().expect("finished once").resolve(value);
    }

    pub fn fail(&self, fault: Fault) {
        self.promise.lock().take().expect("finished once").resolve(Err::<FutureValue, _>(fault));
    }

    /// The engine had the data, and has them no more.
    pub fn lose(&self, kind: FutureErrorKind) {
        *self.lost.lock() = Some(kind);
    }

    /// A new raw reference, in a handle.
    pub fn handle(self: &Arc<Self>) -> FutureHandle {
        FutureHandle::new(Reference(self.clone()))
    }

    /// How often release was requested, once all requests are through.
    pub fn releases(&self) -> usize {
        release::drain();
        self.released.load(Ordering::SeqCst)
    }
}

struct Reference(Arc<Source>);

impl RemoteFuture for Reference {
    fn key(&self) -> &str {
        &self.0.key
    }
    fn status(&self) -> FutureStatus {
        match *self.0.lost.lock() {
            None => self.0.future.status(),
            Some(FutureErrorKind::Failed) => FutureStatus::Failed,
            Some(FutureErrorKind::Cancelled) => FutureStatus::Cancelled,
            Some(FutureErrorKind::Lost) => FutureStatus::Lost,
        }
    }
    fn engine(&self) -> EngineId {
        EngineId("counting".into())
    }
    fn instance(&self) -> Option<InstanceId> {
        Some(InstanceId(self.0.id))
    }
    fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
        self.0.future.on_done(done);
    }
    fn data(&self) -> Result<PartitionData, FutureError> {
        match self.value()? {
            FutureValue::Table(data) => Ok(data),
            other => panic!("read as a table: {}", other.describe()),
        }
    }
    fn value(&self) -> Result<FutureValue, FutureError> {
        if let Some(kind) = *self.0.lost.lock() {
            let message = "the engine's own words".to_owned();
            return Err(FutureError { key: self.0.key.clone(), engine: self.engine(), kind, message });
        }
        self.0.future.value().map_err(|error| FutureError { engine: self.engine(), ..error })
    }
    fn release(&self) {
        self.0.released.fetch_add(1, Ordering::SeqCst);
        assert!(!self.0.panics, "an engine's bug");
    }
}

/// Two columns of integers, `a` and `b`.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)]))
}

pub fn batch(rows: &[Row]) -> RecordBatch {
    batch_of(&schema(), rows)
}

/// Rows `(from, from * 10)`, ..
pub fn numbers(range: std::ops::Range<i64>) -> Vec<Row> {
    range.map(|number| vec![number, number * 10]).collect()
}

pub fn leaf(sources: impl IntoIterator<Item = impl Borrow<Arc<Source>>>) -> FromDelayed {
    let handles: Vec<_> = sources.into_iter().map(|source| source.borrow().handle()).collect();
    FromDelayed::new("t", schema(), handles).unwrap()
}

pub fn frame(sources: impl IntoIterator<Item = impl Borrow<Arc<Source>>>) -> Frame {
    frame_of(leaf(sources))
}

pub fn frame_of(leaf: FromDelayed) -> Frame {
    Frame::from_leaf(Leaf::FromDelayed(leaf)).unwrap()
}

pub fn executor() -> LocalExecutor {
    LocalExecutor::new(Arc::new(RowKernels::default()), 2)
}

pub fn planner(frame: &Frame) -> Planner {
    Planner::new(frame.functions().clone())
}

/// The rows of a frame, in order of their first column.
pub fn rows(frame: &Frame) -> Vec<Row> {
    let mut rows = rows_of(&frame.collect(&planner(frame), &executor()).unwrap().batches);
    rows.sort();
    rows
}

/// What goes wrong when a frame is collected.
pub fn error(frame: &Frame) -> Box<leafhold::run::RunError> {
    match frame.collect(&planner(frame), &executor()) {
        Err(leafhold::run::CollectError::Run(leafhold::run::RunFailure::Run(error))) => error,
        other => panic!("a run that fails, not {other:?}"),
    }
}
