use std::time::Duration;

use serde_json::Value;

use super::counters::Count;
use super::json_text::JsonText;
use crate::run::report::Slice;
use crate::run::report::recorded_event::RecordedEvent;
use crate::run::work::Observed;
use crate::run::{RunReport, TaskAttempt, TaskError};

/// What the events of one thread begin with: the same for most that follow each other.
pub(super) struct Heads {
    phase: &'static str,
    thread: Thread,
    last: Head,
}

#[derive(Default)]
struct Head {
    label: String,
    state: &'static str,
    stage: usize,
    attempt: u32,
    /// Up to the time when it began.
    begin: String,
    /// From the arguments up to the number of the task.
    args: String,
}

impl Heads {
    /// Of slices.
    pub(super) fn of_slices(thread: Thread) -> Self {
        Heads { phase: "\"X\"", thread, last: Head::default() }
    }

    /// Of instants of a thread.
    pub(super) fn of_instants(thread: Thread) -> Self {
        Heads { phase: "\"i\",\"s\":\"t\"", thread, last: Head::default() }
    }

    fn of(&mut self, event: RecordedEvent<'_>, attempt: Option<&TaskAttempt>) -> &Head {
        let state = attempt.map_or(event.record.state.name(), |_| "given-up");
        let number = attempt.map_or_else(|| event.attempt(), |attempt| attempt.number);
        let last = &self.last;
        let same = last.state == state && last.stage == event.stage() && last.attempt == number;
        if !same || last.label != event.label {
            self.last = self.head(event, state, number);
        }
        &self.last
    }

    fn head(&self, event: RecordedEvent<'_>, state: &'static str, attempt: u32) -> Head {
        let (phase, Thread { pid, tid }, stage) = (self.phase, self.thread, event.stage());
        let name = Value::from(event.name());
        Head {
            label: event.label.to_owned(),
            state,
            stage,
            attempt,
            begin: format!(
                ",\n{{\"ph\":{phase},\"name\":{name},\"cat\":\"{state}\",\"pid\":{pid},\"tid\":{tid},\"ts\":"
            ),
            args: format!(",\"args\":{{\"stage\":{stage},\"attempt\":{attempt},\"task\":"),
        }
    }
}

/// A process and a thread of a trace.
#[derive(Clone, Copy)]
pub(super) struct Thread {
    pub(super) pid: usize,
    pub(super) tid: usize,
}

/// Events of the trace-event format, each on a line of its own; the first has no comma before it.
impl JsonText<'_> {
    /// Names a process, or one of its threads.
    pub(super) fn name(&mut self, what: &'static str, place: Thread, name: &str) {
        self.put("{\"ph\":\"M\",\"name\":\"").put(what).put("\"").place(place);
        self.put(",\"args\":{\"name\":").json(name).put("}}");
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
        self.put("}}");
    }

    /// A try of a task.
    pub(super) fn slice(&mut self, heads: &mut Heads, event: RecordedEvent<'_>, slice: &Slice, critical: bool) {
        let attempt = slice.attempt.map(|at| &event.attempts()[at]);
        let head = heads.of(event, attempt);
        self.put(&head.begin)
            .micros(slice.started)
            .put(",\"dur\":")
            .micros(slice.ended - slice.started)
            .put(&head.args);
        match attempt {
            Some(attempt) => self.given_up(event, attempt),
            None => self.task(event, critical),
        }
    }

    /// A task that never ran.
    pub(super) fn never_ran(&mut self, heads: &mut Heads, event: RecordedEvent<'_>) {
        let head = heads.of(event, None);
        self.put(&head.begin).micros(event.record.ended()).put(&head.args).task(event, false);
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
        self.put(",\"queued_us\":").micros(record.queued());
        if !event.transfer().is_zero() {
            self.put(",\"transfer_us\":").micros(event.transfer());
        }
        self.put(",\"rows\":").whole(record.rows);
        self.put(",\"bytes_in\":").whole(record.bytes_in).put(",\"bytes_out\":").whole(record.bytes_out);
        if let Some(bytes) = event.peak_memory() {
            self.put(",\"peak_memory\":").whole(bytes);
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

    fn given_up(&mut self, event: RecordedEvent<'_>, attempt: &TaskAttempt) {
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
