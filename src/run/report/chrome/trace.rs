use std::io::{self, Write};
use std::time::Duration;

use super::event_text::Heads;
use super::json_text::JsonText;
use super::mark::{Mark, What};
use crate::run::RunReport;
use crate::run::report::Lane;
use crate::run::report::shares::{SHARE, both, write_shares};
use crate::run::report::tracks::{NEVER_RAN, NO_THREAD, NOT_AGAIN, RUN, Thread, Track, tracks};

impl RunReport {
    /// Writes the report in the trace-event format, for [Perfetto](https://ui.perfetto.dev) and `chrome://tracing`.
    ///
    /// Hosts are processes and workers are threads, each with its tasks as slices (`X`), earlier attempts included; one
    /// that did several at a time has several threads. A slice's category is the task's state; that of an earlier attempt
    /// is `retried`, if another one followed it, else `given-up`. Arrows (`s`, `f`) lead from
    /// producers to consumers, as far as [`flows`](RunReport::flows) has them: of more than
    /// [10,000](crate::run::report::Flows::COMPLETE_UP_TO) one for each task, and `flows_left_out` of the slice `run` says how many
    /// there are besides. Tasks that never ran are instants (`i`) at
    /// the driver, and so are those of which earlier attempts ran alone, whose counters (`C`) say how many tasks ran and how many waited for a worker, at most 2,000 times. Times
    /// are in microseconds from the start of the run. An arrow that would lead back in time, as estimated clocks of several
    /// machines may have it, is left out.
    ///
    /// It is written in chunks: `out` needs no buffer, and memory holds the order of the events, never the whole text.
    ///
    /// # Errors
    /// What `out` says; a part of the trace may have been written.
    pub fn write_chrome_trace(&self, mut out: impl Write) -> io::Result<()> {
        let records = self.tasks.records();
        // Of many tasks, reading them is what takes time.
        let (lanes, (counts, idle)) = both(self.tasks.len(), || self.lanes(), || self.count_ran(records));
        let tracks = tracks(&lanes, &idle);
        let threads: Vec<Thread> = tracks.iter().filter(|track| track.is_lane()).map(|track| track.thread).collect();
        let mut begin = Vec::new();
        begin_trace(self, &tracks, &mut JsonText(&mut begin));
        out.write_all(&begin)?;

        let mut marks = Vec::with_capacity(self.tasks.len() + counts.len() + 2 * self.flows.pairs.len());
        marks.extend(slices(&lanes));
        for (tasks, again) in [(idle.never_ran, false), (idle.not_again, true)] {
            marks.extend(tasks.into_iter().map(|task| Mark {
                at: records.recorded(task as usize).record.ended(),
                task,
                what: What::Idle { again },
            }));
        }
        marks.extend((0..).zip(&counts).map(|(count, of)| Mark {
            at: of.at,
            task: u32::MAX,
            what: What::Count { count },
        }));
        self.add_arrows(&lanes, &mut marks);
        // Lanes are in order, and so are counts: most of this is to merge them.
        marks.sort_by_key(Mark::order);
        let critical = self.critical_tasks();

        write_shares(marks.chunks(SHARE), &mut out, |marks, text| {
            let mut text = JsonText(text);
            let mut slices: Vec<Heads> = threads.iter().map(|thread| Heads::of_slices(*thread)).collect();
            let mut instants = [NEVER_RAN, NOT_AGAIN].map(Heads::of_instants);
            for Mark { at, task, what } in marks {
                match *what {
                    What::Slice { lane, slice } => {
                        let slice = &lanes[lane as usize].slices[slice as usize];
                        let task = *task as usize;
                        text.slice(&mut slices[lane as usize], records.recorded(task), slice, critical[task]);
                    }
                    What::Idle { again } => {
                        text.idle(&mut instants[usize::from(again)], records.recorded(*task as usize))
                    }
                    What::Count { count } => text.count(NO_THREAD, counts[count as usize]),
                    What::Arrives { arrow, lane } => text.arrow(threads[lane as usize], *at, arrow, false),
                    What::Leaves { arrow, lane } => text.arrow(threads[lane as usize], *at, arrow, true),
                }
            }
        })?;
        out.write_all(b"\n]}\n")
    }

    /// What [`write_chrome_trace`](RunReport::write_chrome_trace) writes, as text.
    ///
    /// ```
    /// use leafhold::run::RunReport;
    ///
    /// let trace = RunReport::default().to_chrome_trace();
    /// let trace: serde_json::Value = serde_json::from_str(&trace)?;
    /// assert_eq!(trace["traceEvents"][0]["ph"], "M");
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn to_chrome_trace(&self) -> String {
        // So much is what most tasks need.
        let mut text = Vec::with_capacity(256 * (self.tasks.len() + 1));
        // Memory takes whatever is written, and JSON is UTF-8.
        let _ = self.write_chrome_trace(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    fn add_arrows(&self, lanes: &[Lane], marks: &mut Vec<Mark>) {
        if self.flows.pairs.is_empty() {
            return;
        }
        // Where the attempts that counted are: lane, and slice in it.
        let mut places: Vec<Option<(u32, u32)>> = vec![None; self.tasks.len()];
        for (at, lane) in lanes.iter().enumerate() {
            for (slice, of) in lane.slices.iter().enumerate().filter(|(_, slice)| slice.attempt.is_none()) {
                places[of.task] = Some((at as u32, slice as u32));
            }
        }
        let place = |task: u32| {
            let (lane, slice) = *places.get(task as usize)?.as_ref()?;
            Some((lane, lanes[lane as usize].slices[slice as usize]))
        };
        for (arrow, (producer, consumer)) in self.flows.pairs.iter().enumerate() {
            let (Some((from_lane, from)), Some((to_lane, to))) = (place(*producer), place(*consumer)) else { continue };
            // An end belongs to the slice around it, which no longer is around its own end.
            let leaves = from.ended.saturating_sub(Duration::from_nanos(1)).max(from.started);
            if (leaves, from.task) >= (to.started, to.task) {
                continue;
            }
            let arrow = arrow as u32;
            marks.push(Mark { at: leaves, task: from.task as u32, what: What::Leaves { arrow, lane: from_lane } });
            marks.push(Mark { at: to.started, task: to.task as u32, what: What::Arrives { arrow, lane: to_lane } });
        }
    }
}

/// The run as a whole, and the names of processes and threads.
fn begin_trace(report: &RunReport, tracks: &[Track], text: &mut JsonText<'_>) {
    text.put("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    for (at, track) in tracks.iter().enumerate() {
        text.put(if at == 0 { "\n" } else { ",\n" }).name(track);
    }
    text.run(RUN, report);
}

/// Where the attempts of tasks stand.
fn slices(lanes: &[Lane]) -> impl Iterator<Item = Mark> {
    (0..).zip(lanes).flat_map(|(at, lane)| {
        let slices = (0..).zip(&lane.slices);
        slices.map(move |(slice, of)| Mark {
            at: of.started,
            task: of.task as u32,
            what: What::Slice { lane: at, slice },
        })
    })
}
