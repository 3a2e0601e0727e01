use std::sync::Arc;
use std::time::Duration;

use crate::run::TaskError;
use crate::run::work::Observed;

/// One time that an engine runs a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// Which one: no two executions of a task have the same.
    pub id: String,
    /// Who runs it. A worker of several threads may be called `address/thread`: it is gone when `address` is.
    pub worker: Option<Arc<str>>,
    /// The machine.
    pub host: Option<Arc<str>>,
    /// When it began, on the run's time line.
    pub started: Option<Duration>,
    /// What work-side observers say of it, once it has ended.
    pub observed: Observed,
}

/// How an execution ended, by whoever ran it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionEnd {
    /// When, on the run's time line: the difference to the beginning is exact.
    pub ended: Duration,
    /// What it took to move its inputs to the worker.
    pub transfer: Duration,
    /// Bytes that it read.
    pub bytes_in: u64,
    /// The most bytes that its process had resident meanwhile, where that was measured.
    pub peak_memory: Option<u64>,
    /// What came of it.
    pub result: ExecutionResult,
}

/// What came of an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum ExecutionResult {
    /// It gave its rows.
    Gave(Given),
    /// It raised an error.
    Failed(TaskError),
    /// It stopped between two batches, because it was told to.
    Stopped,
}

/// What an execution gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Rows over all ports.
    pub rows: u64,
    /// Bytes over all ports.
    pub bytes: u64,
    /// Rows of each node of the fragment, where the engine counted them.
    pub node_rows: Vec<Option<u64>>,
    /// What its operators held at most, by their own account: see
    /// [`TaskOutput::peak_execution_memory`](crate::run::TaskOutput::peak_execution_memory).
    pub peak_execution_memory: Option<u64>,
}

/// Why an attempt that is over did not end its task yet: the engine may run it again.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// Its worker is gone.
    Lost { error: TaskError, ended: Duration },
    /// It raised an error, and there are retries left.
    Failed { error: TaskError, end: ExecutionEnd },
    /// It stopped, and nobody of this run had asked it to.
    Stopped { ended: Duration },
}

impl Pending {
    /// When it was over, and why it does not count.
    pub(super) fn into_error(self) -> (Duration, TaskError) {
        match self {
            Pending::Lost { error, ended } => (ended, error),
            Pending::Failed { error, end } => (end.ended, error),
            Pending::Stopped { ended } => {
                (ended, TaskError::new("stopped", "it was told to stop, and is wanted again"))
            }
        }
    }
}
