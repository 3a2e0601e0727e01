use serde::{Deserialize, Serialize};

use super::{EngineId, FutureError, FutureHandle, Generation};

/// Finds futures by their engine's name: what turns a document that came from another process into an
/// expression over live data.
pub trait FutureResolver: Send + Sync {
    /// A handle to the data that `engine` knows as `key`. It must be of this engine and have this key;
    /// whether the data has the schema that its leaf promises shows when it arrives, before any task
    /// starts, as for every future.
    ///
    /// # Errors
    /// The engine's word: it has no such data, or the client is gone.
    fn resolve(&self, engine: &EngineId, key: &str) -> Result<FutureHandle, FutureError>;
}

/// A future of some engine, as documents name it.
///
/// Within the session that wrote it, the generation finds the very same live instance, so tokens stay as
/// they are. Elsewhere the engine's name for the data has to do: what is found is a new instance there,
/// with a generation and therefore a token of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FutureRecord {
    /// The engine that can resolve it.
    pub engine: EngineId,
    /// The engine's name for the data.
    pub key: String,
    /// The live instance, within its session.
    pub generation: Generation,
}

impl FutureRecord {
    /// What a document says of a handle; `None` for a future of this process, of which no other process
    /// could make anything.
    pub fn of(handle: &FutureHandle) -> Option<FutureRecord> {
        (*handle.engine() != EngineId::local()).then(|| FutureRecord {
            engine: handle.engine().clone(),
            key: handle.key().to_owned(),
            generation: handle.generation(),
        })
    }
}
