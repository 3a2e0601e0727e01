use std::sync::Arc;
use std::time::Duration;

use super::report::record::Record;
use super::report::worker_names::WorkerName;
use super::work::Observed;
use super::{TaskAttempt, TaskError, TaskEvent};

/// How a task has ended: what is to be recorded, and what observers are to hear.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) task: usize,
    /// But for the number of who ran it.
    pub(super) record: Record,
    pub(super) worker: WorkerName,
    pub(super) attempt: u32,
    pub(super) more: Option<Box<More>>,
}

/// What a record has no room for, and most tasks have nothing of.
#[derive(Clone, Default)]
pub(super) struct More {
    pub(super) attempts: Vec<TaskAttempt>,
    pub(super) transfer: Duration,
    pub(super) peak_memory: Option<u64>,
    pub(super) peak_execution_memory: Option<u64>,
    pub(super) spilled_bytes: u64,
    pub(super) observed: Observed,
    pub(super) error: Option<Arc<TaskError>>,
}

impl Ended {
    /// Whether a record cannot say all of it.
    pub(super) fn needs_event(&self) -> bool {
        self.record.more || self.more.is_some()
    }

    /// The event of the task, which does what `label` says.
    pub(super) fn event(self, label: Arc<str>) -> TaskEvent {
        let mut event = self.record.event(self.task, label, self.worker);
        event.attempt = self.attempt;
        if let Some(more) = self.more {
            event.attempts = more.attempts;
            event.transfer = more.transfer;
            event.peak_memory = more.peak_memory;
            event.peak_execution_memory = more.peak_execution_memory;
            event.spilled_bytes = more.spilled_bytes;
            event.observed = more.observed;
            event.error = more.error;
        }
        event
    }
}
