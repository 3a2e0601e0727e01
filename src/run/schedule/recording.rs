use std::sync::Arc;
use std::time::Duration;

use super::{Aftermath, Schedule};
use crate::run::report::TaskAttempt;
use crate::run::store::Held;
use crate::run::work::Observed;
use crate::run::{RunCause, TaskError, TaskEvent, TaskState};

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
        let mut event = self.unstarted(task, state, now);
        event.attempt = attempt;
        if let Some(attempts) = self.attempts.remove(&task) {
            event.attempts = attempts;
        }
        match (state, ran) {
            (TaskState::Ok | TaskState::Failed | TaskState::Lost | TaskState::Cancelled, Some(ran))
                if ran.worker.is_some() && attempt > 0 =>
            {
                event.worker = ran.worker.take();
                event.host = ran.host.take();
                event.started = ran.started;
                event.transfer = ran.transfer;
                event.peak_memory = ran.peak_memory;
                event.spilled_bytes = ran.spilled_bytes;
                event.observed = std::mem::take(&mut ran.observed);
                event.rows = ran.rows;
                event.bytes_in = ran.bytes_in;
                event.bytes_out = ran.bytes_out;
                event.error = ran.error.take();
            }
            (TaskState::Failed | TaskState::Lost, Some(ran)) => event.error = ran.error.clone(),
            (TaskState::Cached, Some(ran)) => {
                event.rows = ran.rows;
                event.bytes_out = ran.bytes_out;
                self.node_rows.unknown(&self.graph[task].fragment);
            }
            _ => {}
        }
        match self.told {
            true => after.events.push(event),
            false => self.log.record(event),
        }
    }

    /// Records the events of which observers have heard. Whoever has some has a hand in the run.
    pub(in crate::run) fn record(&mut self, after: &mut Aftermath) {
        after.heard = 0;
        after.events.drain(..).for_each(|event| self.log.record(event));
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

    /// The event of a task that never started.
    pub(super) fn unstarted(&self, task: usize, state: TaskState, now: Duration) -> TaskEvent {
        let node = &self.graph[task];
        TaskEvent {
            task,
            stage: node.stage,
            partition: node.partition,
            label: self.labels[node.stage].clone(),
            state,
            worker: None,
            host: None,
            attempt: 0,
            attempts: Vec::new(),
            submitted: Duration::ZERO,
            ready: self.ready_at[task],
            started: None,
            ended: now,
            transfer: Duration::ZERO,
            rows: 0,
            bytes_in: 0,
            bytes_out: 0,
            peak_memory: None,
            spilled_bytes: 0,
            observed: Observed::new(),
            error: None,
        }
    }
}
