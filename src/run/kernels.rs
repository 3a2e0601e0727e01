use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arrow_array::RecordBatch;

use super::{CancelFlag, MemoryBudget, SpillTarget, StageState, TemporaryFolder};
use crate::leaf::PartitionData;
use crate::lower::Fragment;

/// The rows that reached an input slot: one entry per source, in order.
pub type SlotData = Vec<PartitionData>;

/// What a task gave.
#[derive(Clone, Debug, Default)]
pub struct TaskOutput {
    /// The batches of each port. Every port has at least one batch, perhaps of no rows, so that the
    /// schema travels with the data.
    pub ports: Vec<Vec<RecordBatch>>,
    /// Actual rows that each node of the fragment gave, where the engine counted them.
    pub node_rows: Vec<Option<u64>>,
    /// The most bytes that the task's operators held at a time by their own account, as in
    /// [`TaskEvent::peak_execution_memory`](super::TaskEvent::peak_execution_memory). `None` where they held nothing, or the
    /// engine does not say.
    pub peak_execution_memory: Option<u64>,
}

/// Why a task gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// The computation raised an error: division by zero, an overflow, a value that does not convert.
    #[error("{0}")]
    Compute(String),
    /// The engine cannot run this fragment: a bug of the engine or of the plan.
    #[error("the engine cannot run `{operator}`: {reason}")]
    Unsupported {
        /// The operator.
        operator: String,
        /// Why.
        reason: String,
    },
    /// Data that a source could not read.
    #[error("reading {source_name}: {message}")]
    Read {
        /// The source's name.
        source_name: String,
        /// What went wrong.
        message: String,
    },
    /// The task needs more memory than there is.
    #[error(
        "{wanted} bytes more are needed, but {used} of {limit} are in use; raise the memory limit, or use fewer threads"
    )]
    Memory {
        /// Bytes that it asked for.
        wanted: u64,
        /// Bytes that the executor's runs held.
        used: u64,
        /// Bytes that they may hold.
        limit: u64,
    },
    /// What the task holds beyond its limit of memory cannot be kept in temporary files either.
    #[error(
        "what is beyond the memory limit cannot be kept in temporary files: {reason}; raise the limit, or choose a spill folder \
         with more room (TMPDIR, where none is named)"
    )]
    Spill {
        /// The system's words, and the folder.
        reason: String,
    },
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// Another one of these, and where it was raised.
    #[error("{error}")]
    Traced {
        /// The error.
        error: Box<KernelError>,
        /// Several lines.
        trace: String,
    },
}

impl KernelError {
    /// Adds where it was raised, as the engine can tell: a stack, or the operators at work. It comes to the driver as
    /// [`TaskError::trace`](super::TaskError::trace), on every executor.
    ///
    /// ```
    /// use leafhold::run::KernelError;
    ///
    /// let error = KernelError::Compute("division by zero".into()).with_trace("prices.rs, line 3");
    /// assert_eq!(error.to_string(), "division by zero");
    /// ```
    pub fn with_trace(self, trace: impl Into<String>) -> Self {
        KernelError::Traced { error: Box::new(self), trace: trace.into() }
    }

    /// The error, and where it was raised, if the engine said so.
    pub fn split_trace(self) -> (KernelError, Option<String>) {
        match self {
            KernelError::Traced { error, trace } => {
                // Whoever was nearer knows it better.
                let (error, nearer) = error.split_trace();
                (error, nearer.or(Some(trace)))
            }
            error => (error, None),
        }
    }

    /// The kind of error, as reports name it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            KernelError::Compute(_) => "compute",
            KernelError::Unsupported { .. } => "unsupported",
            KernelError::Read { .. } => "read",
            KernelError::Memory { .. } => "memory",
            KernelError::Spill { .. } => "spill",
            KernelError::Cancelled => "cancelled",
            KernelError::Traced { error, .. } => error.kind(),
        }
    }
}

/// What a task may ask while it runs.
#[derive(Clone)]
pub struct TaskContext {
    /// Which partition of its stage the task is.
    pub partition: usize,
    /// Set when the run is cancelled: check it between batches, and within what takes long.
    pub cancelled: CancelFlag,
    /// When the run started: what `now()` answers in all of its tasks.
    pub started: SystemTime,
    /// What the task may hold in memory, together with all others that run in its process.
    pub memory: MemoryBudget,
    /// Where what it holds goes for which there is no room.
    pub spill: Arc<dyn SpillTarget>,
    /// What the task shares with the others of its stage.
    pub stage: StageState,
}

impl Default for TaskContext {
    /// The first partition of a run that starts now, of a task that is alone in its stage.
    fn default() -> Self {
        let (cancelled, memory, stage) = (CancelFlag::default(), MemoryBudget::default(), StageState::default());
        let spill = Arc::new(TemporaryFolder::default());
        TaskContext { partition: 0, cancelled, started: SystemTime::now(), memory, spill, stage }
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("partition", &self.partition)
            .field("cancelled", &self.cancelled)
            .field("started", &self.started)
            .field("memory", &self.memory)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl TaskContext {
    /// Whether the run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
    }
}

/// Runs fragments on Arrow batches: what an engine supplies.
pub trait Kernels: Send + Sync + 'static {
    /// Computes the fragment over the data of its slots. It gives as many ports as
    /// [`kernel_ports`](crate::lower::FragmentOutput::kernel_ports): samples and ranges are taken beside it.
    ///
    /// # Errors
    /// Whatever keeps the rows from being computed; [`KernelError::Cancelled`], if the task was asked to stop.
    fn run(&self, fragment: &Fragment, inputs: Vec<SlotData>, context: &TaskContext)
    -> Result<TaskOutput, KernelError>;

    /// What the hash is called by which rows go to [ports](crate::lower::FragmentOutput::Hashed). Under one name, equal values
    /// of equal types go to the same one of so many ports in every run and process: so a plan need not shuffle rows that
    /// lie as [`persist`](crate::run::persist) has put them. Without a name, which is the default, they are shuffled again.
    fn hash_function(&self) -> Option<&str> {
        None
    }
}
