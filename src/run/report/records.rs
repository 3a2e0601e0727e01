use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::TaskEvent;
use super::record::Record;
use super::recorded_event::RecordedEvent;
use super::worker_names::WorkerNames;

/// Records, and the tasks that they are of.
#[derive(Default)]
pub(in crate::run) struct Chunk {
    pub(in crate::run) tasks: Vec<u32>,
    pub(in crate::run) records: Vec<Record>,
}

/// The place of no record.
const NOWHERE: (u32, u32) = (u32::MAX, 0);

/// The events of a run as it records them: a [`Record`] of each task, what many of them share once, and whole events only
/// where one says more.
#[derive(Clone, Debug, Default)]
pub(in crate::run) struct Records {
    /// As they were written.
    chunks: Vec<Vec<Record>>,
    /// Where among these the record of each task is: chunk, and place in it.
    places: Vec<(u32, u32)>,
    /// What the tasks of a stage do.
    labels: Vec<Arc<str>>,
    pub(in crate::run) workers: WorkerNames,
    more: FxHashMap<usize, Box<TaskEvent>>,
}

impl Records {
    /// What was recorded of so many tasks, one record of each, and events that say more. `labels` says what the tasks of a
    /// stage do.
    pub(in crate::run) fn gathered(
        tasks: usize,
        chunks: Vec<Chunk>,
        more: Vec<TaskEvent>,
        labels: Vec<Arc<str>>,
        workers: WorkerNames,
    ) -> Self {
        let mut records = Records { places: vec![NOWHERE; tasks], labels, workers, ..Records::default() };
        for (number, chunk) in (0..).zip(chunks) {
            for (at, task) in (0..).zip(chunk.tasks) {
                records.places[task as usize] = (number, at);
            }
            records.chunks.push(chunk.records);
        }
        more.into_iter().for_each(|event| records.keep_whole(event.task, event));
        records
    }

    /// Records of events.
    pub(super) fn of(events: &[TaskEvent]) -> Self {
        // What most tasks of a stage do is what its first one does.
        let stages =
            events.iter().map(|event| event.stage.saturating_add(1)).filter(|stages| *stages <= events.len()).max();
        let mut labels = vec![None; stages.unwrap_or(0)];
        for event in events {
            if let Some(label) = labels.get_mut(event.stage) {
                label.get_or_insert_with(|| event.label.clone());
            }
        }
        let labels = labels.into_iter().map(Option::unwrap_or_default).collect();
        let mut records = Records { labels, ..Records::default() };
        records.chunks.push(Vec::with_capacity(events.len()));
        for (task, event) in events.iter().enumerate() {
            let mut record = Record::of(event);
            record.worker = records.workers.number(&event.worker, &event.host);
            records.places.push((0, task as u32));
            records.chunks[0].push(record);
            // Whatever a record cannot say.
            if record.more || records.event(task) != *event {
                records.keep_whole(task, event.clone());
            }
        }
        records
    }

    pub(in crate::run) fn len(&self) -> usize {
        self.places.len()
    }

    pub(in crate::run) fn get(&self, task: usize) -> Option<&Record> {
        self.places.get(task).map(|place| self.at(*place))
    }

    /// By task.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.places.iter().map(|place| self.at(*place))
    }

    #[inline]
    fn at(&self, (chunk, place): (u32, u32)) -> &Record {
        // No run leaves a task without one.
        self.chunks.get(chunk as usize).and_then(|chunk| chunk.get(place as usize)).unwrap_or(&Record::PLANNED)
    }

    /// The event of a task as it is recorded.
    #[inline]
    pub(super) fn recorded(&self, task: usize) -> RecordedEvent<'_> {
        let record = self.at(self.places[task]);
        let more = if record.more { self.more.get(&task).map(|event| &**event) } else { None };
        let label = more.map_or_else(|| self.labels.get(record.stage as usize), |event| Some(&event.label));
        RecordedEvent { task, record, label: label.map_or("", |label| label), more }
    }

    /// All events as they are recorded, by task.
    pub(super) fn all(&self) -> impl Iterator<Item = RecordedEvent<'_>> {
        (0..self.len()).map(|task| self.recorded(task))
    }

    /// Those events that say more than their records, by task.
    pub(super) fn all_with_more(&self) -> impl Iterator<Item = RecordedEvent<'_>> {
        let tasks = if self.more.is_empty() { 0 } else { self.len() };
        (0..tasks).map(|task| self.recorded(task)).filter(|event| event.more.is_some())
    }

    /// Has the event of a task say more than its record.
    fn keep_whole(&mut self, task: usize, event: TaskEvent) {
        for attempt in &event.attempts {
            self.workers.number(&attempt.worker, &attempt.host);
        }
        let (chunk, place) = self.places[task];
        self.chunks[chunk as usize][place as usize].more = true;
        self.more.insert(task, Box::new(event));
    }

    /// The event of a task.
    pub(in crate::run) fn event(&self, task: usize) -> TaskEvent {
        let RecordedEvent { record, more, .. } = self.recorded(task);
        more.cloned().unwrap_or_else(|| {
            let label = self.labels.get(record.stage as usize).cloned().unwrap_or_default();
            record.event(task, label, self.workers.get(record.worker).clone())
        })
    }

    /// All events, by task.
    pub(super) fn events(&self) -> Vec<TaskEvent> {
        (0..self.len()).map(|task| self.event(task)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::run::work::Observed;
    use crate::run::{TaskAttempt, TaskError, TaskState};

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), 0..9u64, Just(u64::from(u32::MAX) + 1), Just(u64::MAX)]
    }

    fn time() -> impl Strategy<Value = Duration> {
        prop_oneof![Just(Duration::ZERO), (0..9u64).prop_map(Duration::from_nanos), Just(Duration::MAX)]
    }

    fn text() -> impl Strategy<Value = Arc<str>> {
        prop_oneof![Just(""), Just("scan"), Just("join")].prop_map(Arc::from)
    }

    fn events() -> impl Strategy<Value = Vec<TaskEvent>> {
        let place = (prop_oneof![9 => 0..3usize, 1 => Just(usize::MAX)], number(), text(), 0..TaskState::ALL.len());
        let who = (prop::option::of(text()), prop::option::of(text()), prop_oneof![0..3u32, Just(70_000)]);
        let times = (prop::option::of(time()), prop::option::of(time()), time());
        let amounts = (number(), number(), number());
        let rest = prop::option::weighted(0.3, (0..7usize, time(), number()));
        let event = (place, who, times, amounts, rest).prop_map(|(place, who, times, amounts, rest)| {
            let mut event = TaskEvent {
                task: 0,
                stage: place.0,
                partition: place.1 as usize,
                label: place.2,
                state: TaskState::ALL[place.3],
                worker: who.0,
                host: who.1,
                attempt: who.2,
                attempts: Vec::new(),
                submitted: Duration::ZERO,
                ready: times.0,
                started: times.1,
                ended: times.2,
                transfer: Duration::ZERO,
                rows: amounts.0,
                bytes_in: amounts.1,
                bytes_out: amounts.2,
                peak_memory: None,
                peak_execution_memory: None,
                spilled_bytes: 0,
                observed: Observed::new(),
                error: None,
            };
            let error = Arc::new(TaskError::new("kind", "what"));
            match rest {
                Some((0, time, _)) => event.submitted = time,
                Some((1, time, _)) => event.transfer = time,
                Some((2, _, number)) => event.peak_memory = Some(number),
                Some((3, _, number)) => event.spilled_bytes = number,
                Some((4, ended, _)) => event.attempts.push(TaskAttempt {
                    number: 1,
                    worker: event.host.clone(),
                    host: None,
                    started: Some(ended),
                    ended,
                    error,
                    observed: Observed::new(),
                }),
                Some((5, _, number)) => event.peak_execution_memory = Some(number),
                Some((_, _, number)) => {
                    event.observed = [("cpu".into(), json!(number))].into();
                    event.error = Some(error);
                }
                None => {}
            }
            event
        });
        prop::collection::vec(event, 0..20).prop_map(|mut events| {
            events.iter_mut().enumerate().for_each(|(task, event)| event.task = task);
            events
        })
    }

    proptest! {
        #[test]
        fn law_f1_records_say_what_their_events_do(events in events()) {
            let records = Records::of(&events);
            prop_assert_eq!(records.events(), events.clone());
            for (recorded, event) in records.all().zip(&events) {
                prop_assert_eq!((recorded.stage(), recorded.partition()), (event.stage, event.partition));
                prop_assert_eq!((recorded.name(), recorded.attempt()), (event.name(), event.attempt));
                prop_assert_eq!(recorded.attempts(), &event.attempts[..]);
                prop_assert_eq!((recorded.transfer(), recorded.peak_memory()), (event.transfer, event.peak_memory));
                prop_assert_eq!(recorded.peak_execution_memory(), event.peak_execution_memory);
                prop_assert_eq!((recorded.spilled_bytes(), recorded.error()), (event.spilled_bytes, event.error.as_deref()));
                prop_assert_eq!(recorded.observed().cloned().unwrap_or_default(), event.observed.clone());
                let (worker, host) = records.workers.get(recorded.record.worker);
                prop_assert_eq!((worker, host), (&event.worker, &event.host));
                if event.ended < Duration::MAX && event.started != Some(Duration::MAX) {
                    prop_assert_eq!(recorded.record.duration(), event.duration());
                }
            }
        }
    }
}
