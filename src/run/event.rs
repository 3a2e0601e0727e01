use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

    /// Whether what needs this task's rows can run.
    pub fn has_rows(self) -> bool {
        matches!(self, TaskState::Ok | TaskState::Cached | TaskState::Skipped)
    }

    /// Whether the task is a cause of failure for what stands above it.
    pub fn is_failure(self) -> bool {
        matches!(self, TaskState::Failed | TaskState::Lost | TaskState::UpstreamFailed)
    }
}

/// The one terminal event of a planned task (law T1).
///
/// Times are offsets from the start of the run on a monotonic clock, taken where the task ran (law T2);
/// JSON gives them in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct TaskEvent {
    /// Which task of the graph.
    pub task: usize,
    /// Its stage.
    pub stage: usize,
    /// Its partition in the stage.
    pub partition: usize,
    /// What it does, in a few words.
    pub label: Arc<str>,
    /// How it ended.
    pub state: TaskState,
    /// Who ran it; `None` for what never started.
    pub worker: Option<Arc<str>>,
    /// Which try this was, from 1; 0 for what never started.
    pub attempt: u32,
    /// When the executor got the task.
    #[serde(rename = "submitted_us", serialize_with = "microseconds")]
    pub submitted: Duration,
    /// When everything that it needs was there.
    #[serde(rename = "ready_us", serialize_with = "optional_microseconds")]
    pub ready: Option<Duration>,
    /// When it started.
    #[serde(rename = "started_us", serialize_with = "optional_microseconds")]
    pub started: Option<Duration>,
    /// When it ended, or when it was known that it will never start.
    #[serde(rename = "ended_us", serialize_with = "microseconds")]
    pub ended: Duration,
    /// Rows that it gave, over all ports.
    pub rows: u64,
    /// Bytes that it read.
    pub bytes_in: u64,
    /// Bytes that it gave.
    pub bytes_out: u64,
    /// What went wrong, in words.
    pub error: Option<String>,
}

impl TaskEvent {
    /// How long it ran; nothing for what never started.
    pub fn duration(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| self.ended.saturating_sub(started))
    }
}

pub(super) fn microseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_micros() as u64)
}

fn optional_microseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_micros() as u64).serialize(serializer)
}
