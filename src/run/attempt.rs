use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{SlotData, TaskContext};
use crate::lower::Fragment;

/// One try of a task, as a [`Worker`](super::Worker) gets it.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Which task of the graph.
    pub task: usize,
    /// Which try this is, from 1.
    pub number: u32,
    /// What to compute: all tasks of a stage share it.
    pub fragment: &'a Arc<Fragment>,
    /// The data of each slot: one entry per source, in order. The batches are shared with whoever else reads them.
    pub inputs: Vec<SlotData>,
    /// Bytes in `inputs`.
    pub bytes_in: u64,
    /// The task's partition, and what it may ask while it runs.
    pub context: TaskContext,
    /// The time line on which the worker says when it started and ended.
    pub clock: RunClock,
}

/// The time line of a run: how long ago it started, on this process's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct RunClock(Instant);

impl RunClock {
    /// A time line that starts now.
    pub fn start() -> Self {
        RunClock(Instant::now())
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }

    /// Where a moment lies; the start, for one before it.
    pub fn at(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.0)
    }
}
