use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{FutureError, FutureValue};

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

/// One engine's reference to data that is being computed somewhere.
///
/// An implementation is the *raw* reference; Leafhold wraps it in a
/// [`FutureHandle`](super::FutureHandle), calls [`release`](RemoteFuture::release) once after the last
/// handle is gone, and drops the raw reference afterwards, both on the release queue's thread.
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

    /// The rows of a finished future, or why there are none. An error while it is pending, and when its
    /// value is no table.
    ///
    /// # Errors
    /// It failed, was cancelled or lost; it is pending; its value is no table.
    fn data(&self) -> Result<PartitionData, FutureError>;

    /// What the computation gave. To be implemented where that may be, or hold, further futures.
    ///
    /// # Errors
    /// It failed, was cancelled or lost; it is pending.
    fn value(&self) -> Result<FutureValue, FutureError> {
        self.data().map(FutureValue::Table)
    }

    /// Tells the engine that this raw reference is no longer needed. Other references to the same data,
    /// also ones of a later generation, are none of its business.
    fn release(&self) {}
}
