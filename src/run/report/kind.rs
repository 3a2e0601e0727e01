use super::recorded_event::RecordedEvent;
use super::{TaskAttempt, TaskState};

/// What is the same for most slices of a lane that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Kind<'a> {
    label: &'a str,
    /// `None` for a try that did not count.
    state: Option<TaskState>,
    pub(super) stage: usize,
    pub(super) attempt: u32,
}

impl PartialEq for Kind<'_> {
    fn eq(&self, other: &Self) -> bool {
        let of = |kind: &Self| (kind.state, kind.stage, kind.attempt);
        // Most events share their label.
        of(self) == of(other) && (std::ptr::eq(self.label, other.label) || self.label == other.label)
    }
}

impl<'a> Kind<'a> {
    /// Of a task's event, or of one of its earlier tries.
    pub(super) fn of(event: RecordedEvent<'a>, attempt: Option<&TaskAttempt>) -> Self {
        Kind {
            label: event.label,
            state: attempt.is_none().then_some(event.record.state),
            stage: event.stage(),
            attempt: attempt.map_or_else(|| event.attempt(), |attempt| attempt.number),
        }
    }

    /// What traces sort it under: the task's state, if the try counted.
    pub(super) fn category(&self) -> &'static str {
        self.state.map_or("given-up", TaskState::name)
    }
}
