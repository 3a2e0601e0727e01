use std::sync::Arc;
use std::time::Duration;

use super::{Aftermath, Schedule};
use crate::run::ended::{Ended, More};
use crate::run::report::TaskAttempt;
use crate::run::report::record::Record;
use crate::run::store::Held;
use crate::run::work::Observed;
use crate::run::{MemoryReservation, RunCause, TaskError, TaskState};

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
    pub(in crate::run) peak_execution_memory: Option<u64>,
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
    /// What it gave.
    Ok(Given),
    /// It raised an error.
    Failed(RunCause),
    /// It was asked to stop.
    Cancelled,
    /// Whoever ran it is gone.
    Lost(RunCause),
}

/// What an attempt gave.
pub(in crate::run) struct Given {
    pub(in crate::run) ports: Vec<Held>,
    /// Rows of each node, as far as they were counted.
    pub(in crate::run) node_rows: Vec<Option<u64>>,
    /// The room that was taken for those of the ports that are in memory; nothing without a limit.
    pub(in crate::run) room: Option<MemoryReservation>,
}

impl Ran {
    /// What it says of its task that a record has no room for.
    fn more(&mut self) -> Option<Box<More>> {
        let more = self.error.is_some()
            || self.peak_memory.is_some()
            || self.peak_execution_memory.is_some()
            || self.spilled_bytes > 0
            || !self.transfer.is_zero()
            || !self.observed.is_empty();
        more.then(|| {
            Box::new(More {
                attempts: Vec::new(),
                transfer: self.transfer,
                peak_memory: self.peak_memory,
                peak_execution_memory: self.peak_execution_memory,
                spilled_bytes: self.spilled_bytes,
                observed: std::mem::take(&mut self.observed),
                error: self.error.clone(),
            })
        })
    }
}

impl Schedule {
    /// Has the one event of a task recorded. An attempt is behind it, if it ran, was lost, or its future failed.
    pub(super) fn end(
        &mut self,
        task: usize,
        state: TaskState,
        attempt: u32,
        now: Duration,
        ran: Option<&mut Ran>,
        after: &mut Aftermath,
    ) {
        use TaskState::{Cached, Cancelled, Failed, Lost, Ok, Skipped};
        let node = &self.graph[task];
        let mut record = Record::PLANNED;
        record.state = state;
        record.set_place(node.stage, node.partition);
        record.set_attempt(attempt);
        record.set_ready(self.ready_at.get(task).copied().flatten());
        record.set_ran(None, now);
        let (mut worker, mut more) = ((None, None), None);
        match ran {
            // An attempt is of one task: of the others that end with it nobody is the worker.
            Some(ran) if matches!(state, Ok | Failed | Lost | Cancelled) && attempt > 0 && ran.worker.is_some() => {
                record.set_ran(ran.started, now);
                record.rows = ran.rows;
                record.bytes_in = ran.bytes_in;
                record.bytes_out = ran.bytes_out;
                worker = (ran.worker.take(), ran.host.take());
                more = ran.more();
            }
            Some(ran) if matches!(state, Failed | Lost) => {
                more = Some(Box::new(More { error: ran.error.clone(), ..More::default() }));
            }
            Some(ran) if state == Cached => {
                record.rows = ran.rows;
                record.bytes_out = ran.bytes_out;
            }
            _ => {}
        }
        if !matches!(state, Ok | Skipped) {
            self.node_rows.unknown(&node.fragment);
        }
        if !self.attempts.is_empty()
            && let Some(attempts) = self.attempts.remove(&task)
        {
            more.get_or_insert_default().attempts = attempts;
        }
        after.ended.push(Ended { task, record, worker, attempt, more });
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
