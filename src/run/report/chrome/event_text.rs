use std::time::Duration;

use serde_json::Value;

use super::json_text::JsonText;
use crate::run::report::Slice;
use crate::run::report::counters::Count;
use crate::run::report::kind::Kind;
use crate::run::report::recorded_event::RecordedEvent;
use crate::run::report::tracks::{Thread, Track};
use crate::run::work::Observed;
use crate::run::{RunReport, TaskAttempt, TaskError};

/// What the events of one thread begin with: the same for most that follow each other.
pub(super) struct Heads<'a> {
    phase: &'static str,
    thread: Thread,
    kind: Option<Kind<'a>>,
    /// Up to the time when it began.
    begin: String,
    /// From the arguments up to the number of the task.
    args: String,
}

impl<'a> Heads<'a> {
    /// Of slices.
    pub(super) fn of_slices(thread: Thread) -> Self {
        Heads::new("\"X\"", thread)
    }

    /// Of instants of a thread.
    pub(super) fn of_instants(thread: Thread) -> Self {
        Heads::new("\"i\",\"s\":\"t\"", thread)
    }

    fn new(phase: &'static str, thread: Thread) -> Self {
        Heads { phase, thread, kind: None, begin: String::new(), args: String::new() }
    }

    /// Makes them those of an event, or of one of its earlier attempts.
    fn set(&mut self, event: RecordedEvent<'a>, attempt: Option<&TaskAttempt>) {
        let kind = Kind::of(event, attempt);
        if self.kind == Some(kind) {
            return;
        }
        let (phase, Thread { pid, tid }, Kind { stage, attempt, .. }) = (self.phase, self.thread, kind);
        let (name, state) = (Value::from(event.name()), kind.category);
        self.begin =
            format!(",\n{{\"ph\":{phase},\"name\":{name},\"cat\":\"{state}\",\"pid\":{pid},\"tid\":{tid},\"ts\":");
        self.args = format!(",\"args\":{{\"stage\":{stage},\"attempt\":{attempt},\"task\":");
        self.kind = Some(kind);
    }
}

/// Events of the trace-event format, each on a line of its own; the first has no comma before it.
impl JsonText<'_> {
    /// Names a process, or one of its threads.
    pub(super) fn name(&mut self, track: &Track) {
        let what = if track.is_process() { "process_name" } else { "thread_name" };
        self.put("{\"ph\":\"M\",\"name\":\"").put(what).put("\"").place(track.thread);
        self.put(",\"args\":{\"name\":").json(&track.name).put("}}");
    }

    pub(super) fn run(&mut self, place: Thread, report: &RunReport) {
        self.put(",\n{\"ph\":\"X\",\"name\":\"run\",\"cat\":\"run\"").place(place);
        self.put(",\"ts\":0,\"dur\":").micros(report.wall);
        self.put(",\"args\":{\"tasks\":").whole(report.tasks.len()).put(",\"workers\":").whole(report.workers);
        if let Some(bytes) = report.peak_bytes {
            self.put(",\"peak_bytes\":").whole(bytes);
        }
        if report.spilled_bytes > 0 {
            self.put(",\"spilled_bytes\":").whole(report.spilled_bytes);
        }
        if report.flows.left_out > 0 {
            self.put(",\"flows_left_out\":").whole(report.flows.left_out);
        }
        self.put("}}");
    }

    /// An attempt of a task.
    pub(super) fn slice<'a>(&mut self, heads: &mut Heads<'a>, event: RecordedEvent<'a>, slice: &Slice, critical: bool) {
        let attempt = slice.attempt.map(|at| &event.attempts()[at]);
        heads.set(event, attempt);
        self.put(&heads.begin)
            .micros(slice.started)
            .put(",\"dur\":")
            .micros(slice.ended - slice.started)
            .put(&heads.args);
        match attempt {
            Some(attempt) => self.tried(event, attempt),
            None => self.task(event, critical),
        }
    }

    /// A task that never ran, or did not run again.
    pub(super) fn idle<'a>(&mut self, heads: &mut Heads<'a>, event: RecordedEvent<'a>) {
        heads.set(event, None);
        self.put(&heads.begin).micros(event.record.ended()).put(&heads.args).task(event, false);
    }

    /// How many tasks run, and how many wait for a worker.
    pub(super) fn count(&mut self, place: Thread, count: Count) {
        self.put(",\n{\"ph\":\"C\",\"name\":\"tasks\"").place(place).put(",\"ts\":").micros(count.at);
        self.put(",\"args\":{\"running\":").whole(count.running).put(",\"queued\":").whole(count.queued).put("}}");
    }

    /// One end of an arrow.
    pub(super) fn arrow(&mut self, place: Thread, at: Duration, id: u32, begins: bool) {
        // `e`: its head belongs to the slice around it.
        let end = if begins { ",\n{\"ph\":\"s\"" } else { ",\n{\"ph\":\"f\",\"bp\":\"e\"" };
        self.put(end).put(",\"name\":\"rows\",\"cat\":\"flow\"").place(place);
        self.put(",\"ts\":").micros(at).put(",\"id\":").whole(id).put("}");
    }

    fn place(&mut self, place: Thread) -> &mut Self {
        self.put(",\"pid\":").whole(place.pid).put(",\"tid\":").whole(place.tid)
    }

    /// What is known of a task beyond its time; its state is the category. What is nothing is left out.
    fn task(&mut self, event: RecordedEvent<'_>, critical: bool) {
        let record = event.record;
        self.which(event);
        if record.started().is_some() {
            self.put(",\"queued_us\":").micros(record.queued());
        }
        if !event.transfer().is_zero() {
            self.put(",\"transfer_us\":").micros(event.transfer());
        }
        self.put(",\"rows\":").whole(record.rows);
        self.put(",\"bytes_in\":").whole(record.bytes_in).put(",\"bytes_out\":").whole(record.bytes_out);
        if let Some(bytes) = event.peak_memory() {
            self.put(",\"peak_memory\":").whole(bytes);
        }
        if let Some(bytes) = event.peak_execution_memory() {
            self.put(",\"peak_execution_memory\":").whole(bytes);
        }
        if event.spilled_bytes() > 0 {
            self.put(",\"spilled_bytes\":").whole(event.spilled_bytes());
        }
        event.observed().into_iter().for_each(|observed| self.observed(observed));
        if critical {
            self.put(",\"critical\":true");
        }
        if let Some(error) = event.error() {
            self.error(error);
        }
        self.put("}}");
    }

    /// What is known of an earlier attempt.
    fn tried(&mut self, event: RecordedEvent<'_>, attempt: &TaskAttempt) {
        self.which(event);
        self.observed(&attempt.observed);
        self.error(&attempt.error);
        self.put("}}");
    }

    fn error(&mut self, error: &TaskError) {
        self.put(",\"error\":").json(&error.to_string());
        if let Some(trace) = &error.trace {
            self.put(",\"trace\":").json(trace);
        }
    }

    /// Which task it is of its stage.
    fn which(&mut self, event: RecordedEvent<'_>) -> &mut Self {
        self.whole(event.task).put(",\"partition\":").whole(event.partition())
    }

    fn observed(&mut self, observed: &Observed) {
        if !observed.is_empty() {
            self.put(",\"observed\":").json(observed);
        }
    }
}
