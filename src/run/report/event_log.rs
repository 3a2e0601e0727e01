use std::sync::Arc;

use parking_lot::Mutex;

use super::ended::Ended;
use super::record::Record;
use super::records::Records;
use super::worker_names::{WorkerName, WorkerNames, same};
use super::{Stage, TaskEvent};

/// What a run records of its tasks: each slot in a log of its own, so that none waits for another.
pub(in crate::run) struct EventLog {
    /// What the tasks of each stage do.
    labels: Vec<Arc<str>>,
    workers: Mutex<WorkerNames>,
    slots: Vec<Slot>,
}

/// Apart from the others: what two processors write in turns is slow.
#[repr(align(128))]
#[derive(Default)]
struct Slot(Mutex<SlotLog>);

/// What one slot has recorded, in its order.
#[derive(Default)]
struct SlotLog {
    /// Chunks that are full.
    full: Vec<Chunk>,
    chunk: Chunk,
    /// Events that say more than their records.
    more: Vec<TaskEvent>,
    /// The worker that was recorded last, and its number.
    last: (WorkerName, u32),
}

/// Records, and the tasks that they are of.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) tasks: Vec<u32>,
    pub(super) records: Vec<Record>,
}

/// How many records a chunk has: what is written never moves, as it would in a list that grows.
const CHUNK: usize = 1_024;

impl SlotLog {
    fn push(&mut self, task: u32, record: Record) {
        if self.chunk.records.len() == CHUNK {
            let next = Chunk { tasks: Vec::with_capacity(CHUNK), records: Vec::with_capacity(CHUNK) };
            self.full.push(std::mem::replace(&mut self.chunk, next));
        }
        self.chunk.tasks.push(task);
        self.chunk.records.push(record);
    }
}

impl EventLog {
    /// Of a run of these stages, by number, on so many slots, at least one.
    pub(in crate::run) fn new(stages: &[Stage], slots: usize) -> Self {
        let mut labels: Vec<Arc<str>> = vec!["".into(); stages.last().map_or(0, |last| last.stage + 1)];
        stages.iter().for_each(|stage| labels[stage.stage] = stage.label.clone());
        let slots = (0..slots.max(1)).map(|_| Slot::default()).collect();
        EventLog { labels, workers: Mutex::default(), slots }
    }

    /// Records tasks that have ended, in the log of a slot.
    pub(in crate::run) fn record(&self, slot: usize, ended: &[Ended]) {
        if ended.is_empty() {
            return;
        }
        let mut log = self.slots[slot % self.slots.len()].0.lock();
        for ended in ended {
            let mut record = ended.record;
            record.worker = self.number(&mut log.last, &ended.worker);
            if ended.needs_event() {
                record.more = true;
                log.more.push(ended.clone().event(self.label(ended).clone()));
            }
            log.push(ended.task as u32, record);
        }
    }

    /// The event of a task that has ended. `label` becomes its own, if that is the same text: where many slots count who
    /// holds a text, each waits for the others.
    pub(in crate::run) fn event(&self, ended: Ended, label: Option<Arc<str>>) -> TaskEvent {
        let own = self.label(&ended);
        let label = label.filter(|label| Arc::ptr_eq(label, own)).unwrap_or_else(|| own.clone());
        ended.event(label)
    }

    /// All that was recorded, once each of so many tasks has ended.
    pub(in crate::run) fn take(&self, tasks: usize) -> Records {
        let (mut chunks, mut more) = (Vec::new(), Vec::new());
        for slot in &self.slots {
            let mut log = std::mem::take(&mut *slot.0.lock());
            chunks.append(&mut log.full);
            chunks.push(log.chunk);
            more.append(&mut log.more);
        }
        let workers = std::mem::take(&mut *self.workers.lock());
        Records::gathered(tasks, chunks, more, self.labels.clone(), workers)
    }

    /// What a task does. Every stage has a label.
    fn label(&self, ended: &Ended) -> &Arc<str> {
        &self.labels[ended.record.stage as usize]
    }

    /// The number of a worker.
    fn number(&self, last: &mut (WorkerName, u32), worker: &WorkerName) -> u32 {
        if !(same(&last.0.0, &worker.0) && same(&last.0.1, &worker.1)) {
            *last = (worker.clone(), self.workers.lock().number(&worker.0, &worker.1));
        }
        last.1
    }
}
