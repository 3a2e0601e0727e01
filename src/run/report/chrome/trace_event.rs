use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::run::TaskEvent;
use crate::run::report::times;
use crate::run::work::Observed;

/// An event of the trace-event format; its time stands beside it until it is written.
#[derive(Default, Serialize)]
pub(super) struct TraceEvent<'a> {
    pub(super) ph: &'static str,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) cat: &'static str,
    pub(super) pid: usize,
    pub(super) tid: usize,
    #[serde(serialize_with = "times::serialize")]
    pub(super) ts: Duration,
    #[serde(serialize_with = "some_micros", skip_serializing_if = "Option::is_none")]
    pub(super) dur: Option<Duration>,
    /// The arrow that this is an end of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<usize>,
    /// `e`: an arrow's head belongs to the slice around it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) bp: &'static str,
    /// `t`: an instant is the thread's.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) s: &'static str,
    #[serde(skip_serializing_if = "Args::is_none")]
    pub(super) args: Args<'a>,
}

/// What an event says beyond its time.
#[derive(Default, Serialize)]
#[serde(untagged)]
pub(super) enum Args<'a> {
    #[default]
    None,
    Name {
        name: &'a str,
    },
    Run {
        tasks: usize,
        workers: usize,
        peak_bytes: u64,
    },
    Counts {
        running: usize,
        queued: usize,
    },
    Task(Box<TaskArgs<'a>>),
    GivenUp {
        task: usize,
        stage: usize,
        partition: usize,
        attempt: u32,
        why: &'a str,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        observed: &'a Observed,
    },
}

impl Args<'_> {
    fn is_none(&self) -> bool {
        matches!(self, Args::None)
    }
}

/// What is known of a task.
#[derive(Serialize)]
pub(super) struct TaskArgs<'a> {
    task: usize,
    stage: usize,
    partition: usize,
    state: &'static str,
    attempt: u32,
    #[serde(serialize_with = "times::serialize")]
    queued_us: Duration,
    #[serde(serialize_with = "times::serialize")]
    transfer_us: Duration,
    rows: u64,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    observed: &'a Observed,
    critical: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

impl<'a> TaskArgs<'a> {
    pub(super) fn new(event: &'a TaskEvent, critical: bool) -> Self {
        TaskArgs {
            task: event.task,
            stage: event.stage,
            partition: event.partition,
            state: event.state.name(),
            attempt: event.attempt,
            queued_us: event.queued(),
            transfer_us: event.transfer,
            rows: event.rows,
            bytes_in: event.bytes_in,
            bytes_out: event.bytes_out,
            peak_memory: event.peak_memory,
            observed: &event.observed,
            critical,
            error: event.error.as_ref().map(|error| error.to_string()),
            trace: event.error.as_ref().and_then(|error| error.trace.as_deref()),
        }
    }
}

fn some_micros<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    times::serialize(&time.unwrap_or_default(), serializer)
}
