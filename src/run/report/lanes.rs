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
        // Shorter names first, so that `local-2` comes before `local-10`.
        let mut workers: BTreeMap<(Option<&str>, usize, &str), Vec<Slice>> = BTreeMap::new();
        for (task, event) in self.tasks.iter().enumerate() {
            let tries = event.attempts.iter().enumerate().filter_map(|(at, attempt)| {
                let slice = Slice { task, attempt: Some(at), started: attempt.started?, ended: attempt.ended };
                Some((attempt.host.as_deref(), attempt.worker.as_deref(), slice))
            });
            let counted = event.started.map(|started| {
                let slice = Slice { task, attempt: None, started, ended: event.ended };
                (event.host.as_deref(), event.worker.as_deref(), slice)
            });
            for (host, worker, slice) in tries.chain(counted) {
                let worker = worker.unwrap_or("unknown");
                workers.entry((host, worker.len(), worker)).or_default().push(slice);
            }
        }
        workers.into_iter().flat_map(|((host, _, worker), slices)| divide(host, worker, slices)).collect()
    }
}

/// Each slice goes into the first lane that is free.
fn divide(host: Option<&str>, worker: &str, mut slices: Vec<Slice>) -> Vec<Lane> {
    slices.sort_by_key(|slice| (slice.started, slice.ended, slice.task, slice.attempt.unwrap_or(usize::MAX)));
    let (host, worker) = (host.map(Arc::from), Arc::from(worker));
    let mut lanes: Vec<Lane> = Vec::new();
    for slice in slices {
        // A try that ended before it started has no place in time but its start.
        let slice = Slice { ended: slice.ended.max(slice.started), ..slice };
        let free = |lane: &Lane| lane.slices.last().is_none_or(|last| last.ended <= slice.started);
        let number = lanes.iter().position(free).unwrap_or(lanes.len());
        if number == lanes.len() {
            lanes.push(Lane { host: Option::clone(&host), worker: Arc::clone(&worker), number, slices: Vec::new() });
        }
        lanes[number].slices.push(slice);
    }
    lanes
}
