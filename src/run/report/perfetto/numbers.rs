use crate::run::report::tracks::{NEVER_RAN, NO_THREAD, NOT_AGAIN, RUN, Thread, Track};

/// The numbers of tracks: their places, from 1, and those of the counters behind them.
pub(super) struct Numbers {
    pub(super) driver: u64,
    pub(super) run: u64,
    /// Nothing, where all tasks ran.
    pub(super) never_ran: u64,
    /// Nothing, where all tasks ran again.
    pub(super) not_again: u64,
    pub(super) lanes: Vec<u64>,
    pub(super) running: u64,
    pub(super) queued: u64,
}

impl Numbers {
    pub(super) fn of(tracks: &[Track]) -> Self {
        let numbered = || (1..).zip(tracks);
        let number = |thread: Thread| {
            let mut found = numbered().filter(|(_, track)| track.thread == thread);
            found.next().map_or(0, |(number, _)| number)
        };
        let last = tracks.len() as u64;
        Numbers {
            driver: number(NO_THREAD),
            run: number(RUN),
            never_ran: number(NEVER_RAN),
            not_again: number(NOT_AGAIN),
            lanes: numbered().filter(|(_, track)| track.is_lane()).map(|(number, _)| number).collect(),
            running: last + 1,
            queued: last + 2,
        }
    }
}
