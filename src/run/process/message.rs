//! What the bodies of frames say: short texts in JSON, and rows as Arrow IPC streams.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ProtocolError;
use super::frame::Frame;
use crate::expr::wire::FORMAT;
use crate::leaf::{ArrowStream, IpcError, read_stream};
use crate::run::work::{Observed, ObserverRequest, WorkContext};
use crate::run::{FragmentError, KernelError, TaskContext};
use crate::token::Token;

/// The version of what drivers and worker processes say to each other. It goes up with every change
/// that the other side would not understand.
pub const PROTOCOL: u64 = 3;

/// The first words of either side. What other versions say after these is theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// `driver` or `worker`.
    pub(super) leafhold: String,
    pub(super) protocol: u64,
    /// The version of the format of fragments.
    pub(super) wire: u64,
    #[serde(default)]
    pub(super) pid: u32,
    #[serde(default)]
    pub(super) host: String,
    /// The driver's word: how often to say that a task still runs.
    #[serde(default)]
    pub(super) heartbeat_us: u64,
    /// The worker's word: the names of the observers that it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) observers: Vec<std::sync::Arc<str>>,
}

impl Hello {
    pub(super) fn new(side: &str) -> Self {
        Hello {
            leafhold: side.to_owned(),
            protocol: PROTOCOL,
            wire: FORMAT,
            pid: std::process::id(),
            host: String::new(),
            heartbeat_us: 0,
            observers: Vec::new(),
        }
    }

    /// The other side's words, if it speaks as we do.
    pub(super) fn read(frame: &Frame, side: &str) -> Result<Hello, ProtocolError> {
        let hello: Hello = serde_json::from_slice(&frame.body).map_err(|_| ProtocolError::Stranger)?;
        if hello.leafhold != side {
            return Err(ProtocolError::Stranger);
        }
        if hello.protocol != PROTOCOL {
            return Err(ProtocolError::Version { found: hello.protocol, expected: PROTOCOL });
        }
        match hello.wire == FORMAT {
            true => Ok(hello),
            false => Err(ProtocolError::Wire { found: hello.wire, expected: FORMAT }),
        }
    }
}

/// An attempt at a task. The streams of those sources that are sent follow, in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TaskMessage {
    /// The number of the attempt on this connection; the answer repeats it.
    pub(super) attempt: u64,
    pub(super) fragment: Token,
    pub(super) partition: usize,
    /// When the run started, since 1970.
    pub(super) run_started_ns: u64,
    /// For each slot, where the rows of each source come from.
    pub(super) inputs: Vec<Vec<SourceMessage>>,
    /// What it shares with tasks that are to come; nothing, if it is alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stage: Option<StageMessage>,
    /// What bounds its memory, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<MemoryMessage>,
    /// Who is to watch it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) observe: Option<ObserveMessage>,
}

/// What a process may hold while it runs a task, and where the rest goes. Each task says it: a process serves runs of
/// different limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MemoryMessage {
    /// Bytes: the process's share of the run's limit.
    pub(super) limit: u64,
    /// Where the system keeps temporary files, if this says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<PathBuf>,
}

impl MemoryMessage {
    /// The share of each of so many processes; nothing where nothing is bound.
    pub(super) fn of(context: &TaskContext, processes: usize) -> Option<Self> {
        let limit = context.memory.limit()? / processes.max(1) as u64;
        Some(MemoryMessage { limit, folder: context.spill.folder() })
    }
}

/// Who is to watch an attempt, and what they are told of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ObserveMessage {
    pub(super) context: WorkContext,
    pub(super) requests: Vec<ObserverRequest>,
}

/// Where the rows of a source come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SourceMessage {
    /// So many streams follow; nobody else reads them.
    Sent(usize),
    /// So many streams follow, and later tasks will name them by this number: their rows are kept until it is dropped.
    Keep { number: u64, streams: usize },
    /// Rows that are kept.
    Kept(u64),
}

impl SourceMessage {
    /// How many streams of it follow.
    pub(super) fn streams(self) -> usize {
        match self {
            SourceMessage::Sent(streams) | SourceMessage::Keep { streams, .. } => streams,
            SourceMessage::Kept(_) => 0,
        }
    }
}

/// A stage whose tasks read some slots alike: what they share is kept until its number is dropped.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StageMessage {
    pub(super) number: u64,
    pub(super) replicated: Vec<usize>,
}

/// Rows and stages that need not be kept any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DropMessage {
    pub(super) rows: Vec<u64>,
    #[serde(default)]
    pub(super) stages: Vec<u64>,
}

/// How an attempt ended. The streams of its ports follow, in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AnswerMessage {
    pub(super) attempt: u64,
    /// By the worker's clock.
    pub(super) started_ns: u64,
    /// The same.
    pub(super) ended_ns: u64,
    pub(super) peak_memory: Option<u64>,
    #[serde(default)]
    pub(super) spilled_bytes: u64,
    /// What the observers say of it.
    #[serde(default, skip_serializing_if = "Observed::is_empty")]
    pub(super) observed: Observed,
    pub(super) outcome: OutcomeMessage,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OutcomeMessage {
    Ok {
        node_rows: Vec<Option<u64>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peak_execution_memory: Option<u64>,
        /// How many streams each port has.
        ports: Vec<usize>,
    },
    Failed {
        error: ErrorMessage,
        trace: Option<String>,
    },
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum ErrorMessage {
    Compute { message: String },
    Unsupported { operator: String, reason: String },
    Read { source_name: String, message: String },
    Memory { wanted: u64, used: u64, limit: u64 },
    Spill { reason: String },
    Panic { message: String },
}

impl ErrorMessage {
    /// What to say of an error; `None` for a task that was told to stop.
    pub(super) fn of(error: FragmentError) -> Option<Self> {
        Some(match error {
            FragmentError::Kernel(KernelError::Compute(message)) => ErrorMessage::Compute { message },
            FragmentError::Kernel(KernelError::Unsupported { operator, reason }) => {
                ErrorMessage::Unsupported { operator, reason }
            }
            FragmentError::Kernel(KernelError::Read { source_name, message }) => {
                ErrorMessage::Read { source_name, message }
            }
            FragmentError::Kernel(KernelError::Memory { wanted, used, limit }) => {
                ErrorMessage::Memory { wanted, used, limit }
            }
            FragmentError::Kernel(KernelError::Spill { reason }) => ErrorMessage::Spill { reason },
            FragmentError::Kernel(KernelError::Cancelled) => return None,
            // The trace goes beside it.
            FragmentError::Kernel(KernelError::Traced { error, .. }) => return ErrorMessage::of((*error).into()),
            FragmentError::Panic(message) => ErrorMessage::Panic { message },
            // The driver's word, and not a worker's.
            FragmentError::Observer(unknown) => ErrorMessage::Compute { message: unknown.to_string() },
        })
    }

    pub(super) fn into_error(self) -> FragmentError {
        match self {
            ErrorMessage::Compute { message } => KernelError::Compute(message).into(),
            ErrorMessage::Unsupported { operator, reason } => KernelError::Unsupported { operator, reason }.into(),
            ErrorMessage::Read { source_name, message } => KernelError::Read { source_name, message }.into(),
            ErrorMessage::Memory { wanted, used, limit } => KernelError::Memory { wanted, used, limit }.into(),
            ErrorMessage::Spill { reason } => KernelError::Spill { reason }.into(),
            ErrorMessage::Panic { message } => FragmentError::Panic(message),
        }
    }
}

/// Which attempt a cancellation or a heartbeat is about.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct AttemptMessage {
    pub(super) attempt: u64,
}

/// The time of a worker's clock, which starts with it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct PongMessage {
    pub(super) now_ns: u64,
}

/// A text as the body of a frame.
pub(super) fn write(message: &impl Serialize) -> Result<Vec<u8>, ProtocolError> {
    serde_json::to_vec(message).map_err(|error| ProtocolError::Invalid(error.to_string()))
}

/// The text of a frame.
pub(super) fn read<T: DeserializeOwned>(frame: &Frame) -> Result<T, ProtocolError> {
    let invalid =
        |error| ProtocolError::Invalid(format!("a frame of kind `{:?}` that says nothing: {error}", frame.kind));
    serde_json::from_slice(&frame.body).map_err(invalid)
}

/// Batches as streams: one for each run of batches of one schema, so none for no batch.
pub(super) fn write_rows(batches: &[RecordBatch]) -> Result<Vec<ArrowStream>, IpcError> {
    let same = |a: &RecordBatch, b: &RecordBatch| a.schema_ref() == b.schema_ref();
    batches.chunk_by(same).map(|run| ArrowStream::of(run[0].schema_ref(), run)).collect()
}

/// The batches of streams.
pub(super) fn read_rows<'a>(streams: impl IntoIterator<Item = &'a Buffer>) -> Result<Vec<RecordBatch>, IpcError> {
    let mut batches = Vec::new();
    for stream in streams {
        batches.extend(read_stream(stream)?.1);
    }
    Ok(batches)
}
