//! Futures of this process: a value at hand, or the result of a background thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use parking_lot::Mutex;

use super::future::{
    EngineId, FutureError, FutureErrorKind, FutureHandle, FutureStatus, InstanceId, PartitionData, RemoteFuture,
};

type Callback = Box<dyn FnOnce() + Send>;

enum State {
    Pending(Vec<Callback>),
    Done(Result<PartitionData, (FutureErrorKind, String)>),
}

struct Cell {
    key: String,
    id: InstanceId,
    state: Mutex<State>,
}

/// A future whose data arrives through a [`Promise`] of the same process.
#[derive(Clone)]
pub struct LocalFuture(Arc<Cell>);

/// The writing end of a [`LocalFuture`]. A promise that is dropped unkept leaves a lost future.
pub struct Promise(Arc<Cell>);

impl LocalFuture {
    /// A pending future and the promise that fulfils it.
    pub fn pending(key: impl Into<String>) -> (LocalFuture, Promise) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = InstanceId(NEXT.fetch_add(1, Ordering::Relaxed));
        let cell = Arc::new(Cell { key: key.into(), id, state: Mutex::new(State::Pending(Vec::new())) });
        (LocalFuture(cell.clone()), Promise(cell))
    }
}

impl Promise {
    /// Gives the future its data.
    pub fn fulfil(self, batches: Vec<RecordBatch>) {
        self.settle(Ok(Arc::new(batches)));
    }

    /// Lets the future fail with the message of an error.
    pub fn fail(self, message: impl Into<String>) {
        self.settle(Err((FutureErrorKind::Failed, message.into())));
    }

    /// Cancels the future.
    pub fn cancel(self) {
        self.settle(Err((FutureErrorKind::Cancelled, "cancelled by its producer".into())));
    }

    fn settle(&self, result: Result<PartitionData, (FutureErrorKind, String)>) {
        let mut state = self.0.state.lock();
        if let State::Pending(callbacks) = &mut *state {
            let callbacks = std::mem::take(callbacks);
            *state = State::Done(result);
            drop(state);
            callbacks.into_iter().for_each(|callback| callback());
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.settle(Err((FutureErrorKind::Lost, "its producer went away without a result".into())));
    }
}

impl RemoteFuture for LocalFuture {
    fn key(&self) -> &str {
        &self.0.key
    }

    fn status(&self) -> FutureStatus {
        match &*self.0.state.lock() {
            State::Pending(_) => FutureStatus::Pending,
            State::Done(Ok(data)) => FutureStatus::Finished {
                rows: Some(data.iter().map(|batch| batch.num_rows() as u64).sum()),
                bytes: Some(data.iter().map(|batch| batch.get_array_memory_size() as u64).sum()),
            },
            State::Done(Err((FutureErrorKind::Failed, _))) => FutureStatus::Failed,
            State::Done(Err((FutureErrorKind::Cancelled, _))) => FutureStatus::Cancelled,
            State::Done(Err((FutureErrorKind::Lost, _))) => FutureStatus::Lost,
        }
    }

    fn engine(&self) -> EngineId {
        EngineId::local()
    }

    fn instance(&self) -> Option<InstanceId> {
        Some(self.0.id)
    }

    fn on_done(&self, done: Callback) {
        let mut state = self.0.state.lock();
        match &mut *state {
            State::Pending(callbacks) => callbacks.push(done),
            State::Done(_) => {
                drop(state);
                done();
            }
        }
    }

    fn data(&self) -> Result<PartitionData, FutureError> {
        let error = |kind, message: &str| FutureError {
            key: self.0.key.clone(),
            engine: EngineId::local(),
            kind,
            message: message.to_owned(),
        };
        match &*self.0.state.lock() {
            State::Pending(_) => Err(error(FutureErrorKind::Lost, "asked for its data while pending")),
            State::Done(Ok(data)) => Ok(data.clone()),
            State::Done(Err((kind, message))) => Err(error(*kind, message)),
        }
    }
}

/// A finished future over data at hand.
pub fn value(key: impl Into<String>, batches: Vec<RecordBatch>) -> FutureHandle {
    let (future, promise) = LocalFuture::pending(key);
    promise.fulfil(batches);
    FutureHandle::new(future)
}

/// Runs `produce` on a background thread; an error or a panic fails the future.
pub fn spawn<F>(key: impl Into<String>, produce: F) -> FutureHandle
where
    F: FnOnce() -> Result<Vec<RecordBatch>, String> + Send + 'static,
{
    let (future, promise) = LocalFuture::pending(key);
    let handle = FutureHandle::new(future);
    std::thread::spawn(move || match catch_unwind(AssertUnwindSafe(produce)) {
        Ok(Ok(batches)) => promise.fulfil(batches),
        Ok(Err(message)) => promise.fail(message),
        Err(panic) => promise.fail(format!("panicked: {}", panic_text(&*panic))),
    });
    handle
}

/// The message of a caught panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
