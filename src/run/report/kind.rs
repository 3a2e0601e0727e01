use super::TaskAttempt;
use super::recorded_event::RecordedEvent;

/// What is the same for most slices of a lane that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Kind<'a> {
    label: &'a str,
    /// What traces sort it under: the task's state, if the attempt counted; else whether another one followed it.
    pub(super) category: &'static str,
    pub(super) stage: usize,
    pub(super) attempt: u32,
}

impl PartialEq for Kind<'_> {
    fn eq(&self, other: &Self) -> bool {
        let of = |kind: &Self| (kind.category, kind.stage, kind.attempt);
        // Most events share their label.
        of(self) == of(other) && (std::ptr::eq(self.label, other.label) || self.label == other.label)
    }
}

impl<'a> Kind<'a> {
    /// Of a task's event, or of one of its earlier attempts.
    pub(super) fn of(event: RecordedEvent<'a>, attempt: Option<&TaskAttempt>) -> Self {
        Kind {
            label: event.label,
            category: attempt.map_or_else(|| event.record.state.name(), |attempt| attempt.outcome(event.attempt())),
            stage: event.stage(),
            attempt: attempt.map_or_else(|| event.attempt(), |attempt| attempt.number),
        }
    }
}
