use std::sync::Arc;
use std::time::Duration;

use super::record::Record;
use super::worker_names::WorkerName;
use super::{TaskAttempt, TaskError, TaskEvent};
use crate::run::work::Observed;

/// How a task has ended: what is to be recorded, and what observers are to hear.
#[derive(Clone)]
pub(in crate::run) struct Ended {
    pub(in crate::run) task: usize,
    /// But for the number of who ran it.
    pub(in crate::run) record: Record,
    pub(in crate::run) worker: WorkerName,
    pub(in crate::run) attempt: u32,
    pub(in crate::run) more: Option<Box<More>>,
}

/// What a record has no room for, and most tasks have nothing of.
#[derive(Clone, Default)]
pub(in crate::run) struct More {
    pub(in crate::run) attempts: Vec<TaskAttempt>,
    pub(in crate::run) transfer: Duration,
    pub(in crate::run) peak_memory: Option<u64>,
    pub(in crate::run) spilled_bytes: u64,
    pub(in crate::run) observed: Observed,
    pub(in crate::run) error: Option<Arc<TaskError>>,
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
            event.spilled_bytes = more.spilled_bytes;
            event.observed = more.observed;
            event.error = more.error;
        }
        event
    }
}
