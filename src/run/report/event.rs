use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::run_report::is_nothing;
use super::{TaskAttempt, TaskError, TaskState, times};
use crate::run::work::Observed;

/// The one terminal event of a planned task (law T1).
///
/// Times are offsets from the start of the run on a monotonic clock, taken where the task ran (law T2);
/// JSON gives them in microseconds, with the nanoseconds as a fraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(default)]
    pub worker: Option<Arc<str>>,
    /// The machine that the worker ran on, by the name that it has for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// Which attempt this was, from 1; 0 for what never started. Of what was skipped, or ended between two attempts because the
    /// run was cancelled or what it reads was gone, the last one: none counts.
    pub attempt: u32,
    /// The attempts before this one, which did not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<TaskAttempt>,
    /// When the executor got the task.
    #[serde(rename = "submitted_us", with = "times")]
    pub submitted: Duration,
    /// When everything that it needs was there.
    #[serde(rename = "ready_us", with = "times::optional", default)]
    pub ready: Option<Duration>,
    /// When it started.
    #[serde(rename = "started_us", with = "times::optional", default)]
    pub started: Option<Duration>,
    /// When it ended, or when it was known that it will never start.
    #[serde(rename = "ended_us", with = "times")]
    pub ended: Duration,
    /// What it took to move its inputs to the worker and its result back; nothing within one process.
    #[serde(rename = "transfer_us", with = "times", default, skip_serializing_if = "Duration::is_zero")]
    pub transfer: Duration,
    /// Rows that it gave, over all ports.
    pub rows: u64,
    /// Bytes that it read.
    pub bytes_in: u64,
    /// Bytes that it gave.
    pub bytes_out: u64,
    /// The most bytes that its worker's process had resident meanwhile, with all that this holds besides. `None` where
    /// nobody measured that, or where several tasks of one process may run at a time, as on threads: no figure would be that of
    /// one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// The most bytes that its operators held at a time by their own account: what a limit of memory
    /// ([`ExecutorOptions::memory_limit`](crate::run::ExecutorOptions::memory_limit)) counts of them, whether there is one or
    /// not. With DataFusion's kernels these are the rows that sorts hold, the groups of aggregates, the sides that joins hold and
    /// what a barrier has gathered; not the rows that the task reads or gives, nor what is on its way between operators. What
    /// tasks of a stage share counts for the one that made it. `None` where they held nothing, as filters do, and where nobody
    /// says: of kernels that do not, and of attempts that gave no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_execution_memory: Option<u64>,
    /// Bytes that its operators wrote to temporary files, for want of memory. What it gave may have gone to files, too: that
    /// is in [`RunReport::spilled_bytes`](super::RunReport::spilled_bytes) alone.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub spilled_bytes: u64,
    /// What [work-side observers](crate::run::work) say of it, by their names. JSON reads back as it was, fractions of numbers
    /// to the 15th digit.
    #[serde(default, skip_serializing_if = "Observed::is_empty")]
    pub observed: Observed,
    /// What went wrong. Tasks that fail for one reason share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<TaskError>>,
}

impl TaskEvent {
    /// What it does; `task` where nobody has said.
    pub fn name(&self) -> &str {
        if self.label.is_empty() { "task" } else { &self.label }
    }

    /// How long it ran; nothing for what never started.
    pub fn duration(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| self.ended.saturating_sub(started))
    }

    /// How long it waited for a worker, with everything there that it needs, and for its rows to be there: what
    /// [`transfer`](Self::transfer) of its inputs took is in it. Nothing for what never started.
    pub fn queued(&self) -> Duration {
        match (self.ready, self.started) {
            (Some(ready), Some(started)) => started.saturating_sub(ready),
            _ => Duration::ZERO,
        }
    }
}
