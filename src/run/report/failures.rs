//! What went wrong in a run, in words.

use std::fmt::Write;

use indexmap::IndexMap;

use super::recorded_event::RecordedEvent;
use super::table::plain;
use super::{RunReport, TaskError};

/// The first of those that went wrong for one reason, and how many there are.
struct Failure<'a> {
    event: RecordedEvent<'a>,
    worker: Option<&'a str>,
    /// Which attempt, of those that did not count.
    attempt: Option<u32>,
    count: usize,
}

impl RunReport {
    /// A few lines of each distinct error, with its remote trace: of attempts that did not count, then of tasks.
    pub(super) fn failures(&self) -> Vec<String> {
        // What went wrong for one reason stands together, under the first of it.
        let mut failures: IndexMap<(&str, &TaskError), Failure<'_>> = IndexMap::new();
        let records = self.tasks.records();
        for event in records.all_with_more() {
            for attempt in event.attempts() {
                let (worker, number) = (attempt.worker.as_deref(), Some(attempt.number));
                let first = || Failure { event, worker, attempt: number, count: 0 };
                failures.entry((attempt.outcome(event.attempt()), &attempt.error)).or_insert_with(first).count += 1;
            }
        }
        for event in records.all_with_more() {
            if let Some(error) = event.error() {
                let worker = event.more.and_then(|event| event.worker.as_deref());
                let first = || Failure { event, worker, attempt: None, count: 0 };
                failures.entry((event.record.state.name(), error)).or_insert_with(first).count += 1;
            }
        }
        failures.iter().map(|((state, error), failure)| failure.to_text(state, error)).collect()
    }
}

impl Failure<'_> {
    fn to_text(&self, state: &str, error: &TaskError) -> String {
        let mut text = format!("{state} ({}): ", plain(&error.kind));
        if let Some(attempt) = self.attempt {
            let _ = write!(text, "attempt {attempt} of ");
        }
        let _ = write!(text, "stage {} partition {}", self.event.stage(), self.event.partition());
        if let Some(worker) = self.worker {
            let _ = write!(text, " on {}", plain(worker));
        }
        if self.count > 1 {
            let _ = write!(text, " and {} more", self.count - 1);
        }
        let _ = writeln!(text, ": {}", indented(&error.message, "  "));
        if let Some(trace) = &error.trace {
            let _ = writeln!(text, "    {}", indented(trace, "    "));
        }
        text
    }
}

/// Lines after the first are set in; what a terminal would obey is shown instead.
fn indented(text: &str, by: &str) -> String {
    text.trim_end().lines().map(plain).collect::<Vec<_>>().join(&format!("\n{by}"))
}
