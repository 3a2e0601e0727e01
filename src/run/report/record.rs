use std::sync::Arc;
use std::time::Duration;

use super::counters::Ran;
use super::times::nanos;
use super::worker_names::WorkerName;
use super::{TaskEvent, TaskState};
use crate::run::work::Observed;

/// In the place of a time where there is none.
const NEVER: u64 = u64::MAX;

/// What every event says, in a cache line: a run of a hundred thousand tasks writes one for each. Times are nanoseconds
/// from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(in crate::run) struct Record {
    ready: u64,
    started: u64,
    ended: u64,
    pub(in crate::run) rows: u64,
    pub(in crate::run) bytes_in: u64,
    pub(in crate::run) bytes_out: u64,
    pub(in crate::run) stage: u32,
    pub(in crate::run) partition: u32,
    /// Who ran it: a number of [`WorkerNames`](super::worker_names::WorkerNames).
    pub(in crate::run) worker: u32,
    pub(in crate::run) attempt: u16,
    pub(in crate::run) state: TaskState,
    /// Whether the event says more than this.
    pub(in crate::run) more: bool,
}

impl Record {
    /// Of a task that nothing is known of.
    pub(in crate::run) const PLANNED: Record = Record {
        ready: NEVER,
        started: NEVER,
        ended: 0,
        rows: 0,
        bytes_in: 0,
        bytes_out: 0,
        stage: 0,
        partition: 0,
        worker: 0,
        attempt: 0,
        state: TaskState::Cancelled,
        more: false,
    };

    /// What an event says of its task, but for who ran it.
    pub(super) fn of(event: &TaskEvent) -> Self {
        let mut record = Record::PLANNED;
        record.set_place(event.stage, event.partition);
        record.set_ready(event.ready);
        record.set_ran(event.started, event.ended);
        record.rows = event.rows;
        record.bytes_in = event.bytes_in;
        record.bytes_out = event.bytes_out;
        record.set_attempt(event.attempt);
        record.state = event.state;
        record
    }

    /// The event that says this, and nothing more.
    pub(in crate::run) fn event(&self, task: usize, label: Arc<str>, (worker, host): WorkerName) -> TaskEvent {
        TaskEvent {
            task,
            stage: self.stage as usize,
            partition: self.partition as usize,
            label,
            state: self.state,
            worker,
            host,
            attempt: u32::from(self.attempt),
            attempts: Vec::new(),
            submitted: Duration::ZERO,
            ready: self.ready(),
            started: self.started(),
            ended: self.ended(),
            transfer: Duration::ZERO,
            rows: self.rows,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            peak_memory: None,
            peak_execution_memory: None,
            spilled_bytes: 0,
            observed: Observed::new(),
            error: None,
        }
    }

    pub(in crate::run) fn ready(&self) -> Option<Duration> {
        time(self.ready)
    }

    pub(in crate::run) fn started(&self) -> Option<Duration> {
        time(self.started)
    }

    pub(in crate::run) fn ended(&self) -> Duration {
        Duration::from_nanos(self.ended)
    }

    /// When it was ready, started and ended, if it ran; as if in this order.
    pub(super) fn ran(&self) -> Option<Ran> {
        let started = self.started;
        // Where there is no time, its place is later than any.
        let ran = Ran { ready: self.ready.min(started), started, ended: self.ended.max(started) };
        (started != NEVER).then_some(ran)
    }

    /// When it ended, if it ran.
    pub(super) fn ran_until(&self) -> Option<u64> {
        (self.started != NEVER).then_some(self.ended)
    }

    /// How long it ran: see [`TaskEvent::duration`].
    pub(super) fn duration(&self) -> Duration {
        match self.started == NEVER {
            true => Duration::ZERO,
            false => Duration::from_nanos(self.ended.saturating_sub(self.started)),
        }
    }

    /// How long it waited for a worker: see [`TaskEvent::queued`].
    pub(super) fn queued(&self) -> Duration {
        match self.ready == NEVER || self.started == NEVER {
            true => Duration::ZERO,
            false => Duration::from_nanos(self.started.saturating_sub(self.ready)),
        }
    }

    /// Numbers beyond 32 bits, which no graph has, are cut to these.
    pub(in crate::run) fn set_place(&mut self, stage: usize, partition: usize) {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        (self.stage, self.partition) = (number(stage), number(partition));
    }

    pub(in crate::run) fn set_ready(&mut self, at: Option<Duration>) {
        self.ready = at.map_or(NEVER, nanos);
    }

    pub(in crate::run) fn set_ran(&mut self, started: Option<Duration>, ended: Duration) {
        self.started = started.map_or(NEVER, nanos);
        self.ended = nanos(ended);
    }

    /// A number that is too large here needs a whole event.
    pub(in crate::run) fn set_attempt(&mut self, attempt: u32) {
        self.attempt = u16::try_from(attempt).unwrap_or(u16::MAX);
        self.more |= u32::from(self.attempt) != attempt;
    }
}

fn time(nanos: u64) -> Option<Duration> {
    (nanos != NEVER).then(|| Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_cache_line() {
        assert_eq!(size_of::<Record>(), 64);
    }
}
