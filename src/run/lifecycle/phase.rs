use crate::run::TaskState;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Something that it reads is not there yet.
    Waiting,
    /// It can be submitted.
    Ready,
    /// Somebody is to run it.
    Submitted,
    /// Somebody has said that it runs. Not every worker says so.
    Running,
    /// It has had its terminal event.
    Ended(TaskState),
}

impl Phase {
    /// Whether an attempt is on its way.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Phase::Submitted | Phase::Running)
    }

    /// Whether it has had its terminal event.
    pub fn has_ended(self) -> bool {
        matches!(self, Phase::Ended(_))
    }
}
