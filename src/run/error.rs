use arrow_schema::ArrowError;

use super::work::UnknownObserver;
use super::{KernelError, RunReport, SpillError, TaskError};
use crate::leaf::{FutureError, FutureErrorKind, Generation, ReadError, inside};
use crate::lower::LowerError;

/// What made a run fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunCause {
    /// A future of a leaf failed, was cancelled or was lost elsewhere (law L5).
    #[error("leaf `{leaf}`, partition {partition}: {source}{}", inside(.within))]
    Future {
        /// The leaf's name.
        leaf: String,
        /// Which of its partitions.
        partition: usize,
        /// The leaf's own future, whichever one in its value, or made in its place, is to blame: leaves may share a name, and
        /// futures a key.
        future: Generation,
        /// The keys of the futures in whose values it was found, outermost first; empty for the leaf's own.
        within: Vec<String>,
        /// The engine's word: key, engine and cause.
        source: FutureError,
    },
    /// A future gave what the leaf cannot use: no table, nested futures that it rejects, a circle of futures.
    #[error("leaf `{leaf}`, partition {partition}: {source}")]
    Value {
        /// The leaf's name.
        leaf: String,
        /// Which of its partitions.
        partition: usize,
        /// What was wrong: future, engine and what it gave.
        source: ReadError,
    },
    /// A future gave data of another schema than its leaf promised.
    #[error("leaf `{leaf}`, partition {partition}, future {key:?}: {found}, but the leaf promised {promised}")]
    Schema {
        /// The leaf's name.
        leaf: String,
        /// Which of its partitions.
        partition: usize,
        /// The engine's name of the data.
        key: String,
        /// What the data has.
        found: String,
        /// What it should have.
        promised: String,
    },
    /// A task raised an error.
    #[error("{label} (stage {stage}, partition {partition}): {source}")]
    Kernel {
        /// What the task does.
        label: String,
        /// Its stage.
        stage: usize,
        /// Its partition.
        partition: usize,
        /// The engine's error.
        source: KernelError,
    },
    /// The engine's code panicked in a task.
    #[error("{label} (stage {stage}, partition {partition}): the engine panicked: {message}")]
    Panic {
        /// What the task does.
        label: String,
        /// Its stage.
        stage: usize,
        /// Its partition.
        partition: usize,
        /// The panic's message.
        message: String,
    },
    /// The worker that ran a task went away, and no retries are left.
    #[error(
        "{label} (stage {stage}, partition {partition}): the worker {worker} is gone: {cause}; more retries would try it again"
    )]
    Lost {
        /// What the task does.
        label: String,
        /// Its stage.
        stage: usize,
        /// Its partition.
        partition: usize,
        /// Who ran it last.
        worker: String,
        /// What is known of why.
        cause: String,
    },
    /// Rows found no room in memory, and none outside of it.
    #[error("{label} (stage {stage}, partition {partition}): {source}")]
    Spill {
        /// What the task does that needed the room.
        label: String,
        /// Its stage.
        stage: usize,
        /// Its partition.
        partition: usize,
        /// The disk's error.
        source: SpillError,
    },
    /// Somebody cancelled the run.
    #[error("the run was cancelled")]
    Cancelled,
    /// The run wants a work-side observer that is not known where its tasks run. None of them has run.
    #[error(transparent)]
    Observer(#[from] UnknownObserver),
    /// The operating system gave no thread.
    #[error("no worker thread could be started: {0}; use fewer threads, or raise the system's limit of them")]
    Threads(String),
    /// A worker panicked outside of any kernel.
    #[error("a worker panicked: {0}")]
    Worker(String),
    /// The graph contradicts itself.
    #[error("this task graph cannot run: {0}")]
    Graph(String),
}

impl RunCause {
    /// The kind of cause, as reports name it.
    pub fn kind(&self) -> &'static str {
        match self {
            RunCause::Future { source, .. } => match source.kind {
                FutureErrorKind::Failed => "future-failed",
                FutureErrorKind::Cancelled => "future-cancelled",
                FutureErrorKind::Lost => "future-lost",
            },
            RunCause::Value { .. } => "value",
            RunCause::Schema { .. } => "schema",
            RunCause::Kernel { source, .. } => source.kind(),
            RunCause::Panic { .. } => "panic",
            RunCause::Lost { .. } => "worker-lost",
            RunCause::Spill { .. } => "spill",
            RunCause::Cancelled => "cancelled",
            RunCause::Observer(_) => "unknown-observer",
            RunCause::Threads(_) => "threads",
            RunCause::Worker(_) => "worker",
            RunCause::Graph(_) => "graph",
        }
    }

    /// The same of a try that another one follows: nobody need be told what would have it tried again.
    pub(super) fn try_error(&self) -> TaskError {
        match self {
            RunCause::Lost { worker, cause, .. } => {
                TaskError::new(self.kind(), format!("the worker {worker} is gone: {cause}"))
            }
            cause => cause.task_error(),
        }
    }

    /// The same as the event of a task has it, which knows stage and partition itself.
    pub fn task_error(&self) -> TaskError {
        let message = match self {
            RunCause::Kernel { source, .. } => source.to_string(),
            RunCause::Panic { message, .. } => message.clone(),
            cause => cause.to_string(),
        };
        TaskError::new(self.kind(), message)
    }
}

/// A run that failed: why, and what is known of every task (law T3).
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct RunError {
    /// The first cause, by stage and partition.
    #[source]
    pub cause: RunCause,
    /// One event per planned task, as in a run that succeeds.
    pub report: RunReport,
}

/// Why a plan gave no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunFailure {
    /// The plan contradicts itself.
    #[error("lowering the plan: {0}")]
    Lower(#[from] LowerError),
    /// The run failed; the report is inside.
    #[error(transparent)]
    Run(#[from] Box<RunError>),
}

impl RunFailure {
    /// The report of the run, if it came to one.
    pub fn report(&self) -> Option<&RunReport> {
        match self {
            RunFailure::Lower(_) => None,
            RunFailure::Run(error) => Some(&error.report),
        }
    }
}

impl From<ArrowError> for KernelError {
    fn from(error: ArrowError) -> Self {
        KernelError::Compute(error.to_string())
    }
}
