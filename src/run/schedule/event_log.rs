use std::time::Duration;

use crate::run::report::TaskEvents;
use crate::run::report::record::Record;
use crate::run::report::records::Records;
use crate::run::report::worker_names::WorkerNames;
use crate::run::{TaskEvent, TaskState};

/// The events of a run, one of each task: a first word counts.
pub(super) struct EventLog {
    records: Records,
    /// Tasks that have one.
    recorded: Vec<bool>,
    /// How many ended without rows for those who read them.
    without_rows: usize,
}

impl EventLog {
    /// A log of planned tasks.
    pub(super) fn new(records: Records) -> Self {
        EventLog { recorded: vec![false; records.len()], without_rows: 0, records }
    }

    /// A task has everything that it needs.
    pub(super) fn ready(&mut self, task: usize, now: Duration) {
        if let Some(record) = self.records.get_mut(task) {
            record.set_ready(Some(now));
        }
    }

    /// The record of a task that ends now in a state, to be filled in; none of one that has ended before.
    pub(super) fn end(&mut self, task: usize, state: TaskState) -> Option<&mut Record> {
        if std::mem::replace(self.recorded.get_mut(task)?, true) {
            return None;
        }
        self.without_rows += usize::from(!state.has_rows());
        let record = self.records.get_mut(task)?;
        record.state = state;
        Some(record)
    }

    /// Whether no task has ended without rows.
    pub(super) fn all_have_rows(&self) -> bool {
        self.without_rows == 0
    }

    /// Adds what the record of a task has no room for.
    pub(super) fn add(&mut self, task: usize, more: impl FnOnce(&mut TaskEvent)) {
        let mut event = self.event(task);
        more(&mut event);
        self.records.keep_whole(task, event);
    }

    /// The event of a task that has ended.
    pub(super) fn event(&self, task: usize) -> TaskEvent {
        self.records.event(task)
    }

    pub(super) fn workers(&mut self) -> &mut WorkerNames {
        &mut self.records.workers
    }

    /// The tasks without an event.
    pub(super) fn missing(&self) -> Vec<usize> {
        (0..self.recorded.len()).filter(|task| !self.recorded[*task]).collect()
    }

    /// All events. Every task has one.
    pub(super) fn take(&mut self) -> TaskEvents {
        debug_assert!(self.recorded.iter().all(|recorded| *recorded), "every task has ended");
        self.recorded = Vec::new();
        TaskEvents::recorded(std::mem::take(&mut self.records))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn law_t1_of_each_task_the_first_event_counts_and_all_stand_by_task(
            order in Just((0..40).collect::<Vec<usize>>()).prop_shuffle(), again in prop::collection::vec(0..45usize, 0..20)
        ) {
            let mut log = EventLog::new(Records::planned(order.len(), vec!["scan".into()]));
            let end = |log: &mut EventLog, task: usize, at: u64| {
                if let Some(record) = log.end(task, TaskState::Ok) {
                    record.set_place(0, task);
                    record.set_ran(None, Duration::from_nanos(at));
                }
            };
            prop_assert_eq!(log.missing().len(), order.len());
            for (at, task) in order.iter().enumerate() {
                end(&mut log, *task, at as u64);
                again.get(at).into_iter().for_each(|other| if order[..at].contains(other) || *other >= 40 {
                    end(&mut log, *other, 99);
                });
            }
            prop_assert_eq!(log.missing(), Vec::<usize>::new());
            let events = log.take();
            prop_assert_eq!(events.iter().map(|event| event.task).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
            for (at, task) in order.iter().enumerate() {
                prop_assert_eq!(events[*task].ended, Duration::from_nanos(at as u64));
                prop_assert_eq!((events[*task].partition, &*events[*task].label), (*task, "scan"));
            }
        }
    }
}
