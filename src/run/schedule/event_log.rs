use crate::run::TaskEvent;

/// The events of a run in the order in which tasks end, one of each: a first word counts.
///
/// An event is a few hundred bytes. Each is written once, and moved at most once more when the run ends.
pub(super) struct EventLog {
    events: Vec<TaskEvent>,
    /// Tasks that have one.
    recorded: Vec<bool>,
}

impl EventLog {
    /// A log of so many tasks.
    pub(super) fn new(tasks: usize) -> Self {
        EventLog { events: Vec::with_capacity(tasks), recorded: vec![false; tasks] }
    }

    pub(super) fn record(&mut self, event: TaskEvent) {
        let Some(recorded) = self.recorded.get_mut(event.task) else { return };
        if !std::mem::replace(recorded, true) {
            self.events.push(event);
        }
    }

    /// The tasks without an event.
    pub(super) fn missing(&self) -> Vec<usize> {
        (0..self.recorded.len()).filter(|task| !self.recorded[*task]).collect()
    }

    /// All events by task. Every task has one.
    pub(super) fn by_task(mut self) -> Vec<TaskEvent> {
        debug_assert!(self.recorded.iter().all(|recorded| *recorded), "every task has ended");
        // Tasks end nearly in order, so most events are in their places; a swap puts one of the others there.
        for place in 0..self.events.len() {
            while self.events[place].task != place && self.events[place].task < self.events.len() {
                let task = self.events[place].task;
                self.events.swap(place, task);
            }
        }
        self.events
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::run::TaskState;

    fn event(task: usize, ended: u64) -> TaskEvent {
        TaskEvent {
            task,
            stage: 0,
            partition: task,
            label: "".into(),
            state: TaskState::Ok,
            worker: None,
            host: None,
            attempt: 1,
            attempts: Vec::new(),
            submitted: Duration::ZERO,
            ready: None,
            started: None,
            ended: Duration::from_nanos(ended),
            transfer: Duration::ZERO,
            rows: 0,
            bytes_in: 0,
            bytes_out: 0,
            peak_memory: None,
            spilled_bytes: 0,
            observed: Default::default(),
            error: None,
        }
    }

    proptest! {
        #[test]
        fn law_t1_of_each_task_the_first_event_counts_and_all_stand_by_task(
            order in Just((0..40).collect::<Vec<usize>>()).prop_shuffle(), again in prop::collection::vec(0..45usize, 0..20)
        ) {
            let mut log = EventLog::new(order.len());
            prop_assert_eq!(log.missing().len(), order.len());
            for (at, task) in order.iter().enumerate() {
                log.record(event(*task, at as u64));
                again.get(at).into_iter().for_each(|other| if order[..at].contains(other) || *other >= 40 {
                    log.record(event(*other, 99));
                });
            }
            prop_assert_eq!(log.missing(), Vec::<usize>::new());
            let events = log.by_task();
            prop_assert_eq!(events.iter().map(|event| event.task).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
            for (at, task) in order.iter().enumerate() {
                prop_assert_eq!(events[*task].ended, Duration::from_nanos(at as u64));
            }
        }
    }
}
