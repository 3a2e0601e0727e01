use std::sync::Arc;
use std::time::Duration;

use super::{Aftermath, Schedule};
use crate::run::report::TaskAttempt;
use crate::run::store::Held;
use crate::run::work::Observed;
use crate::run::{RunCause, TaskError, TaskState};

/// What is known of an attempt that is over.
#[derive(Default)]
pub(in crate::run) struct Ran {
    pub(in crate::run) slot: usize,
    pub(in crate::run) worker: Option<Arc<str>>,
    pub(in crate::run) host: Option<Arc<str>>,
    pub(in crate::run) started: Option<Duration>,
    pub(in crate::run) ended: Duration,
    pub(in crate::run) transfer: Duration,
    pub(in crate::run) peak_memory: Option<u64>,
    pub(in crate::run) spilled_bytes: u64,
    /// What work-side observers say of it.
    pub(in crate::run) observed: Observed,
    pub(in crate::run) rows: u64,
    pub(in crate::run) bytes_in: u64,
    pub(in crate::run) bytes_out: u64,
    pub(in crate::run) error: Option<Arc<TaskError>>,
    /// The stack where the error was raised.
    pub(in crate::run) trace: Option<String>,
}

/// How an attempt came out.
pub(in crate::run) enum Finished {
    /// The rows of each port, and of each node as far as they were counted.
    Ok(Vec<Held>, Vec<Option<u64>>),
    /// It raised an error.
    Failed(RunCause),
    /// It was asked to stop.
    Cancelled,
    /// Whoever ran it is gone.
    Lost(RunCause),
}

impl Ran {
    /// Whether it says more of its task than a record has room for.
    fn has_more(&self) -> bool {
        self.error.is_some()
            || self.peak_memory.is_some()
            || self.spilled_bytes > 0
            || !self.transfer.is_zero()
            || !self.observed.is_empty()
    }
}

impl Schedule {
    /// Records the one event of a task. An attempt is behind it, if it ran, was lost, or its future failed.
    pub(super) fn end(
        &mut self,
        task: usize,
        state: TaskState,
        attempt: u32,
        now: Duration,
        ran: Option<&mut Ran>,
        after: &mut Aftermath,
    ) {
        use TaskState::{Cached, Cancelled, Failed, Lost, Ok};
        // An attempt is of one task: of the others that end with it nobody is the worker.
        let worker = match &ran {
            Some(ran) if matches!(state, Ok | Failed | Lost | Cancelled) && attempt > 0 => ran.worker.as_ref(),
            _ => None,
        };
        let ran_itself = worker.is_some();
        let worker = match &ran {
            Some(ran) if ran_itself => self.log.workers().number(&ran.worker, &ran.host),
            _ => 0,
        };
        let node = &self.graph[task];
        let Some(record) = self.log.end(task, state) else { return };
        record.set_place(node.stage, node.partition);
        record.set_attempt(attempt);
        record.set_ran(None, now);
        let mut more = None;
        match ran {
            Some(ran) if ran_itself => {
                record.worker = worker;
                record.set_ran(ran.started, now);
                record.rows = ran.rows;
                record.bytes_in = ran.bytes_in;
                record.bytes_out = ran.bytes_out;
                ran.worker = None;
                if ran.has_more() {
                    more = Some(std::mem::take(ran));
                }
            }
            Some(ran) if matches!(state, Failed | Lost) => {
                more = Some(Ran { error: ran.error.clone(), ..Ran::default() });
            }
            Some(ran) if state == Cached => {
                record.rows = ran.rows;
                record.bytes_out = ran.bytes_out;
                self.node_rows.unknown(&self.graph[task].fragment);
            }
            _ => {}
        }
        let attempts = if self.attempts.is_empty() { None } else { self.attempts.remove(&task) };
        if record.more || more.is_some() || attempts.is_some() {
            let more = more.unwrap_or_default();
            self.log.add(task, |event| {
                event.attempt = attempt;
                event.attempts = attempts.unwrap_or_default();
                event.transfer = more.transfer;
                event.peak_memory = more.peak_memory;
                event.spilled_bytes = more.spilled_bytes;
                event.observed = more.observed;
                event.error = more.error;
            });
        }
        if self.told {
            after.events.push(self.log.event(task));
        }
    }

    pub(super) fn note_attempt(&mut self, task: usize, number: u32, ran: Option<&mut Ran>) {
        let Some(ran) = ran else { return };
        self.attempts.entry(task).or_default().push(TaskAttempt {
            number,
            worker: ran.worker.clone(),
            host: ran.host.clone(),
            started: ran.started,
            ended: ran.ended,
            error: ran.error.clone().unwrap_or_else(|| Arc::new(TaskError::new("stopped", "nobody said why"))),
            observed: std::mem::take(&mut ran.observed),
        });
    }
}
