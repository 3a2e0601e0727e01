use std::sync::Arc;

use parking_lot::Mutex;

use super::TaskEvent;
use super::ended::Ended;
use super::report::Stage;
use super::report::record::Record;
use super::report::records::{Chunk, Records};
use super::report::worker_names::{WorkerName, WorkerNames, same};

/// What a run records of its tasks: each slot in a log of its own, so that none waits for another.
pub(super) struct EventLog {
    /// How many there are.
    tasks: usize,
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
    /// Of a run of these stages, by number, with so many tasks, on so many slots, at least one.
    pub(super) fn new(stages: &[Stage], tasks: usize, slots: usize) -> Self {
        let mut labels: Vec<Arc<str>> = vec!["".into(); stages.last().map_or(0, |last| last.stage + 1)];
        stages.iter().for_each(|stage| labels[stage.stage] = stage.label.clone());
        let slots = (0..slots.max(1)).map(|_| Slot::default()).collect();
        EventLog { tasks, labels, workers: Mutex::default(), slots }
    }

    /// Records tasks that have ended, each once, in the log of a slot.
    pub(super) fn record(&self, slot: usize, ended: &[Ended]) {
        if ended.is_empty() {
            return;
        }
        let mut log = self.slots.get(slot).unwrap_or(&self.slots[0]).0.lock();
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
    pub(super) fn event(&self, ended: Ended, label: Option<Arc<str>>) -> TaskEvent {
        let own = self.label(&ended);
        let label = label.filter(|label| Arc::ptr_eq(label, own)).unwrap_or_else(|| own.clone());
        ended.event(label)
    }

    /// The tasks that are not recorded.
    pub(super) fn missing(&self) -> Vec<usize> {
        let logs: Vec<_> = self.slots.iter().map(|slot| slot.0.lock()).collect();
        let chunks = || logs.iter().flat_map(|log| log.full.iter().chain([&log.chunk]));
        if chunks().map(|chunk| chunk.tasks.len()).sum::<usize>() == self.tasks {
            return Vec::new();
        }
        let mut missing = vec![true; self.tasks];
        chunks().flat_map(|chunk| &chunk.tasks).for_each(|task| missing[*task as usize] = false);
        (0..self.tasks).filter(|task| missing[*task]).collect()
    }

    /// All that was recorded: one record of each task.
    pub(super) fn take(&self) -> Records {
        let (mut chunks, mut more) = (Vec::new(), Vec::new());
        for slot in &self.slots {
            let mut log = std::mem::take(&mut *slot.0.lock());
            chunks.append(&mut log.full);
            chunks.push(log.chunk);
            more.append(&mut log.more);
        }
        let workers = std::mem::take(&mut *self.workers.lock());
        Records::gathered(self.tasks, chunks, more, self.labels.clone(), workers)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::ended::More;
    use super::*;
    use crate::run::TaskState;

    /// A task that ran on a slot's worker, at its own time.
    fn ended(task: usize, slot: usize) -> Ended {
        let mut record = Record::PLANNED;
        record.state = TaskState::Ok;
        record.set_place(task % 2, task);
        record.set_attempt(1);
        record.set_ran(Some(Duration::ZERO), Duration::from_nanos(task as u64));
        let more = task.is_multiple_of(5).then(|| Box::new(More { spilled_bytes: 7, ..More::default() }));
        Ended { task, record, worker: (Some(format!("local-{slot}").into()), None), attempt: 1, more }
    }

    fn stages() -> Vec<Stage> {
        let stage = |(stage, label): (usize, &str)| Stage { stage, label: label.into(), tasks: 0, nodes: Vec::new() };
        [(0, "scan"), (1, "join")].into_iter().map(stage).collect()
    }

    proptest! {
        #[test]
        fn law_t1_what_slots_record_stands_by_task_and_what_is_missing_is_known(
            order in Just((0..3 * CHUNK).collect::<Vec<usize>>()).prop_shuffle(), slots in 1..4usize, at_first in 0..3 * CHUNK
        ) {
            let log = EventLog::new(&stages(), order.len(), slots);
            let record = |task: &usize| log.record(task % slots, &[ended(*task, task % slots)]);
            order[..at_first].iter().for_each(record);
            let mut missing = order[at_first..].to_vec();
            missing.sort_unstable();
            prop_assert_eq!(log.missing(), missing);
            order[at_first..].iter().for_each(record);
            prop_assert_eq!(log.missing(), Vec::<usize>::new());
            let records = log.take();
            for task in 0..order.len() {
                let label = if task.is_multiple_of(2) { "scan" } else { "join" };
                prop_assert_eq!(records.event(task), ended(task, task % slots).event(label.into()));
            }
        }
    }
}
