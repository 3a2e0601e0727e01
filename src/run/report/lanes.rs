use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use super::RunReport;

/// An attempt of a task, as its worker spent time on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The task: index into [`RunReport::tasks`].
    pub task: usize,
    /// Which of its earlier attempts this is: index into `attempts`; `None` for the one that counted.
    pub attempt: Option<usize>,
    /// When it started.
    pub started: Duration,
    /// When it ended.
    pub ended: Duration,
}

/// What a worker did, one thing after the other. A worker that did several things at a time has several lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The worker's machine, where that is known.
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
        let mut attempts: Vec<Attempts> = vec![Attempts::default(); workers];
        attempts.iter_mut().skip(1).for_each(|attempts| attempts.slices.reserve(2 * records.len() / workers));
        for event in records.all() {
            let (task, record) = (event.task, event.record);
            for (at, attempt) in event.attempts().iter().enumerate() {
                let worker = records.workers.find(&attempt.worker, &attempt.host);
                if let (Some(started), Some(worker)) = (attempt.started, worker) {
                    attempts[worker as usize].push(Slice { task, attempt: Some(at), started, ended: attempt.ended });
                }
            }
            if let Some(started) = record.started() {
                attempts[record.worker as usize].push(Slice { task, attempt: None, started, ended: record.ended() });
            }
        }
        // Whoever has no name is one with those who are called so.
        let mut workers: BTreeMap<(Option<&str>, usize, &str), Attempts> = BTreeMap::new();
        for ((worker, host), attempts) in records.workers.all().iter().zip(attempts) {
            if !attempts.slices.is_empty() {
                // Shorter names first, so that `local-2` comes before `local-10`.
                let worker = worker.as_deref().unwrap_or("unknown");
                let its = workers.entry((host.as_deref(), worker.len(), worker)).or_default();
                if its.slices.is_empty() {
                    *its = attempts
                } else {
                    attempts.slices.into_iter().for_each(|slice| its.push(slice))
                }
            }
        }
        workers.into_iter().flat_map(|((host, _, worker), attempts)| lanes(host, worker, attempts.divide())).collect()
    }
}

/// What one worker did.
#[derive(Clone, Default)]
struct Attempts {
    slices: Vec<Slice>,
    /// Whether some slice does not come after the one before it.
    overlap: bool,
}

impl Attempts {
    fn push(&mut self, mut slice: Slice) {
        // An attempt that ended before it started has no place in time but its start.
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
        // Which are busy until when, and which are free: as there may be as many lanes as slices, none is looked for.
        let mut busy: BinaryHeap<Reverse<(Duration, usize)>> = BinaryHeap::new();
        let mut free: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
        for slice in slices {
            while let Some(lane) = busy.peek_mut().filter(|lane| lane.0.0 <= slice.started) {
                free.push(Reverse(PeekMut::pop(lane).0.1));
            }
            let lane = free.pop().map_or(lanes.len(), |Reverse(lane)| lane);
            if lane == lanes.len() {
                lanes.push(Vec::new());
            }
            lanes[lane].push(slice);
            busy.push(Reverse((slice.ended, lane)));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slice(task: usize, started: u64, ended: u64) -> Slice {
        let at = Duration::from_nanos;
        Slice { task, attempt: None, started: at(started), ended: at(ended) }
    }

    fn divided(times: impl IntoIterator<Item = (u64, u64)>) -> Vec<Vec<Slice>> {
        let mut attempts = Attempts::default();
        times
            .into_iter()
            .enumerate()
            .for_each(|(task, (started, took))| attempts.push(slice(task, started, started + took)));
        attempts.divide()
    }

    proptest! {
        #[test]
        fn each_try_is_in_the_first_lane_that_is_free(times in prop::collection::vec((0..20u64, 0..6u64), 1..60)) {
            let lanes = divided(times.iter().copied());
            prop_assert_eq!(lanes.iter().map(Vec::len).sum::<usize>(), times.len());
            for (number, lane) in lanes.iter().enumerate() {
                prop_assert!(lane.is_sorted_by(|one, next| one.ended <= next.started));
                for slice in lane {
                    // Whatever was begun in a lane before this one, and had not ended.
                    let is_busy = |lane: &Vec<Slice>| {
                        lane.iter().any(|other| order(other) < order(slice) && other.ended > slice.started)
                    };
                    prop_assert!(lanes[..number].iter().all(is_busy));
                }
            }
        }
    }

    #[test]
    fn as_many_lanes_as_attempts_are_found_at_once() {
        // Looking at all lanes for each attempt would be 45 billion looks.
        const TRIES: u64 = 300_000;
        assert_eq!(divided((0..TRIES).map(|at| (at, TRIES))).len() as u64, TRIES);
    }
}
