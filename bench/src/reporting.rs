//! What observers and reports take of a run of 100,000 tasks, in rounds: each runs as it is, then watched, then has its
//! report written. The denominator is the run as it is, of tasks that do nothing and of small ones on DataFusion.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::sync::Arc;

use anyhow::ensure;
use leafhold::lower::TaskGraph;
use leafhold::run::{Executor, LocalExecutor, Observer, RunClock, RunReport, TaskEvent};

use crate::measure::{Minimum, timed};
use crate::report::Row;

/// The peer of every row: the same run, without that.
const RUN: &str = "the run as it is";

/// An observer that does nothing with what it hears: the rest is the executor's.
struct Hears;

impl Observer for Hears {
    fn on_event(&self, event: &TaskEvent) {
        black_box(event);
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

/// Microseconds per task beside those of the run as it is: with an observer in the driver; of what stands in for the
/// report's own share, which no run can leave out: its recording done once more, by itself ([`record`]); and of its two
/// forms for programs, in files. Last, what an observer adds, the recording and the trace take together.
pub fn rows(tasks: &str, executor: &LocalExecutor, graph: &TaskGraph, repetitions: usize) -> anyhow::Result<Vec<Row>> {
    let watched = executor.clone().with_observer(Arc::new(Hears));
    let mut times = Times::default();
    for _ in 0..repetitions {
        let (report, plain) = run(executor, graph)?;
        times.plain.add(plain);
        times.observed.add(run(&watched, graph)?.1);
        times.recording.add(taken(|| record(&report)));
        times.json_lines.add(written(|file| report.write_json_lines(file))?);
        times.chrome_trace.add(written(|file| report.write_chrome_trace(file))?);
    }
    let scale = 1e3 / graph.len() as f64;
    let per_task = |time: Minimum| time.get() * scale;
    let plain = per_task(times.plain);
    let row = |what: &str, time| Row::new(format!("{tasks}, {what}"), "us_per_task", per_task(time), RUN, plain);
    // An observer's share can be less than runs vary.
    let observer = (times.observed.get() - times.plain.get()).max(0.0);
    let all = observer + times.recording.get() + times.chrome_trace.get();
    let all = Row::new(format!("{tasks}, observer, report and trace"), "us_per_task", all * scale, RUN, plain);
    Ok(vec![
        row("observed", times.observed),
        row("recording by itself", times.recording),
        row("as JSON lines", times.json_lines),
        row("as a Chrome trace", times.chrome_trace),
        all,
    ])
}

fn run(executor: &LocalExecutor, graph: &TaskGraph) -> anyhow::Result<(RunReport, f64)> {
    let tasks = graph.clone();
    let (outcome, taken) = timed(|| executor.submit(tasks).wait())?;
    ensure!(outcome.report.is_ok());
    Ok((outcome.report, taken))
}

/// Milliseconds that it takes to write something to a file, as far as the system lets a program go on.
fn written(write: impl FnOnce(&mut File) -> io::Result<()>) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile()?;
    let ((), taken) = timed(|| write(&mut file))?;
    Ok(taken)
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
