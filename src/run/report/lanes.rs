use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::RunReport;

/// A try of a task, as its worker spent time on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The task: index into [`RunReport::tasks`].
    pub task: usize,
    /// Which of its earlier tries this is: index into `attempts`; `None` for the one that counted.
    pub attempt: Option<usize>,
    /// When it started.
    pub started: Duration,
    /// When it ended.
    pub ended: Duration,
}

/// What a worker did, one thing after the other. A worker that did several things at a time has several lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The worker's machine, where it is not the driver's own process.
    pub host: Option<Arc<str>>,
    /// The worker.
    pub worker: Arc<str>,
    /// Which of the worker's lanes this is, from 0.
    pub number: usize,
    /// What it did, by time; no two overlap.
    pub slices: Vec<Slice>,
}

impl Lane {
    /// The worker's name, with the lane's number where it has several: `worker-1 #2`.
    pub fn name(&self) -> String {
        match self.number {
            0 => self.worker.to_string(),
            number => format!("{} #{}", self.worker, number + 1),
        }
    }
}

impl RunReport {
    /// What each worker did, by host and worker. Takes the time of sorting the tasks.
    pub fn lanes(&self) -> Vec<Lane> {
        let mut slices = SlicesByWorker::default();
        for (task, event) in self.tasks.iter().enumerate() {
            for (at, attempt) in event.attempts.iter().enumerate() {
                if let Some(started) = attempt.started {
                    let slice = Slice { task, attempt: Some(at), started, ended: attempt.ended };
                    slices.add(&attempt.host, &attempt.worker, slice);
                }
            }
            if let Some(started) = event.started {
                let slice = Slice { task, attempt: None, started, ended: event.ended };
                slices.add(&event.host, &event.worker, slice);
            }
        }
        let mut workers: Vec<(Worker, Vec<Slice>)> = slices.workers.into_iter().zip(slices.slices).collect();
        // Shorter names first, so that `local-2` comes before `local-10`.
        workers.sort_unstable_by_key(|((host, worker), _)| (*host, worker.len(), *worker));
        workers.into_iter().flat_map(|((host, worker), slices)| divide(host, worker, slices)).collect()
    }
}

/// A worker's host and name.
type Worker<'a> = (Option<&'a str>, &'a str);

#[derive(Default)]
struct SlicesByWorker<'a> {
    workers: Vec<Worker<'a>>,
    slices: Vec<Vec<Slice>>,
    places: FxHashMap<Worker<'a>, usize>,
    /// The workers of the last slices, the last one first.
    last: [Option<LastWorker<'a>>; 2],
}

/// A worker by the texts that events share, and its place.
type LastWorker<'a> = (&'a Option<Arc<str>>, &'a Option<Arc<str>>, usize);

/// Whether both are the same text, not only equal ones.
fn same(one: &Option<Arc<str>>, other: &Option<Arc<str>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

impl<'a> SlicesByWorker<'a> {
    fn add(&mut self, host: &'a Option<Arc<str>>, worker: &'a Option<Arc<str>>, slice: Slice) {
        // Tasks that follow each other ran mostly on few workers: these are not looked up by their texts each time.
        let mut last = self.last.iter().flatten();
        let place = match last.find(|(its_host, its_worker, _)| same(its_worker, worker) && same(its_host, host)) {
            Some((_, _, place)) => *place,
            None => {
                let place = self.place((host.as_deref(), worker.as_deref().unwrap_or("unknown")));
                self.last = [Some((host, worker, place)), self.last[0]];
                place
            }
        };
        self.slices[place].push(slice);
    }

    fn place(&mut self, worker: Worker<'a>) -> usize {
        *self.places.entry(worker).or_insert_with(|| {
            self.workers.push(worker);
            self.slices.push(Vec::new());
            self.slices.len() - 1
        })
    }
}

/// Each slice goes into the first lane that is free.
fn divide(host: Option<&str>, worker: &str, mut slices: Vec<Slice>) -> Vec<Lane> {
    slices.sort_by_key(|slice| (slice.started, slice.ended, slice.task, slice.attempt.unwrap_or(usize::MAX)));
    // A try that ended before it started has no place in time but its start.
    slices.iter_mut().for_each(|slice| slice.ended = slice.ended.max(slice.started));
    let mut lanes: Vec<Vec<Slice>> = Vec::new();
    if slices.is_sorted_by(|one, next| one.ended <= next.started) {
        // Most workers do one thing after the other.
        lanes.push(slices);
    } else {
        for slice in slices {
            match lanes.iter_mut().find(|lane| lane.last().is_none_or(|last| last.ended <= slice.started)) {
                Some(lane) => lane.push(slice),
                None => lanes.push(vec![slice]),
            }
        }
    }
    let (host, worker) = (host.map(Arc::from), Arc::from(worker));
    let lanes = lanes.into_iter().enumerate();
    lanes
        .map(|(number, slices)| Lane { host: Option::clone(&host), worker: Arc::clone(&worker), number, slices })
        .collect()
}
