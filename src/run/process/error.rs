use std::io::ErrorKind;

use crate::leaf::IpcError;

/// Why a driver and a worker process do not understand each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The other side is gone.
    #[error("the connection was closed")]
    Closed,
    /// The other side went away in the middle of a frame.
    #[error("the connection ends in the middle of a frame")]
    CutOff,
    /// The operating system's words.
    #[error("the connection failed: {0}")]
    Io(String),
    /// The other side takes nothing any more.
    #[error("the other side reads nothing")]
    Blocked,
    /// Bytes that are no frame.
    #[error("there is no frame of kind {0}; is this a Leafhold worker?")]
    Kind(u8),
    /// A frame that is longer than any.
    #[error("a frame of {length} bytes, where {limit} are the most")]
    Length {
        /// What it says.
        length: u64,
        /// What it may be.
        limit: u64,
    },
    /// The first words are not those of a Leafhold driver or worker.
    #[error(
        "the other side does not introduce itself as Leafhold; is it another program, or does one print to its output?"
    )]
    Stranger,
    /// A driver and a worker of different releases.
    #[error("the worker protocol has version {found} there and {expected} here; use one release at both ends")]
    Version {
        /// The other side's.
        found: u64,
        /// Ours.
        expected: u64,
    },
    /// Both speak one protocol, but write fragments differently.
    #[error("documents have format version {found} there and {expected} here; use one release at both ends")]
    Wire {
        /// The other side's.
        found: u64,
        /// Ours.
        expected: u64,
    },
    /// A frame of a known kind whose body makes no sense, or which nobody asked for.
    #[error("{0}")]
    Invalid(String),
    /// A worker panicked where nothing of its engine's runs.
    #[error("the worker panicked: {0}")]
    Panic(String),
    /// Rows that are no Arrow stream.
    #[error("rows that cannot be read: {0}")]
    Data(#[from] IpcError),
}

impl From<std::io::Error> for ProtocolError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => ProtocolError::Closed,
            ErrorKind::WouldBlock | ErrorKind::TimedOut => ProtocolError::Blocked,
            _ => ProtocolError::Io(error.to_string()),
        }
    }
}
