use std::io::{self, Write};

use super::arrow_ends::ArrowEnds;
use super::fields::track_event::{FLOW_IDS, TERMINATING_FLOW_IDS};
use super::interned::Interned;
use super::numbers::Numbers;
use super::proto::Proto;
use super::slices::Slices;
use crate::run::RunReport;
use crate::run::report::counters::Count;
use crate::run::report::idle::Idle;
use crate::run::report::records::Records;
use crate::run::report::shares::{SHARE, both, write_shares};
use crate::run::report::tracks::{Track, tracks};
use crate::run::report::{Lane, Slice};

impl RunReport {
    /// Writes the report as a trace of [Perfetto](https://ui.perfetto.dev)'s own, in its binary format: for large runs,
    /// less than half of what [`write_chrome_trace`](RunReport::write_chrome_trace) writes, in less time.
    ///
    /// It says the same: hosts are processes and workers are threads, each with its tasks as slices, earlier attempts
    /// included; a slice's category is the task's state, or `retried` or `given-up` for an earlier attempt, and what is known of it are its arguments, with times in
    /// nanoseconds and without what is nothing. Flows lead from producers to consumers, as far as
    /// [`flows`](RunReport::flows) has them and the consumer started after its producer did. Tasks that never ran are
    /// instants at the driver, and so are those of which earlier attempts ran alone, whose counters say how many tasks ran and how many waited for a worker. Times are from the
    /// start of the run.
    ///
    /// Perfetto puts events in order, so here they stand lane by lane. It is written in chunks: `out` needs no buffer.
    ///
    /// # Errors
    /// What `out` says; a part of the trace may have been written.
    pub fn write_perfetto_trace(&self, mut out: impl Write) -> io::Result<()> {
        let records = self.tasks.records();
        // Of many tasks, reading them is what takes time.
        let (lanes, (counts, idle)) = both(self.tasks.len(), || self.lanes(), || self.count_ran(records));
        let tracks = tracks(&lanes, &idle);
        let (leaving, arriving) = ArrowEnds::of(self, records);
        let (numbers, interned, critical) = (Numbers::of(&tracks), Interned::of(self), self.critical_tasks());
        let trace = Trace { report: self, records, numbers, interned, critical, leaving, arriving };
        let mut begin = Vec::new();
        trace.begin(&tracks, &mut Proto(&mut begin));
        out.write_all(&begin)?;
        let shares = trace.shares(&lanes, &idle, &counts);
        write_shares(shares, &mut out, |share, text| trace.share(share, &mut Proto(text)))
    }

    /// What [`write_perfetto_trace`](RunReport::write_perfetto_trace) writes.
    ///
    /// ```
    /// use leafhold::run::RunReport;
    ///
    /// let trace = RunReport::default().to_perfetto_trace();
    /// assert_eq!(trace[0], 0x0a, "the first field of a trace is a packet");
    /// ```
    pub fn to_perfetto_trace(&self) -> Vec<u8> {
        // So much is what most tasks need.
        let mut trace = Vec::with_capacity(96 * (self.tasks.len() + 8));
        // Memory takes whatever is written.
        let _ = self.write_perfetto_trace(&mut trace);
        trace
    }
}

/// Events of one track that follow each other, or counts.
enum Share<'a> {
    Lane { track: u64, slices: &'a [Slice] },
    Idle { track: u64, tasks: &'a [u32] },
    Counts(&'a [Count]),
}

/// What all events of a trace refer to.
struct Trace<'a> {
    report: &'a RunReport,
    records: &'a Records,
    numbers: Numbers,
    interned: Interned<'a>,
    critical: Vec<bool>,
    leaving: ArrowEnds,
    arriving: ArrowEnds,
}

impl Trace<'_> {
    /// What is interned, all tracks, and the run as a whole.
    fn begin(&self, tracks: &[Track], text: &mut Proto<'_>) {
        text.interned(&self.interned);
        let mut process = 0;
        for (number, track) in (1..).zip(tracks) {
            if track.is_process() {
                process = number;
            }
            text.track(number, process, track);
        }
        let Numbers { driver, run, running, queued, .. } = self.numbers;
        text.counter(running, driver, "running tasks").counter(queued, driver, "queued tasks");
        text.whole_run(run, self.report);
    }

    fn shares<'s>(&'s self, lanes: &'s [Lane], idle: &'s Idle, counts: &'s [Count]) -> impl Iterator<Item = Share<'s>> {
        let lanes =
            self.numbers.lanes.iter().zip(lanes).flat_map(|(track, lane)| {
                lane.slices.chunks(SHARE).map(|slices| Share::Lane { track: *track, slices })
            });
        let idle = [(self.numbers.never_ran, &idle.never_ran), (self.numbers.not_again, &idle.not_again)];
        let idle =
            idle.into_iter().flat_map(|(track, all)| all.chunks(SHARE).map(move |tasks| Share::Idle { track, tasks }));
        lanes.chain(idle).chain(counts.chunks(SHARE).map(Share::Counts))
    }

    fn share(&self, share: Share<'_>, text: &mut Proto<'_>) {
        match share {
            Share::Lane { track, slices } => self.lane(track, slices, text),
            Share::Idle { track, tasks } => {
                let mut packets = Slices::instants(track, &self.interned);
                for event in tasks.iter().map(|task| self.records.recorded(*task as usize)) {
                    packets.begin(event.record.ended(), event, None, text, |text| text.task(event, false));
                }
            }
            Share::Counts(counts) => {
                for count in counts {
                    text.count(self.numbers.running, count.at, count.running);
                    text.count(self.numbers.queued, count.at, count.queued);
                }
            }
        }
    }

    fn lane(&self, track: u64, slices: &[Slice], text: &mut Proto<'_>) {
        let mut packets = Slices::new(track, &self.interned);
        for slice in slices {
            let event = self.records.recorded(slice.task);
            let attempt = slice.attempt.map(|at| &event.attempts()[at]);
            packets.begin(slice.started, event, attempt, text, |text| match attempt {
                Some(attempt) => text.tried(event, attempt),
                None => {
                    text.task(event, self.critical[slice.task]);
                    text.arrows(FLOW_IDS, self.leaving.at(slice.task));
                    text.arrows(TERMINATING_FLOW_IDS, self.arriving.at(slice.task));
                }
            });
            packets.end(slice.ended, text);
        }
    }
}
