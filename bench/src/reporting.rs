//! What observers and reports take of a run of 100,000 tasks, in rounds: each runs as it is, then watched, then has its
//! report written. The denominator is the run as it is, of tasks that do nothing and of small ones on DataFusion.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::sync::Arc;

use anyhow::ensure;
use leafhold::lower::TaskGraph;
use leafhold::run::{Executor, LocalExecutor, Observer, RunReport, TaskEvent};

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
    json_lines: Minimum,
    chrome_trace: Minimum,
    perfetto_trace: Minimum,
}

/// Microseconds per task beside those of the run as it is: with an observer in the driver; and of the report's forms for
/// programs, in files. What recording takes is in every run, and not to be had here: a report by itself shows nothing of
/// what it costs between threads.
pub fn rows(tasks: &str, executor: &LocalExecutor, graph: &TaskGraph, repetitions: usize) -> anyhow::Result<Vec<Row>> {
    let watched = executor.clone().with_observer(Arc::new(Hears));
    let mut times = Times::default();
    for _ in 0..repetitions {
        let (report, plain) = run(executor, graph)?;
        times.plain.add(plain);
        times.observed.add(run(&watched, graph)?.1);
        times.json_lines.add(written(|file| report.write_json_lines(file))?);
        times.chrome_trace.add(written(|file| report.write_chrome_trace(file))?);
        times.perfetto_trace.add(written(|file| report.write_perfetto_trace(file))?);
    }
    let scale = 1e3 / graph.len() as f64;
    let per_task = |time: Minimum| time.get() * scale;
    let plain = per_task(times.plain);
    let row = |what: &str, time| Row::new(format!("{tasks}, {what}"), "us_per_task", per_task(time), RUN, plain);
    Ok(vec![
        row("observed", times.observed),
        row("as JSON lines", times.json_lines),
        row("as a Chrome trace", times.chrome_trace),
        row("as a Perfetto trace", times.perfetto_trace),
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
