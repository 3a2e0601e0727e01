use std::sync::Arc;
use std::time::Duration;

use super::work::Observed;
use super::{FragmentError, TaskOutput};

/// What a worker sends back of an attempt that it ran to its end, well or not.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The rows of each port, or why there are none. An attempt that stopped because it was asked to is
    /// [`KernelError::Cancelled`](super::KernelError::Cancelled).
    pub result: Result<TaskOutput, FragmentError>,
    /// What was measured where it ran.
    pub measured: Measured,
    /// The stack where an error was raised, as text, if the worker has it.
    pub trace: Option<String>,
}

/// What is measured where an attempt runs (law T2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Who ran it.
    pub worker: Arc<str>,
    /// The machine.
    pub host: Option<Arc<str>>,
    /// When it started, on the run's time line: [`Attempt::clock`](super::Attempt::clock).
    pub started: Duration,
    /// When it ended: the difference to `started` is exact.
    pub ended: Duration,
    /// What it took to move its inputs to the worker and its result back; nothing within one process.
    pub transfer: Duration,
    /// The most bytes that the worker's process had resident meanwhile, where that was measured and nothing else ran in it:
    /// [`TaskEvent::peak_memory`](super::TaskEvent::peak_memory).
    pub peak_memory: Option<u64>,
    /// Bytes that its operators wrote to temporary files, for want of memory.
    pub spilled_bytes: u64,
    /// What work-side observers say of it.
    pub observed: Observed,
}

/// A worker went away with its attempt: it died, hung, or no longer makes sense. The driver has the task tried again
/// while retries are left, and says that it is lost otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker {worker} is gone: {cause}")]
pub struct WorkerLost {
    /// Who ran it.
    pub worker: Arc<str>,
    /// The machine.
    pub host: Option<Arc<str>>,
    /// What is known of why, in words: `killed by signal 9`.
    pub cause: String,
    /// When the attempt started, on the run's time line, if anybody heard that it did.
    pub started: Option<Duration>,
    /// When it was known to be lost.
    pub ended: Duration,
}
