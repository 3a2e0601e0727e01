use std::time::Duration;

use super::idle::Idle;
use super::records::Records;
use super::times::nanos;
use super::{RunReport, TaskAttempt};

/// Tasks are counted at most once in each of so many equal parts of the time.
const PARTS: usize = 2_000;

/// A task that ran: when it was ready, when it started, when it ended; in this order, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    pub(super) ready: u64,
    pub(super) started: u64,
    pub(super) ended: u64,
}

/// How many tasks ran, and how many waited for a worker, at a time and until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) at: Duration,
    pub(super) running: usize,
    pub(super) queued: usize,
}

/// What changed in one part of the time.
#[derive(Clone, Copy, Default)]
struct Part {
    changes: u32,
    running: i32,
    queued: i32,
    last: u64,
}

/// How many tasks ran and waited, as they are added.
struct Counters {
    parts: Vec<Part>,
    /// In nanoseconds; what is later counts as of then.
    end: u64,
    /// How many parts a nanosecond has, times 2 to the 64th.
    parts_per_nano: u128,
}

impl Counters {
    /// Counters from the start of a run to its end; what comes later is in the last part.
    fn until(end: Duration) -> Self {
        let end = nanos(end);
        let parts_per_nano = ((PARTS as u128) << 64) / (u128::from(end) + 1);
        Counters { parts: vec![Part::default(); PARTS], end, parts_per_nano }
    }

    fn add(&mut self, task: Ran) {
        self.change(task.ready, 0, 1);
        self.change(task.started, 1, -1);
        self.change(task.ended, -1, 0);
    }

    fn change(&mut self, at: u64, running: i32, queued: i32) {
        // Rounding does not change the order of times.
        let part = (u128::from(at.min(self.end)) * self.parts_per_nano) >> 64;
        let part = &mut self.parts[part as usize];
        part.changes += 1;
        part.running += running;
        part.queued += queued;
        part.last = part.last.max(at);
    }

    /// The counts after the last change in each part of the time, as far as there is one.
    fn counts(self) -> impl Iterator<Item = Count> {
        let (mut running, mut queued) = (0, 0);
        self.parts.into_iter().filter(|part| part.changes > 0).map(move |part| {
            running += part.running;
            queued += part.queued;
            Count { at: Duration::from_nanos(part.last), running: running as usize, queued: queued as usize }
        })
    }
}

impl RunReport {
    /// How many tasks ran and waited, over time; and those without an attempt that counts and ran.
    pub(super) fn count_ran(&self, records: &Records) -> (Vec<Count>, Idle) {
        let mut counters = Counters::until(self.wall);
        let mut idle = Idle::default();
        for event in records.all() {
            event.attempts().iter().filter_map(ran).for_each(|ran| counters.add(ran));
            match event.record.ran() {
                Some(ran) => counters.add(ran),
                None => idle.add(event),
            }
        }
        (counters.counts().collect(), idle)
    }
}

/// An earlier try: when everything was there for it is not known.
fn ran(attempt: &TaskAttempt) -> Option<Ran> {
    let started = nanos(attempt.started?);
    Some(Ran { ready: started, started, ended: nanos(attempt.ended).max(started) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ran() -> impl Strategy<Value = Ran> {
        let step = || prop_oneof![Just(0), 0..20_000u64, 0..5_000_000u64];
        (step(), step(), step()).prop_map(|(ready, waits, runs)| Ran {
            ready,
            started: ready + waits,
            ended: ready + waits + runs,
        })
    }

    proptest! {
        #[test]
        fn counts_are_those_of_their_times(tasks in prop::collection::vec(ran(), 0..200), shorter in 1..3u32) {
            let end = tasks.iter().map(|task| task.ended).max().unwrap_or_default();
            // A report may say that the run was over before.
            let wall = Duration::from_nanos(end) / shorter;
            let mut counters = Counters::until(wall);
            tasks.iter().for_each(|task| counters.add(*task));
            let counts: Vec<Count> = counters.counts().collect();
            prop_assert!(counts.len() <= PARTS);
            prop_assert!(counts.is_sorted_by(|one, next| one.at < next.at));
            for count in &counts {
                let among = |within: fn(&Ran, u64) -> bool| tasks.iter().filter(|task| within(task, nanos(count.at))).count();
                prop_assert_eq!(count.running, among(|task, at| task.started <= at && at < task.ended));
                prop_assert_eq!(count.queued, among(|task, at| task.ready <= at && at < task.started));
            }
            // Nothing is running when everything has ended.
            let last = (!tasks.is_empty()).then_some(Count { at: Duration::from_nanos(end), running: 0, queued: 0 });
            prop_assert_eq!(counts.last().copied(), last);
            // No change is without a count in its part of the time.
            let part = wall / PARTS as u32 + Duration::from_nanos(1);
            let times = tasks.iter().flat_map(|task| [task.ready, task.started, task.ended]).map(Duration::from_nanos);
            for at in times.filter(|at| *at + part < wall) {
                prop_assert!(counts.iter().any(|count| count.at >= at && count.at <= at + part));
            }
        }
    }
}
