//! What observers and reports take of a run of 100,000 tasks, in rounds: each runs as it is, then watched, then has its
//! report written. The denominator is the run as it is, of tasks that do nothing and of small ones on DataFusion.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use leafhold::lower::TaskGraph;
use leafhold::run::{Executor, LocalExecutor, Observer, RunClock, RunReport, TaskEvent};

use crate::measure::{Minimum, timed};
use crate::report::Row;

/// The peer of every row: the same run, without that.
const RUN: &str = "the run as it is";

/// An observer that does as little as one can.
#[derive(Default)]
struct Count(AtomicUsize);

impl Observer for Count {
    fn on_event(&self, _: &TaskEvent) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The smallest times, in milliseconds.
#[derive(Default)]
struct Times {
    plain: Minimum,
    observed: Minimum,
    recording: Minimum,
    json_lines: Minimum,
    chrome_trace: Minimum,
}

/// Microseconds per task beside those of the run as it is: with an observer in the driver; and of what stands in for the
/// report's own share, which no run can leave out: its recording done once more, by itself ([`record`]); and of its two
/// forms for programs.
pub fn rows(tasks: &str, executor: &LocalExecutor, graph: &TaskGraph, repetitions: usize) -> anyhow::Result<Vec<Row>> {
    let watched = executor.clone().with_observer(Arc::new(Count::default()));
    let mut times = Times::default();
    for _ in 0..repetitions {
        let (report, plain) = run(executor, graph)?;
        times.plain.add(plain);
        times.observed.add(run(&watched, graph)?.1);
        times.recording.add(taken(|| record(&report)));
        times.json_lines.add(taken(|| report.to_json_lines()));
        times.chrome_trace.add(taken(|| report.to_chrome_trace()));
    }
    let per_task = |time: Minimum| time.get() * 1e3 / graph.len() as f64;
    let plain = per_task(times.plain);
    let row = |what: &str, time| Row::new(format!("{tasks}, {what}"), "us_per_task", per_task(time), RUN, plain);
    Ok(vec![
        row("observed", times.observed),
        row("recording by itself", times.recording),
        row("as JSON lines", times.json_lines),
        row("as a Chrome trace", times.chrome_trace),
    ])
}

fn run(executor: &LocalExecutor, graph: &TaskGraph) -> anyhow::Result<(RunReport, f64)> {
    let tasks = graph.clone();
    let (outcome, taken) = timed(|| executor.submit(tasks).wait())?;
    ensure!(outcome.report.is_ok());
    Ok((outcome.report, taken))
}

/// Milliseconds that something takes which cannot fail.
fn taken<T>(work: impl FnOnce() -> T) -> f64 {
    let Ok((value, taken)) = timed(|| Ok::<_, std::convert::Infallible>(work()));
    drop(black_box(value));
    taken
}

/// What a run does for its report alone, on one thread and after the fact: reads the clock twice per task, writes an
/// event, and finds the critical path. Locks and caches of a real run are not in it.
fn record(report: &RunReport) -> RunReport {
    let clock = RunClock::start();
    let mut again = RunReport { tasks: Vec::with_capacity(report.tasks.len()), ..RunReport::default() };
    for event in &report.tasks {
        let (started, ended) = (Some(clock.now()), clock.now());
        again.tasks.push(TaskEvent { started, ended, ..event.clone() });
    }
    again.link(|_| std::iter::empty());
    again
}
