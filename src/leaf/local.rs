//! Futures of this process: a promise, and who keeps it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use parking_lot::Mutex;

use super::future::{EngineId, FutureStatus, InstanceId, PartitionData, RemoteFuture};
use super::{Fault, FutureError, FutureErrorKind, FutureHandle, FutureOutput, FutureValue, cycle};

type Callback = Box<dyn FnOnce() + Send>;

enum State {
    Pending(Vec<Callback>),
    Done(Result<FutureValue, Fault>),
}

struct Cell {
    key: String,
    id: InstanceId,
    state: Mutex<State>,
    /// What the producer wants to hear when nobody needs the data any more; and whether that is so.
    release: Mutex<(bool, Option<Callback>)>,
    /// Futures that live as long as this one (`NestedFutures::Adopt`).
    adopted: Mutex<Arc<[FutureHandle]>>,
    /// What else does.
    kept: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

/// A future whose data arrives through a [`Promise`] of the same process.
#[derive(Clone)]
pub struct LocalFuture(Arc<Cell>);

/// The writing end of a [`LocalFuture`]. A promise that is dropped unkept leaves a lost future.
///
/// ```
/// use leafhold::leaf::{FutureHandle, FutureStatus, LocalFuture, release};
/// let (future, promise) = LocalFuture::pending("answer");
/// let handle = FutureHandle::new(future);
/// promise.fulfil(vec![]);
/// assert_eq!(handle.status(), FutureStatus::Finished { rows: Some(0), bytes: Some(0) });
///
/// // A producer hears when nobody waits any more.
/// let (future, promise) = LocalFuture::pending("unwanted");
/// drop(FutureHandle::new(future));
/// release::drain();
/// assert!(!promise.is_wanted());
/// ```
pub struct Promise(Arc<Cell>);

impl LocalFuture {
    /// A pending future and the promise that fulfils it.
    pub fn pending(key: impl Into<String>) -> (LocalFuture, Promise) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = InstanceId(NEXT.fetch_add(1, Ordering::Relaxed));
        let cell = Arc::new(Cell {
            key: key.into(),
            id,
            state: Mutex::new(State::Pending(Vec::new())),
            release: Mutex::default(),
            adopted: Mutex::default(),
            kept: Mutex::default(),
        });
        (LocalFuture(cell.clone()), Promise(cell))
    }
}

impl Promise {
    /// Gives the future its data.
    pub fn fulfil(self, batches: Vec<RecordBatch>) {
        self.settle(Ok(FutureValue::table(batches)));
    }

    /// Gives the future whatever a computation gave: tables, futures, lists of them, or an error. A value
    /// that holds this very future, directly or through others, fails it: nobody could ever read it.
    pub fn resolve(self, output: impl FutureOutput) {
        self.settle(output.into_value());
    }

    /// Lets the future fail with the message of an error.
    pub fn fail(self, message: impl Into<String>) {
        self.settle(Err(Fault::failed(message.into())));
    }

    /// Cancels the future.
    pub fn cancel(self) {
        self.settle(Err(Fault::cancelled("cancelled by its producer")));
    }

    /// Keeps other futures alive for as long as this one is.
    pub(crate) fn adopt(&self, futures: Arc<[FutureHandle]>) {
        *self.0.adopted.lock() = futures;
    }

    /// Keeps something that is no future for as long as this one is.
    pub(crate) fn keep(&self, what: Arc<dyn Any + Send + Sync>) {
        *self.0.kept.lock() = Some(what);
    }

    /// Whether somebody may still read the data. A producer that sees `false` can stop.
    pub fn is_wanted(&self) -> bool {
        !self.0.release.lock().0
    }

    /// Calls `stop` once, from the release queue, when nobody needs the data any more; at once, if that
    /// is so already. Not called for a future that is released after it has its data.
    pub fn on_release(&self, stop: impl FnOnce() + Send + 'static) {
        let mut release = self.0.release.lock();
        match release.0 {
            false => release.1 = Some(Box::new(stop)),
            true => {
                drop(release);
                contain(Box::new(stop));
            }
        }
    }

    fn settle(&self, result: Result<FutureValue, Fault>) {
        if !matches!(*self.0.state.lock(), State::Pending(_)) {
            return;
        }
        let nested: Vec<FutureHandle> =
            result.as_ref().map_or_else(|_| Vec::new(), |value| value.futures().into_iter().cloned().collect());
        let callbacks = self.store(result);
        cycle::note_inside(&nested);
        if !nested.is_empty()
            && let Some(keys) = cycle::keys_of_cycle(&LocalFuture(self.0.clone()))
        {
            let fault = Fault::failed(format!("its value holds itself: {}", keys.join(" -> ")));
            let value = std::mem::replace(&mut *self.0.state.lock(), State::Done(Err(fault)));
            drop(value);
        }
        let stop = self.0.release.lock().1.take();
        drop(stop);
        callbacks.into_iter().for_each(contain);
    }

    fn store(&self, result: Result<FutureValue, Fault>) -> Vec<Callback> {
        let before = std::mem::replace(&mut *self.0.state.lock(), State::Done(result));
        match before {
            State::Pending(callbacks) => callbacks,
            State::Done(_) => Vec::new(),
        }
    }
}

/// A callback that panics harms nobody but itself.
fn contain(callback: Callback) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(callback)) {
        tracing::error!("a callback of a future panicked: {}", panic_text(&*panic));
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.settle(Err(Fault::lost("its producer went away without a result")));
    }
}

impl RemoteFuture for LocalFuture {
    fn key(&self) -> &str {
        &self.0.key
    }

    fn status(&self) -> FutureStatus {
        match &*self.0.state.lock() {
            State::Pending(_) => FutureStatus::Pending,
            State::Done(Ok(value)) => {
                let (rows, bytes) = value.sizes().unzip();
                FutureStatus::Finished { rows, bytes }
            }
            State::Done(Err(fault)) => match fault.kind {
                FutureErrorKind::Failed => FutureStatus::Failed,
                FutureErrorKind::Cancelled => FutureStatus::Cancelled,
                FutureErrorKind::Lost => FutureStatus::Lost,
            },
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
        match self.value()? {
            FutureValue::Table(data) => Ok(data),
            other => {
                let message = format!("its value is {}, not a table", other.describe());
                Err(Fault::failed(message).of(&self.0.key, EngineId::local()))
            }
        }
    }

    fn value(&self) -> Result<FutureValue, FutureError> {
        let result = match &*self.0.state.lock() {
            State::Pending(_) => Err(Fault::lost("asked for its data while pending")),
            State::Done(result) => result.clone(),
        };
        result.map_err(|fault| fault.of(&self.0.key, EngineId::local()))
    }

    fn release(&self) {
        let stop = {
            let mut release = self.0.release.lock();
            release.0 = true;
            release.1.take()
        };
        if let Some(stop) = stop {
            contain(stop);
        }
    }
}

/// A finished future over data at hand.
pub fn value(key: impl Into<String>, batches: Vec<RecordBatch>) -> FutureHandle {
    ready(key, batches)
}

/// A finished future of anything that a computation may give.
///
/// ```
/// use leafhold::leaf::{FutureValue, ready, value};
/// let inner = value("inner", vec![]);
/// let outer = ready("outer", vec![inner.clone()]);
/// assert!(matches!(outer.value()?, FutureValue::List(items) if items.len() == 1));
/// # Ok::<_, leafhold::leaf::FutureError>(())
/// ```
pub fn ready(key: impl Into<String>, output: impl FutureOutput) -> FutureHandle {
    let (future, promise) = LocalFuture::pending(key);
    let handle = FutureHandle::new(future);
    promise.resolve(output);
    handle
}

/// The message of a caught panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
