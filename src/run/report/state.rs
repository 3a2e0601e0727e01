use serde::{Deserialize, Serialize};

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// It ran, and gave its rows.
    Ok,
    /// It raised an error, or a future that it reads gave no data.
    Failed,
    /// It never started, because a task that it needs failed.
    UpstreamFailed,
    /// It was stopped or never started, because the run was cancelled or failed elsewhere.
    Cancelled,
    /// A future that it reads, or the worker that ran it, is gone.
    Lost,
    /// Its rows were there already.
    Cached,
    /// It turned out not to be needed.
    Skipped,
}

impl TaskState {
    /// All states, in the order of reports.
    pub const ALL: [TaskState; 7] = [
        TaskState::Ok,
        TaskState::Cached,
        TaskState::Skipped,
        TaskState::Failed,
        TaskState::Lost,
        TaskState::UpstreamFailed,
        TaskState::Cancelled,
    ];

    /// The state's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            TaskState::Ok => "ok",
            TaskState::Failed => "failed",
            TaskState::UpstreamFailed => "upstream-failed",
            TaskState::Cancelled => "cancelled",
            TaskState::Lost => "lost",
            TaskState::Cached => "cached",
            TaskState::Skipped => "skipped",
        }
    }

    /// Whether the task has its rows, or was not needed: what stands above it is none the worse.
    ///
    /// ```
    /// use leafhold::run::report::TaskState;
    ///
    /// let well = TaskState::ALL.into_iter().filter(|state| state.is_well()).map(TaskState::name);
    /// assert_eq!(well.collect::<Vec<_>>(), ["ok", "cached", "skipped"]);
    /// ```
    pub fn is_well(self) -> bool {
        matches!(self, TaskState::Ok | TaskState::Cached | TaskState::Skipped)
    }

    /// Whether the task is a cause of failure for what stands above it.
    pub fn is_failure(self) -> bool {
        matches!(self, TaskState::Failed | TaskState::Lost | TaskState::UpstreamFailed)
    }
}
