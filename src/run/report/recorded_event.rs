use std::time::Duration;

use super::record::Record;
use super::{TaskAttempt, TaskError, TaskEvent};
use crate::run::work::Observed;

/// An event where it is recorded: what a report says of all its tasks reads these, and makes no [`TaskEvent`].
#[derive(Clone, Copy)]
pub(super) struct RecordedEvent<'a> {
    pub(super) task: usize,
    pub(super) record: &'a Record,
    /// What the task does; empty where nobody has said.
    pub(super) label: &'a str,
    /// The whole event, where it says more than its record.
    pub(super) more: Option<&'a TaskEvent>,
}

impl<'a> RecordedEvent<'a> {
    /// See [`TaskEvent::name`].
    pub(super) fn name(&self) -> &'a str {
        if self.label.is_empty() { "task" } else { self.label }
    }

    pub(super) fn stage(&self) -> usize {
        self.more.map_or(self.record.stage as usize, |event| event.stage)
    }

    pub(super) fn partition(&self) -> usize {
        self.more.map_or(self.record.partition as usize, |event| event.partition)
    }

    pub(super) fn attempt(&self) -> u32 {
        self.more.map_or(u32::from(self.record.attempt), |event| event.attempt)
    }

    pub(super) fn attempts(&self) -> &'a [TaskAttempt] {
        self.more.map_or(&[], |event| &event.attempts)
    }

    /// How long its earlier attempts ran, all together.
    pub(super) fn uncounted(&self) -> Duration {
        // Reports also come from elsewhere: a sum must not overflow.
        self.attempts().iter().fold(Duration::ZERO, |sum, attempt| sum.saturating_add(attempt.duration()))
    }

    pub(super) fn transfer(&self) -> Duration {
        self.more.map_or(Duration::ZERO, |event| event.transfer)
    }

    pub(super) fn peak_memory(&self) -> Option<u64> {
        self.more.and_then(|event| event.peak_memory)
    }

    pub(super) fn peak_execution_memory(&self) -> Option<u64> {
        self.more.and_then(|event| event.peak_execution_memory)
    }

    pub(super) fn spilled_bytes(&self) -> u64 {
        self.more.map_or(0, |event| event.spilled_bytes)
    }

    pub(super) fn observed(&self) -> Option<&'a Observed> {
        self.more.map(|event| &event.observed)
    }

    pub(super) fn error(&self) -> Option<&'a TaskError> {
        self.more.and_then(|event| event.error.as_deref())
    }
}
