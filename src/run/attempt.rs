use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::work::{ObserverRequest, WorkContext};
use super::{SlotData, TaskContext};
use crate::lower::Fragment;
use crate::token::Token;

/// One attempt at a task, as a [`Worker`](super::Worker) gets it.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Which task of the graph.
    pub task: usize,
    /// The identity of the task: the same for the same work in any run.
    pub token: Token,
    /// The stage of the task.
    pub stage: usize,
    /// Which attempt this is, from 1.
    pub number: u32,
    /// What to compute: all tasks of a stage share it.
    pub fragment: &'a Arc<Fragment>,
    /// The data of each slot: one entry per source, in order. The batches are shared with whoever else reads them.
    pub inputs: Vec<SlotData>,
    /// Bytes in `inputs`.
    pub bytes_in: u64,
    /// Sources whose rows this process keeps for other tasks, too, which may run on the same worker: slot and source, in order.
    pub shared: Vec<(usize, usize)>,
    /// The task's partition, and what it may ask while it runs.
    pub context: TaskContext,
    /// The time line on which the worker says when it started and ended.
    pub clock: RunClock,
    /// Who is to watch it where it runs. All of them are known: [`Workers::observers`](super::Workers::observers).
    pub observers: &'a [ObserverRequest],
}

impl Attempt<'_> {
    /// What work-side observers are told of it, where this worker runs it.
    pub fn work_context(&self, worker: Arc<str>, host: Option<Arc<str>>) -> WorkContext {
        WorkContext {
            task: self.token,
            label: self.fragment.label.as_str().into(),
            stage: self.stage,
            partition: self.context.partition,
            attempt: self.number,
            worker,
            host,
            given: Arc::new(Value::Null),
        }
    }
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
