use std::time::Duration;

/// What stands in a trace, and when. There are as many as events: they are small.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) at: Duration,
    pub(super) task: u32,
    pub(super) what: What,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    /// An attempt of a task: a slice of a lane.
    Slice { lane: u32, slice: u32 },
    /// A task that never ran, or did not run again.
    Idle { again: bool },
    /// How many tasks ran, and how many waited.
    Count { count: u32 },
    /// An arrow ends in a slice of a lane.
    Arrives { arrow: u32, lane: u32 },
    /// An arrow begins in a slice of a lane.
    Leaves { arrow: u32, lane: u32 },
}

impl Mark {
    /// By time; then by task, so that producers come before consumers; then a slice before the arrows that end in it, and
    /// these before those that begin in it.
    pub(super) fn order(&self) -> (Duration, u32, u8) {
        let kind = match self.what {
            What::Slice { .. } | What::Idle { .. } | What::Count { .. } => 0,
            What::Arrives { .. } => 1,
            What::Leaves { .. } => 2,
        };
        (self.at, self.task, kind)
    }
}
