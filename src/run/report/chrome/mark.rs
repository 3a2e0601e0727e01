use std::time::Duration;

use super::counters::Count;

/// What stands in a trace, and when.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) at: Duration,
    pub(super) task: usize,
    pub(super) what: What,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    /// A try of a task: a slice of a lane.
    Slice { lane: u32, slice: u32 },
    /// A task that never ran.
    NeverRan,
    /// How many tasks ran, and how many waited.
    Count(Count),
    /// An arrow ends in a slice of a lane.
    Arrives { arrow: u32, lane: u32 },
    /// An arrow begins in a slice of a lane.
    Leaves { arrow: u32, lane: u32 },
}

impl Mark {
    /// By time; then by task, so that producers come before consumers; then a slice before the arrows that end in it, and
    /// these before those that begin in it.
    pub(super) fn order(&self) -> (Duration, usize, u8) {
        let kind = match self.what {
            What::Slice { .. } | What::NeverRan | What::Count(..) => 0,
            What::Arrives { .. } => 1,
            What::Leaves { .. } => 2,
        };
        (self.at, self.task, kind)
    }
}
