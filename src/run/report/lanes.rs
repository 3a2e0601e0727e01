use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

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
        let records = self.tasks.records();
        let workers = records.workers.all().len();
        // Workers share tasks rather evenly; the first number is nobody.
        let mut tries: Vec<Tries> = vec![Tries::default(); workers];
        tries.iter_mut().skip(1).for_each(|tries| tries.slices.reserve(2 * records.len() / workers));
        for event in records.all() {
            let (task, record) = (event.task, event.record);
            for (at, attempt) in event.attempts().iter().enumerate() {
                let worker = records.workers.find(&attempt.worker, &attempt.host);
                if let (Some(started), Some(worker)) = (attempt.started, worker) {
                    tries[worker as usize].push(Slice { task, attempt: Some(at), started, ended: attempt.ended });
                }
            }
            if let Some(started) = record.started() {
                tries[record.worker as usize].push(Slice { task, attempt: None, started, ended: record.ended() });
            }
        }
        // Whoever has no name is one with those who are called so.
        let mut workers: BTreeMap<(Option<&str>, usize, &str), Tries> = BTreeMap::new();
        for ((worker, host), tries) in records.workers.all().iter().zip(tries) {
            if !tries.slices.is_empty() {
                // Shorter names first, so that `local-2` comes before `local-10`.
                let worker = worker.as_deref().unwrap_or("unknown");
                let its = workers.entry((host.as_deref(), worker.len(), worker)).or_default();
                if its.slices.is_empty() {
                    *its = tries
                } else {
                    tries.slices.into_iter().for_each(|slice| its.push(slice))
                }
            }
        }
        workers.into_iter().flat_map(|((host, _, worker), tries)| lanes(host, worker, tries.divide())).collect()
    }
}

/// What one worker did.
#[derive(Clone, Default)]
struct Tries {
    slices: Vec<Slice>,
    /// Whether some slice does not come after the one before it.
    overlap: bool,
}

impl Tries {
    fn push(&mut self, mut slice: Slice) {
        // A try that ended before it started has no place in time but its start.
        slice.ended = slice.ended.max(slice.started);
        let follows = |last: &Slice| last.ended <= slice.started && order(last) <= order(&slice);
        self.overlap |= !self.slices.last().is_none_or(follows);
        self.slices.push(slice);
    }

    /// By time: each goes into the first lane that is free.
    fn divide(self) -> Vec<Vec<Slice>> {
        let mut slices = self.slices;
        if !self.overlap {
            // Most workers do one thing after the other.
            return vec![slices];
        }
        slices.sort_by_key(order);
        let mut lanes: Vec<Vec<Slice>> = Vec::new();
        for slice in slices {
            match lanes.iter_mut().find(|lane| lane.last().is_none_or(|last| last.ended <= slice.started)) {
                Some(lane) => lane.push(slice),
                None => lanes.push(vec![slice]),
            }
        }
        lanes
    }
}

fn order(slice: &Slice) -> impl Ord + use<> {
    (slice.started, slice.ended, slice.task, slice.attempt.unwrap_or(usize::MAX))
}

/// The lanes of a worker.
fn lanes(host: Option<&str>, worker: &str, lanes: Vec<Vec<Slice>>) -> Vec<Lane> {
    let (host, worker) = (host.map(Arc::from), Arc::from(worker));
    let lanes = lanes.into_iter().enumerate();
    lanes
        .map(|(number, slices)| Lane { host: Option::clone(&host), worker: Arc::clone(&worker), number, slices })
        .collect()
}
