use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{registry, release};
use crate::token::{Determinism, Tokenize, Tokenizer};

/// The data of one partition: batches of one schema, cheap to clone.
pub type PartitionData = Arc<Vec<RecordBatch>>;

/// Which engine can resolve a future: it names the cluster *and* the incarnation of the client, so a
/// restarted client is another engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct EngineId(pub Arc<str>);

impl EngineId {
    /// The engine of this process: local futures.
    pub fn local() -> Self {
        EngineId("local".into())
    }
}

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The engine's word for "one and the same live data". Equal ids of one engine are one instance for
/// as long as any handle to it lives; afterwards the id may come back and means something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u64);

/// Where a future stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FutureStatus {
    /// Still being computed.
    Pending,
    /// Done; sizes are exact where the engine knows them.
    Finished {
        /// Rows of the partition.
        rows: Option<u64>,
        /// Bytes in memory.
        bytes: Option<u64>,
    },
    /// The computation raised an error.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// The engine no longer has the data.
    Lost,
}

/// Why a future gave no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FutureErrorKind {
    /// The computation raised an error.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// The engine no longer has the data.
    Lost,
}

/// A future that gave no data: which, where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("future {key:?} of engine {engine} {}: {message}", self.verb())]
pub struct FutureError {
    /// The engine's name of the data.
    pub key: String,
    /// The engine that had it.
    pub engine: EngineId,
    /// What happened.
    pub kind: FutureErrorKind,
    /// The engine's own words.
    pub message: String,
}

impl FutureError {
    fn verb(&self) -> &'static str {
        match self.kind {
            FutureErrorKind::Failed => "failed",
            FutureErrorKind::Cancelled => "was cancelled",
            FutureErrorKind::Lost => "was lost",
        }
    }
}

/// One engine's handle to data that is being computed somewhere.
///
/// An implementation is the *raw* reference; Leafhold wraps it in a [`FutureHandle`], calls
/// [`release`](RemoteFuture::release) once after the last handle is gone, and drops the raw
/// reference afterwards, both on the release queue's thread.
pub trait RemoteFuture: Send + Sync + 'static {
    /// The engine's name for the data. Not an identity: engines reuse keys.
    fn key(&self) -> &str;

    /// Where the computation stands now.
    fn status(&self) -> FutureStatus;

    /// Which engine can resolve this future.
    fn engine(&self) -> EngineId;

    /// Equal ids mean one and the same live data; `None` means "always its own".
    fn instance(&self) -> Option<InstanceId>;

    /// Calls `done` once when the future is no longer pending; at once if it is not.
    fn on_done(&self, done: Box<dyn FnOnce() + Send>);

    /// The data of a finished future, or why there is none. An error while it is pending.
    fn data(&self) -> Result<PartitionData, FutureError>;

    /// Tells the engine that nobody here needs the data any more.
    fn release(&self) {}
}

/// The generation of a live instance: which process session met it, and as the how-manieth.
///
/// The session part is drawn at random once per process, so that two processes on one scheduler never
/// collide; it takes part in tokens (identity) and never in shapes, plans or texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Generation {
    /// In documents, 32 hexadecimal digits: few readers of JSON have numbers of 128 bits.
    #[serde(with = "hexadecimal")]
    pub(super) session: u128,
    pub(super) counter: u64,
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:032x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        match u128::from_str_radix(&text, 16) {
            Ok(number) if digits => Ok(number),
            _ => Err(serde::de::Error::custom("a session is 32 hexadecimal digits")),
        }
    }
}

impl Tokenize for Generation {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("generation");
        tokenizer.put_bytes(&self.session.to_le_bytes());
        tokenizer.put_u64(self.counter);
        tokenizer.set_determinism(Determinism::Identity);
    }
}

pub(super) struct Instance {
    pub(super) future: Option<Box<dyn RemoteFuture>>,
    pub(super) key: Arc<str>,
    pub(super) engine: EngineId,
    pub(super) id: Option<InstanceId>,
    pub(super) generation: Generation,
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

    /// The data of a finished future, or why there is none.
    pub fn data(&self) -> Result<PartitionData, FutureError> {
        self.future().data()
    }

    /// Waits until the future is done, on this thread, and gives its data.
    pub fn wait(&self) -> Result<PartitionData, FutureError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.on_done(move || {
            let _ = sender.send(());
        });
        // An engine that drops the callback has lost the future; `data` says so.
        let _ = receiver.recv();
        self.data()
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
