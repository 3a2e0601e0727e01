use std::sync::Arc;

use super::super::{Extension, MapPartitions};
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

/// Writes and reads what an engine owns: an engine supplies one if its extensions or tables are to travel.
///
/// What comes back must be the same thing: its token is compared with that of what was written. The
/// defaults refuse everything by name.
pub trait Codec: Send + Sync {
    /// The bytes of an extension, from which [`decode_extension`](Codec::decode_extension) makes it again.
    ///
    /// # Errors
    /// When it cannot be sent.
    fn encode_extension(&self, extension: &dyn Extension) -> Result<Vec<u8>, CodecError> {
        Err(match MapPartitions::of(extension) {
            Some(function) => CodecError(format!(
                "function `{}` of version {:?} cannot be sent: it is code of this process; give a codec that knows it by name",
                extension.name(),
                function.version()
            )),
            None => CodecError::none(&format!("{} `{}`", extension.operator(), extension.name())),
        })
    }

    /// The extension of some bytes, which may come from anywhere.
    ///
    /// # Errors
    /// When this engine can make none of them.
    fn decode_extension(&self, name: &str, bytes: &[u8]) -> Result<Arc<dyn Extension>, CodecError> {
        let _ = bytes;
        Err(CodecError::none(&format!("extension `{name}`")))
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

/// The codec of an engine without extensions and tables of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCodec;

impl Codec for NoCodec {}
