//! Reports of runs that never were: random graphs on random workers, with every state, and labels and errors that
//! try to break whatever form they are written in.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use leafhold::run::report::Stage;
use leafhold::run::work::Observed;
use leafhold::run::{RunReport, RunWarning, TaskAttempt, TaskError, TaskEvent, TaskState};
use proptest::prelude::*;
use serde_json::Value;

/// Words that mean something to somebody.
pub const NASTY: [&str; 8] = [
    "hash-join > project",
    "</script><script>alert(1)</script>",
    "\"quoted\" 'and' \\escaped\\",
    "<!-- <b>&amp;\u{2028}\u{2029}",
    "line\nbreaks\r\nand\ttabs\u{0}\u{1b}[31m",
    "",
    "größe → 数 🦀",
    "{\"ph\":\"X\"}",
];

fn words() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(NASTY.to_vec()).prop_map(str::to_owned), "[ -~]{0,12}"]
}

fn error() -> impl Strategy<Value = TaskError> {
    (words(), words(), prop::option::of(words())).prop_map(|(kind, message, trace)| TaskError { kind, message, trace })
}

/// What observers might say: names and words that mean something to somebody, numbers with and without a unit.
fn observed() -> impl Strategy<Value = Observed> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        (0..9_000_000_000u64).prop_map(|nanos| Value::from(nanos as f64 / 1e3)),
        any::<bool>().prop_map(Value::from),
        words().prop_map(Value::from),
        Just(Value::Null),
    ];
    let name =
        || prop_oneof![words(), Just("cpu".to_owned()), Just("time_us".to_owned()), Just("held_bytes".to_owned())];
    let object = prop::collection::vec((name(), leaf.clone()), 0..3).prop_map(|fields| fields.into_iter().collect());
    let list = prop::collection::vec(leaf.clone(), 0..3).prop_map(Value::from);
    let said = prop_oneof![leaf, list, object];
    prop::collection::vec((name().prop_map(Arc::from), said), 0..3).prop_map(|said| said.into_iter().collect())
}

/// What is drawn for a task; its times follow from those of what it reads and of its worker.
#[derive(Clone, Debug)]
struct Draw {
    stage: usize,
    reads: Vec<usize>,
    worker: usize,
    waits: u64,
    runs: u64,
    fate: u8,
    attempts: u32,
    error: TaskError,
    rows: u64,
    observed: Observed,
}

fn draw() -> impl Strategy<Value = Draw> {
    let times = (0..5_000_000u64, 0..50_000_000u64);
    let shape = (0..4usize, prop::collection::vec(0..1_000usize, 0..4), 0..3usize);
    (shape, times, any::<u8>(), 0..3u32, error(), any::<u32>(), observed()).prop_map(
        |((stage, reads, worker), (waits, runs), fate, attempts, error, rows, observed)| Draw {
            stage,
            reads,
            worker,
            waits,
            runs,
            fate,
            attempts,
            error,
            rows: rows.into(),
            observed,
        },
    )
}

/// Reports of so many tasks. Times are as an executor takes them: a worker runs one task at a time.
pub fn report(tasks: std::ops::Range<usize>) -> impl Strategy<Value = RunReport> {
    (prop::collection::vec(draw(), tasks), prop::collection::vec(words(), 4), any::<bool>()).prop_map(
        |(draws, labels, warns)| {
            let mut report = made(&draws, &labels.into_iter().map(Arc::from).collect::<Vec<_>>());
            if warns {
                let word = |at: usize| NASTY[at].to_owned();
                let (name, own, path, existing, requested) = (word(0), word(1), word(2), word(3), word(4));
                report.warnings.push(RunWarning::KeyCollision { name, own, path, existing, requested });
            }
            report
        },
    )
}

fn made(draws: &[Draw], labels: &[Arc<str>]) -> RunReport {
    let workers: Vec<Arc<str>> = (0..3).map(|at| format!("worker-{at}\u{1b}[2J </script>").into()).collect();
    let mut free = [Duration::ZERO; 3];
    let mut tasks: Vec<TaskEvent> = Vec::new();
    let mut producers: Vec<Vec<usize>> = Vec::new();
    for (task, draw) in draws.iter().enumerate() {
        let mut reads: Vec<usize> = draw.reads.iter().filter(|_| task > 0).map(|read| read % task.max(1)).collect();
        reads.sort_unstable();
        reads.dedup();
        let failed = reads.iter().any(|read| tasks[*read].state.is_failure());
        let stopped = reads.iter().any(|read| !tasks[*read].state.is_well());
        let state = match (failed, stopped, draw.fate % 16) {
            (true, ..) => TaskState::UpstreamFailed,
            (_, true, _) | (.., 0) => TaskState::Cancelled,
            (.., 1) => TaskState::Failed,
            (.., 2) => TaskState::Lost,
            (.., 3) => TaskState::Cached,
            (.., 4) => TaskState::Skipped,
            _ => TaskState::Ok,
        };
        let ready = reads.iter().map(|read| tasks[*read].ended).max().unwrap_or_default();
        let worker = workers[draw.worker].clone();
        let host = (draw.worker == 2).then(|| Arc::from("host \"b\""));
        let at = &mut free[draw.worker];
        let mut attempts = Vec::new();
        let runs = matches!(state, TaskState::Ok | TaskState::Failed | TaskState::Lost);
        // A run is also cancelled between two attempts of a task.
        let tried = runs || (state == TaskState::Cancelled && !stopped);
        for number in 1..=if tried { draw.attempts } else { 0 } {
            let started = (*at).max(ready);
            *at = started + Duration::from_nanos(draw.runs / 3);
            let (worker, host, error) = (Some(worker.clone()), host.clone(), Arc::new(draw.error.clone()));
            let observed = draw.observed.clone();
            attempts.push(TaskAttempt { number, worker, host, started: Some(started), ended: *at, error, observed });
        }
        let started = (*at).max(ready) + Duration::from_nanos(draw.waits);
        let ended = match (runs, attempts.is_empty()) {
            (true, _) => started + Duration::from_nanos(draw.runs),
            (false, true) => ready,
            (false, false) => *at,
        };
        if runs {
            *at = ended;
        }
        let failed = matches!(state, TaskState::Failed | TaskState::Lost);
        tasks.push(TaskEvent {
            task,
            stage: draw.stage,
            partition: task,
            label: labels[draw.stage].clone(),
            state,
            worker: runs.then_some(worker),
            host: host.filter(|_| runs),
            attempt: attempts.len() as u32 + u32::from(runs),
            attempts,
            submitted: Duration::ZERO,
            ready: (!stopped).then_some(ready),
            started: runs.then_some(started),
            ended,
            transfer: Duration::from_nanos(if runs { draw.runs / 7 } else { 0 }),
            rows: if state == TaskState::Ok { draw.rows } else { 0 },
            bytes_in: draw.rows * 3,
            bytes_out: draw.rows * 8,
            peak_memory: (draw.rows % 2 == 0).then_some(draw.rows),
            peak_execution_memory: (draw.rows % 5 == 0).then_some(draw.rows / 5),
            spilled_bytes: draw.rows % 3,
            observed: if runs { draw.observed.clone() } else { Observed::new() },
            error: failed.then(|| Arc::new(draw.error.clone())),
        });
        producers.push(reads);
    }
    let stages = (0..4).map(|stage| Stage {
        stage,
        label: labels[stage].clone(),
        tasks: tasks.iter().filter(|event| event.stage == stage).count(),
        nodes: vec![stage, stage + 4],
    });
    let stages = stages.filter(|stage| stage.tasks > 0).collect();
    let wall = tasks.iter().map(|event| event.ended).max().unwrap_or_default() + Duration::from_nanos(1_001);
    let mut report = RunReport {
        stages,
        wall,
        started: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        workers: 3,
        peak_bytes: Some(12_345),
        peak_result_bytes: 345,
        node_rows: [(0, 3), (7, 9)].into(),
        c_out: Some(3),
        tasks: tasks.into(),
        ..RunReport::default()
    };
    report.link(|task| producers[task].iter().copied());
    report
}
