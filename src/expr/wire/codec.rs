use std::sync::Arc;

use super::super::Barrier;
use crate::leaf::ScanSource;

/// Why an engine's codec cannot write or read something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(pub String);

impl CodecError {
    fn none(what: &str) -> Self {
        CodecError(format!("{what} cannot be sent: the engine has no codec for it"))
    }
}

/// Writes and reads what an engine owns: an engine supplies one if its barriers or tables are to travel.
///
/// What comes back must be the same thing: its token is compared with that of what was written. The
/// defaults refuse everything by name.
pub trait Codec: Send + Sync {
    /// The bytes of a barrier, from which [`decode_barrier`](Codec::decode_barrier) makes it again.
    ///
    /// # Errors
    /// When it cannot be sent.
    fn encode_barrier(&self, barrier: &dyn Barrier) -> Result<Vec<u8>, CodecError> {
        Err(CodecError::none(&format!("barrier `{}`", barrier.name())))
    }

    /// The barrier of some bytes, which may come from anywhere.
    ///
    /// # Errors
    /// When this engine can make none of them.
    fn decode_barrier(&self, name: &str, bytes: &[u8]) -> Result<Arc<dyn Barrier>, CodecError> {
        let _ = bytes;
        Err(CodecError::none(&format!("barrier `{name}`")))
    }

    /// The bytes of a table, from which [`decode_scan`](Codec::decode_scan) makes it again.
    ///
    /// # Errors
    /// When it cannot be sent.
    fn encode_scan(&self, source: &dyn ScanSource) -> Result<Vec<u8>, CodecError> {
        let columns: Vec<_> = source.schema().fields().iter().map(|field| field.name().clone()).collect();
        Err(CodecError::none(&format!("the table of columns {}", columns.join(", "))))
    }

    /// The table of some bytes, which may come from anywhere.
    ///
    /// # Errors
    /// When this engine cannot open it here.
    fn decode_scan(&self, bytes: &[u8]) -> Result<Arc<dyn ScanSource>, CodecError> {
        let _ = bytes;
        Err(CodecError::none("a table"))
    }
}

/// The codec of an engine without barriers and tables of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCodec;

impl Codec for NoCodec {}
