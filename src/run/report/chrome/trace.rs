use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use super::counters::counters;
use super::trace_event::{Args, TaskArgs, TraceEvent};
use crate::run::report::Slice;
use crate::run::{RunReport, TaskAttempt, TaskEvent};

/// The process that stands for the driver; those of the workers' hosts follow.
const DRIVER: usize = 1;
/// The driver's thread with the run as a whole.
const RUN: usize = 1;
/// The driver's thread with the tasks that never ran.
const NEVER_RAN: usize = 2;

/// Where an event goes: by time; then by task, so that producers come before consumers; then a slice before the
/// arrows that end in it, and these before those that begin in it.
type Order = (Duration, usize, u8);

const SLICE: u8 = 0;
const ARRIVES: u8 = 1;
const LEAVES: u8 = 2;

/// Where the slices of the tries that counted are: process, thread, slice.
type Places = HashMap<usize, (usize, usize, Slice)>;

impl RunReport {
    /// The report in the trace-event format, for [Perfetto](https://ui.perfetto.dev) and `chrome://tracing`.
    ///
    /// Hosts are processes and workers are threads, each with its tasks as slices (`X`), earlier tries included; one
    /// that did several at a time has several threads. Arrows (`s`, `f`) lead from producers to consumers, as far as
    /// [`flows`](RunReport::flows) has them. Tasks that never ran are instants (`i`) at the driver, whose counters (`C`)
    /// say how many tasks ran and how many waited for a worker. Times are in microseconds from the start of the run.
    /// An arrow that would lead back in time, as estimated clocks of several machines may have it, is left out.
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
        let mut trace = Trace::default();
        trace.name("process_name", DRIVER, 0, "driver");
        trace.name("thread_name", DRIVER, RUN, "run");
        let (tasks, workers, peak_bytes) = (self.tasks.len(), self.workers, self.peak_bytes);
        let args = Args::Run { tasks, workers, peak_bytes };
        let dur = Some(self.wall);
        let run =
            TraceEvent { ph: "X", name: "run", cat: "run", pid: DRIVER, tid: RUN, dur, args, ..Default::default() };
        trace.add(SLICE, 0, run);
        self.add_unstarted(&mut trace);
        let places = self.add_lanes(&mut trace);
        self.add_flows(&mut trace, &places);
        for (ts, running, queued) in counters(&self.tasks, self.wall) {
            let args = Args::Counts { running, queued };
            let counts = TraceEvent { ph: "C", name: "tasks", pid: DRIVER, ts, args, ..Default::default() };
            trace.add(SLICE, usize::MAX, counts);
        }
        trace.into_text()
    }

    fn add_unstarted(&self, trace: &mut Trace) {
        for event in self.tasks.iter().filter(|event| event.started.is_none()) {
            if !trace.never_ran {
                trace.never_ran = true;
                trace.name("thread_name", DRIVER, NEVER_RAN, "tasks that never ran");
            }
            let (name, cat, ts) = (event.name(), event.state.name(), event.ended);
            let args = Args::Task(Box::new(TaskArgs::new(event, false)));
            let (pid, tid) = (DRIVER, NEVER_RAN);
            let instant = TraceEvent { ph: "i", s: "t", name, cat, pid, tid, ts, args, ..Default::default() };
            trace.add(SLICE, event.task, instant);
        }
    }

    fn add_lanes(&self, trace: &mut Trace) -> Places {
        let mut critical = vec![false; self.tasks.len()];
        self.critical_path.iter().filter(|task| **task < self.tasks.len()).for_each(|task| critical[*task] = true);
        let lanes = self.lanes();
        let (mut pid, mut tid) = (DRIVER, 0);
        let mut places = Places::new();
        for (at, lane) in lanes.iter().enumerate() {
            tid += 1;
            if at == 0 || lanes[at - 1].host != lane.host {
                (pid, tid) = (pid + 1, 1);
                trace.name("process_name", pid, 0, lane.host.as_deref().unwrap_or("workers"));
            }
            trace.name("thread_name", pid, tid, &lane.name());
            for slice in &lane.slices {
                let event = &self.tasks[slice.task];
                if slice.attempt.is_none() {
                    places.insert(slice.task, (pid, tid, *slice));
                }
                let (cat, args) = describe(event, slice, critical[slice.task]);
                let (name, ts, dur) = (event.name(), slice.started, Some(slice.ended - slice.started));
                let slice_event = TraceEvent { ph: "X", name, cat, pid, tid, ts, dur, args, ..Default::default() };
                trace.add(SLICE, slice.task, slice_event);
            }
        }
        places
    }

    fn add_flows(&self, trace: &mut Trace, places: &Places) {
        for (id, (producer, consumer)) in self.flows.pairs.iter().enumerate() {
            let (producer, consumer) = (*producer as usize, *consumer as usize);
            let (Some((from_pid, from_tid, from)), Some((to_pid, to_tid, to))) =
                (places.get(&producer), places.get(&consumer))
            else {
                continue;
            };
            // An end belongs to the slice around it, which no longer is around its own end.
            let leaves = from.ended.saturating_sub(Duration::from_nanos(1)).max(from.started);
            if (leaves, producer) >= (to.started, consumer) {
                continue;
            }
            let arrow = |ph, pid: &usize, tid: &usize, ts| {
                let (name, cat, id) = ("rows", "flow", Some(id));
                TraceEvent { ph, name, cat, pid: *pid, tid: *tid, ts, id, ..Default::default() }
            };
            trace.add(LEAVES, producer, arrow("s", from_pid, from_tid, leaves));
            trace.add(ARRIVES, consumer, TraceEvent { bp: "e", ..arrow("f", to_pid, to_tid, to.started) });
        }
    }
}

fn describe<'a>(event: &'a TaskEvent, slice: &Slice, critical: bool) -> (&'static str, Args<'a>) {
    match slice.attempt.map(|at| &event.attempts[at]) {
        None => (event.state.name(), Args::Task(Box::new(TaskArgs::new(event, critical)))),
        Some(attempt) => {
            let (task, stage, partition) = (event.task, event.stage, event.partition);
            let TaskAttempt { number, why, observed, .. } = attempt;
            let number = *number;
            ("given-up", Args::GivenUp { task, stage, partition, attempt: number, why, observed })
        }
    }
}

/// Events that are written, and where each goes. Many events, so one text for all of them.
#[derive(Default)]
struct Trace {
    /// Events that name something: they come first.
    names: Vec<Vec<u8>>,
    /// All others, as they came.
    text: Vec<u8>,
    /// Where each of the others stands in the text.
    events: Vec<(Order, Range<usize>)>,
    never_ran: bool,
}

impl Trace {
    /// Names a process or a thread.
    fn name(&mut self, what: &'static str, pid: usize, tid: usize, name: &str) {
        let args = Args::Name { name };
        let mut text = Vec::new();
        write(&mut text, &TraceEvent { ph: "M", name: what, pid, tid, args, ..Default::default() });
        self.names.push(text);
    }

    fn add(&mut self, kind: u8, task: usize, event: TraceEvent<'_>) {
        let start = self.text.len();
        write(&mut self.text, &event);
        self.events.push(((event.ts, task, kind), start..self.text.len()));
    }

    /// One event a line.
    fn into_text(mut self) -> String {
        self.events.sort_by_key(|(order, _)| *order);
        let mut text = Vec::with_capacity(self.text.len() + 2 * self.events.len() + 256);
        text.extend_from_slice(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
        let lines = self.events.into_iter().map(|(_, range)| &self.text[range]);
        for (at, line) in self.names.iter().map(Vec::as_slice).chain(lines).enumerate() {
            text.extend_from_slice(if at == 0 { b"" } else { b",\n" });
            text.extend_from_slice(line);
        }
        text.extend_from_slice(b"\n]}\n");
        // JSON is UTF-8.
        String::from_utf8(text).unwrap_or_default()
    }
}

/// Strings and numbers alone, into memory: this cannot fail.
fn write(text: &mut Vec<u8>, event: &TraceEvent<'_>) {
    let _ = serde_json::to_writer(text, event);
}
