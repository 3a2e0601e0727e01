use super::Lane;
use super::idle::Idle;

/// The process that stands for the driver; those of the workers' hosts follow.
const DRIVER: usize = 1;
/// The driver's thread with the run as a whole.
pub(super) const RUN: Thread = Thread { pid: DRIVER, tid: 1 };
/// The driver's thread with the tasks that never ran.
pub(super) const NEVER_RAN: Thread = Thread { pid: DRIVER, tid: 2 };
/// The driver's thread with the tasks of which earlier attempts ran, and the last one never did.
pub(super) const NOT_AGAIN: Thread = Thread { pid: DRIVER, tid: 3 };
/// The driver's process, without a thread.
pub(super) const NO_THREAD: Thread = Thread { pid: DRIVER, tid: 0 };

/// A process and a thread of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) pid: usize,
    /// From 1; 0 is the process.
    pub(super) tid: usize,
}

/// What has a name in a trace: a process, or one of its threads.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) thread: Thread,
    pub(super) name: String,
}

impl Track {
    fn new(thread: Thread, name: impl Into<String>) -> Self {
        Track { thread, name: name.into() }
    }

    pub(super) fn is_process(&self) -> bool {
        self.thread.tid == 0
    }

    pub(super) fn is_lane(&self) -> bool {
        self.thread.pid != DRIVER && !self.is_process()
    }
}

/// The driver's tracks, and a process per host with a thread for each lane, in order; processes before their threads.
pub(super) fn tracks(lanes: &[Lane], idle: &Idle) -> Vec<Track> {
    let mut tracks = vec![Track::new(NO_THREAD, "driver"), Track::new(RUN, "run")];
    if !idle.never_ran.is_empty() {
        tracks.push(Track::new(NEVER_RAN, "tasks that never ran"));
    }
    if !idle.not_again.is_empty() {
        tracks.push(Track::new(NOT_AGAIN, "tasks that did not run again"));
    }
    let mut thread = NO_THREAD;
    for (at, lane) in lanes.iter().enumerate() {
        if at == 0 || lanes[at - 1].host != lane.host {
            thread = Thread { pid: thread.pid + 1, tid: 0 };
            tracks.push(Track::new(thread, lane.host.as_deref().unwrap_or("workers")));
        }
        thread.tid += 1;
        tracks.push(Track::new(thread, lane.name()));
    }
    tracks
}
