use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::TaskEvent;
use super::record::Record;
use super::recorded_event::RecordedEvent;
use super::worker_names::WorkerNames;
use crate::run::work::Observed;

/// The events of a run as it records them: a [`Record`] of each task, what many of them share once, and whole events only
/// where one says more.
#[derive(Clone, Debug, Default)]
pub(in crate::run) struct Records {
    records: Vec<Record>,
    /// What the tasks of a stage do.
    labels: Vec<Arc<str>>,
    pub(in crate::run) workers: WorkerNames,
    more: FxHashMap<usize, Box<TaskEvent>>,
}

impl Records {
    /// Records of planned tasks. `labels` says what those of a stage do.
    pub(in crate::run) fn planned(tasks: usize, labels: Vec<Arc<str>>) -> Self {
        Records { records: vec![Record::PLANNED; tasks], labels, ..Records::default() }
    }

    /// Records of events.
    pub(super) fn of(events: &[TaskEvent]) -> Self {
        let mut records = Records::default();
        records.records.reserve(events.len());
        for (task, event) in events.iter().enumerate() {
            let stage = event.stage;
            if records.labels.len() <= stage && stage <= events.len() {
                records.labels.resize(stage + 1, Arc::from(""));
            }
            if let Some(label) = records.labels.get_mut(stage).filter(|label| label.is_empty()) {
                *label = event.label.clone();
            }
            let mut record = Record::of(event);
            record.worker = records.workers.number(&event.worker, &event.host);
            records.records.push(record);
            // Whatever a record cannot say.
            if record.more || records.event(task) != *event {
                records.keep_whole(task, event.clone());
            }
        }
        records
    }

    pub(in crate::run) fn len(&self) -> usize {
        self.records.len()
    }

    pub(in crate::run) fn get(&self, task: usize) -> Option<&Record> {
        self.records.get(task)
    }

    pub(in crate::run) fn get_mut(&mut self, task: usize) -> Option<&mut Record> {
        self.records.get_mut(task)
    }

    pub(in crate::run) fn iter(&self) -> std::slice::Iter<'_, Record> {
        self.records.iter()
    }

    /// The event of a task as it is recorded.
    pub(super) fn recorded(&self, task: usize) -> RecordedEvent<'_> {
        let record = &self.records[task];
        let more = if record.more { self.more.get(&task).map(|event| &**event) } else { None };
        let label = more.map_or_else(|| self.labels.get(record.stage as usize), |event| Some(&event.label));
        RecordedEvent { task, record, label: label.map_or("", |label| label), more }
    }

    /// All events as they are recorded, by task.
    pub(super) fn all(&self) -> impl Iterator<Item = RecordedEvent<'_>> {
        (0..self.len()).map(|task| self.recorded(task))
    }

    /// Has an event say more than its record.
    pub(in crate::run) fn keep_whole(&mut self, task: usize, event: TaskEvent) {
        for attempt in &event.attempts {
            self.workers.number(&attempt.worker, &attempt.host);
        }
        self.records[task].more = true;
        self.more.insert(task, Box::new(event));
    }

    /// The event of a task.
    pub(in crate::run) fn event(&self, task: usize) -> TaskEvent {
        if let Some(event) = self.recorded(task).more {
            return event.clone();
        }
        let record = &self.records[task];
        let (worker, host) = self.workers.get(record.worker).clone();
        TaskEvent {
            task,
            stage: record.stage as usize,
            partition: record.partition as usize,
            label: self.labels.get(record.stage as usize).cloned().unwrap_or_default(),
            state: record.state,
            worker,
            host,
            attempt: u32::from(record.attempt),
            attempts: Vec::new(),
            submitted: Duration::ZERO,
            ready: record.ready(),
            started: record.started(),
            ended: record.ended(),
            transfer: Duration::ZERO,
            rows: record.rows,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            peak_memory: None,
            spilled_bytes: 0,
            observed: Observed::new(),
            error: None,
        }
    }

    /// All events, by task.
    pub(super) fn events(&self) -> Vec<TaskEvent> {
        (0..self.len()).map(|task| self.event(task)).collect()
    }
}
