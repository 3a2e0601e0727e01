use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use indexmap::IndexSet;
use serde::Serialize;

use super::PlanLine;
use crate::run::report::{Flows, Summary, times};
use crate::run::work::Observed;
use crate::run::{RunReport, TaskAttempt, TaskError, TaskState};

/// What the page's script reads: columns rather than one object per task. Times are microseconds.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    states: [&'static str; TaskState::ALL.len()],
    #[serde(with = "times::calendar")]
    started: SystemTime,
    #[serde(with = "times")]
    wall: Duration,
    #[serde(with = "times")]
    work: Duration,
    /// How long attempts ran that did not count.
    #[serde(with = "times")]
    uncounted: Duration,
    workers: usize,
    peak_bytes: Option<u64>,
    peak_result_bytes: u64,
    spilled_bytes: u64,
    stages: Vec<StageRow<'a>>,
    tasks: Columns,
    lanes: Vec<LaneColumns>,
    /// Errors, once each; [`Columns::error`] points here.
    errors: Vec<&'a TaskError>,
    attempts: BTreeMap<usize, &'a [TaskAttempt]>,
    /// What work-side observers said, of tasks of which they said something.
    observed: BTreeMap<usize, &'a Observed>,
    flows: &'a Flows,
    critical_path: Vec<usize>,
    warnings: Vec<String>,
    plan: Vec<(&'a str, Option<usize>)>,
}

#[derive(Serialize)]
struct StageRow<'a> {
    stage: usize,
    label: String,
    nodes: &'a [usize],
    tasks: usize,
    states: String,
    #[serde(with = "times")]
    work: Duration,
    #[serde(with = "times")]
    slowest: Duration,
    skew: Option<f64>,
    #[serde(with = "times")]
    queued: Duration,
    #[serde(with = "times")]
    transfer: Duration,
    retries: usize,
    #[serde(with = "times")]
    uncounted: Duration,
    rows: u64,
    bytes: u64,
    peak_memory: Option<u64>,
    peak_execution_memory: Option<u64>,
    spilled_bytes: u64,
}

/// A column for each fact of the tasks.
#[derive(Default, Serialize)]
struct Columns {
    stage: Vec<usize>,
    partition: Vec<usize>,
    state: Vec<usize>,
    attempt: Vec<u32>,
    submitted: Vec<f64>,
    ready: Vec<Option<f64>>,
    started: Vec<Option<f64>>,
    ended: Vec<f64>,
    transfer: Vec<f64>,
    rows: Vec<u64>,
    bytes_in: Vec<u64>,
    bytes_out: Vec<u64>,
    peak_memory: Vec<Option<u64>>,
    peak_execution_memory: Vec<Option<u64>>,
    spilled_bytes: Vec<u64>,
    error: Vec<Option<usize>>,
}

/// What a lane's worker did; `attempt` is -1 for the attempt that counted.
#[derive(Serialize)]
struct LaneColumns {
    title: String,
    name: String,
    host: Option<String>,
    task: Vec<usize>,
    attempt: Vec<i64>,
    start: Vec<f64>,
    end: Vec<f64>,
}

impl<'a> Data<'a> {
    pub(super) fn new(report: &'a RunReport, plan: &'a [PlanLine]) -> Self {
        let mut errors: IndexSet<&TaskError> = IndexSet::new();
        let mut tasks = Columns::default();
        for event in &report.tasks {
            tasks.stage.push(event.stage);
            tasks.partition.push(event.partition);
            tasks.state.push(event.state as usize);
            tasks.attempt.push(event.attempt);
            tasks.submitted.push(times::number(&event.submitted));
            tasks.ready.push(event.ready.as_ref().map(times::number));
            tasks.started.push(event.started.as_ref().map(times::number));
            tasks.ended.push(times::number(&event.ended));
            tasks.transfer.push(times::number(&event.transfer));
            tasks.rows.push(event.rows);
            tasks.bytes_in.push(event.bytes_in);
            tasks.bytes_out.push(event.bytes_out);
            tasks.peak_memory.push(event.peak_memory);
            tasks.peak_execution_memory.push(event.peak_execution_memory);
            tasks.spilled_bytes.push(event.spilled_bytes);
            tasks.error.push(event.error.as_deref().map(|error| errors.insert_full(error).0));
        }
        let tried = report.tasks.iter().enumerate().filter(|(_, event)| !event.attempts.is_empty());
        let observed = report.tasks.iter().enumerate().filter(|(_, event)| !event.observed.is_empty());
        let total = report.summary();
        let mut states = [""; TaskState::ALL.len()];
        TaskState::ALL.iter().for_each(|state| states[*state as usize] = state.name());
        Data {
            states,
            started: report.started,
            wall: report.wall,
            work: total.work,
            uncounted: total.uncounted,
            workers: report.workers,
            peak_bytes: report.peak_bytes,
            peak_result_bytes: report.peak_result_bytes,
            spilled_bytes: report.spilled_bytes,
            stages: stages(report),
            lanes: lanes(report),
            errors: errors.into_iter().collect(),
            attempts: tried.map(|(task, event)| (task, event.attempts.as_slice())).collect(),
            observed: observed.map(|(task, event)| (task, &event.observed)).collect(),
            flows: &report.flows,
            critical_path: report.critical_path.iter().copied().filter(|task| *task < report.tasks.len()).collect(),
            warnings: report.warnings.iter().map(ToString::to_string).collect(),
            plan: plan.iter().map(|line| (line.text.as_str(), line.node)).collect(),
            tasks,
        }
    }
}

fn stages(report: &RunReport) -> Vec<StageRow<'_>> {
    let row = |(stage, (label, summary)): (usize, (std::sync::Arc<str>, Summary))| {
        let planned = report.stages.iter().find(|planned| planned.stage == stage);
        StageRow {
            stage,
            label: label.to_string(),
            nodes: planned.map_or(&[], |planned| &planned.nodes),
            tasks: summary.tasks,
            states: summary.states_text(),
            work: summary.work,
            slowest: summary.slowest,
            skew: summary.skew(),
            queued: summary.queued,
            transfer: summary.transfer,
            retries: summary.retries,
            uncounted: summary.uncounted,
            rows: summary.rows,
            bytes: summary.bytes,
            peak_memory: summary.peak_memory,
            peak_execution_memory: summary.peak_execution_memory,
            spilled_bytes: summary.spilled_bytes,
        }
    };
    report.summaries().into_iter().map(row).collect()
}

fn lanes(report: &RunReport) -> Vec<LaneColumns> {
    let columns = |lane: super::super::Lane| LaneColumns {
        title: match &lane.host {
            Some(host) => format!("{host} {}", lane.name()),
            None => lane.name(),
        },
        name: lane.worker.to_string(),
        host: lane.host.as_deref().map(str::to_owned),
        task: lane.slices.iter().map(|slice| slice.task).collect(),
        attempt: lane.slices.iter().map(|slice| slice.attempt.map_or(-1, |at| at as i64)).collect(),
        start: lane.slices.iter().map(|slice| times::number(&slice.started)).collect(),
        end: lane.slices.iter().map(|slice| times::number(&slice.ended)).collect(),
    };
    report.lanes().into_iter().map(columns).collect()
}
