use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::record::Record;
use super::recorded_event::RecordedEvent;
use super::{RunReport, TaskEvent, TaskState};

/// What the tasks of a stage, or of a run, amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many tasks there are.
    pub tasks: usize,
    /// How many tasks ended in each state: index with `state as usize`.
    pub states: [usize; TaskState::ALL.len()],
    /// How many tasks ran.
    pub ran: usize,
    /// How long they ran, all together.
    pub work: Duration,
    /// How long the slowest one ran.
    pub slowest: Duration,
    /// How long they waited for a worker, all together.
    pub queued: Duration,
    /// What it took to move their data, all together.
    pub transfer: Duration,
    /// Attempts that did not count.
    pub retries: usize,
    /// How long these ran, all together: it is no part of [`work`](Summary::work).
    pub uncounted: Duration,
    /// Rows that they gave.
    pub rows: u64,
    /// Bytes that they gave.
    pub bytes: u64,
    /// The most bytes that the process of one of them had resident, where that was measured.
    pub peak_memory: Option<u64>,
    /// The most bytes that the operators of one of them held, where they say so.
    pub peak_execution_memory: Option<u64>,
    /// Bytes that their operators wrote to temporary files.
    pub spilled_bytes: u64,
}

impl Summary {
    /// The sum over some events.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a TaskEvent>) -> Self {
        let mut summary = Summary::default();
        for event in events {
            let (task, record) = (event.task, &Record::of(event));
            summary.add(RecordedEvent { task, record, label: &event.label, more: Some(event) });
        }
        summary
    }

    fn add(&mut self, event: RecordedEvent<'_>) {
        let record = event.record;
        self.tasks += 1;
        self.states[record.state as usize] += 1;
        self.ran += usize::from(record.started().is_some());
        // Reports also come from elsewhere: a sum must not overflow.
        self.work = self.work.saturating_add(record.duration());
        self.slowest = self.slowest.max(record.duration());
        self.queued = self.queued.saturating_add(record.queued());
        self.transfer = self.transfer.saturating_add(event.transfer());
        self.retries += event.attempts().len();
        self.uncounted = self.uncounted.saturating_add(event.uncounted());
        self.rows = self.rows.saturating_add(record.rows);
        self.bytes = self.bytes.saturating_add(record.bytes_out);
        self.peak_memory = self.peak_memory.max(event.peak_memory());
        self.peak_execution_memory = self.peak_execution_memory.max(event.peak_execution_memory());
        self.spilled_bytes = self.spilled_bytes.saturating_add(event.spilled_bytes());
    }

    /// How much longer the slowest task ran than the mean of those that ran: 1.0 is even. `None` where nothing took
    /// any time.
    pub fn skew(&self) -> Option<f64> {
        let work = self.work.as_secs_f64();
        (work > 0.0).then(|| self.slowest.as_secs_f64() * self.ran as f64 / work)
    }

    /// How many tasks ended in each state, in words: `3 ok, 1 failed`.
    pub fn states_text(&self) -> String {
        let counts = TaskState::ALL.iter().map(|state| (state, self.states[*state as usize]));
        let named = counts.filter(|(_, count)| *count > 0);
        named.map(|(state, count)| format!("{count} {}", state.name())).collect::<Vec<_>>().join(", ")
    }
}

impl RunReport {
    /// What all tasks amount to.
    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        self.tasks.records().all().for_each(|event| summary.add(event));
        summary
    }

    /// What each stage amounts to, by number, with its label.
    pub fn summaries(&self) -> BTreeMap<usize, (Arc<str>, Summary)> {
        let mut stages: BTreeMap<usize, (Arc<str>, Summary)> = BTreeMap::new();
        for event in self.tasks.records().all() {
            stages.entry(event.stage()).or_insert_with(|| (event.label.into(), Summary::default())).1.add(event);
        }
        stages
    }
}
