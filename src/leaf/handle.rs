use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::future::{EngineId, FutureStatus, InstanceId, PartitionData, RemoteFuture};
use super::{FutureError, FutureValue, Generation, registry, release};

pub(super) struct Instance {
    pub(super) future: Option<Box<dyn RemoteFuture>>,
    pub(super) key: Arc<str>,
    pub(super) engine: EngineId,
    pub(super) id: Option<InstanceId>,
    pub(super) generation: Generation,
    /// Whether the value of some future of this process holds it: only then can it be on a circle.
    pub(super) inside: AtomicBool,
}

impl Drop for Instance {
    fn drop(&mut self) {
        registry::forget(self);
        if let Some(future) = self.future.take() {
            release::request(future);
        }
    }
}

/// A strong handle to live data: while one exists, the data is not released.
///
/// Clones are the same instance. The last drop requests the release, exactly once.
///
/// ```
/// use leafhold::leaf::{value, handle_counts, release};
/// # use arrow_array::RecordBatch;
/// # use std::sync::Arc;
/// let batch = RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty()));
/// let handle = value("answer", vec![batch]);
/// assert_eq!(handle.key(), "answer");
/// drop(handle);
/// release::drain();
/// assert_eq!(handle_counts().live(), 0);
/// ```
#[derive(Clone)]
pub struct FutureHandle(pub(super) Arc<Instance>);

impl FutureHandle {
    /// Takes ownership of a raw future. Two raw futures of one live instance give clones of one
    /// handle, and the second raw reference is let go (not released: the first still holds it).
    pub fn new(future: impl RemoteFuture) -> Self {
        registry::adopt(Box::new(future))
    }

    /// The engine's name for the data.
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// The engine that can resolve this future.
    pub fn engine(&self) -> &EngineId {
        &self.0.engine
    }

    /// The generation of the live instance behind this handle.
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    /// Where the computation stands now.
    pub fn status(&self) -> FutureStatus {
        self.future().status()
    }

    /// Calls `done` once when the future is no longer pending.
    pub fn on_done(&self, done: impl FnOnce() + Send + 'static) {
        self.future().on_done(Box::new(done));
    }

    /// The rows of a finished future, or why there are none. For a future whose value is no table, see
    /// [`value`](FutureHandle::value).
    ///
    /// # Errors
    /// The future failed, was cancelled or lost; it is pending; its value is no table.
    pub fn data(&self) -> Result<PartitionData, FutureError> {
        self.future().data()
    }

    /// What the computation gave, perhaps further futures, or why there is nothing.
    ///
    /// # Errors
    /// The future failed, was cancelled or lost; it is pending.
    pub fn value(&self) -> Result<FutureValue, FutureError> {
        self.future().value()
    }

    /// Waits until the future is done, on this thread, and gives its data.
    ///
    /// # Errors
    /// The future failed, was cancelled or lost; its value is no table.
    pub fn wait(&self) -> Result<PartitionData, FutureError> {
        self.wait_done();
        self.data()
    }

    pub(super) fn wait_done(&self) {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.on_done(move || {
            let _ = sender.send(());
        });
        // An engine that drops the callback has lost the future; whoever reads it hears so.
        let _ = receiver.recv();
    }

    fn future(&self) -> &dyn RemoteFuture {
        self.0.future.as_deref().expect("a future is taken only when its last handle drops")
    }
}

impl PartialEq for FutureHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for FutureHandle {}

impl fmt::Debug for FutureHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureHandle").field("key", &self.key()).field("engine", self.engine()).finish()
    }
}
