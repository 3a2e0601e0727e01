//! Perfetto's own traces, of random reports and of real runs.

use std::sync::Arc;
use std::time::Duration;

use leafhold::run::{RunReport, TaskAttempt, TaskError, TaskEvent, TaskState};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::perfetto_format::{Checked, Event, check};
use crate::reports::{NASTY, report};
use crate::runs::{failed, on_one_worker, shuffled};
use crate::trace_format::idle_place;

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn law_f1_perfetto_traces_say_what_random_reports_do(report in report(0..60)) {
        check_report(&report);
    }
}

#[test]
fn law_f1_perfetto_traces_say_what_reports_of_real_runs_do() {
    let report = shuffled();
    assert!(!check_report(&report).arrows.is_empty());
    check_report(&failed());
}

#[test]
fn a_worker_that_did_several_things_at_a_time_has_several_threads() {
    let checked = check_report(&on_one_worker());
    for lane in ["tcp://10.0.0.1:4444", "tcp://10.0.0.1:4444 #2"] {
        assert!(checked.slices.iter().any(|slice| slice.track == lane), "{lane}");
    }
}

#[test]
fn an_arrow_that_does_not_lead_on_in_time_is_left_out() {
    let mut report = shuffled();
    let (producer, consumer) = report.flows.pairs[0];
    for started in [report.tasks[producer as usize].started, Some(Duration::ZERO)] {
        report.tasks[consumer as usize].started = started;
        check_report(&report);
    }
    let arrows = check_report(&report).arrows;
    assert!(arrows.len() < report.flows.pairs.len());
    assert!(arrows.values().all(|(_, to)| to["task"] != consumer));
    // Nor does one lead to a task that there is not.
    report.flows.pairs.push((u32::MAX, 0));
    assert_eq!(check(&report.to_perfetto_trace()).unwrap().arrows, arrows);
}

#[test]
fn texts_of_any_length_and_the_largest_numbers_read_back() {
    let mut report = shuffled();
    let long = |length: usize| format!("{}{}", NASTY.concat(), "é\u{0}".repeat(length));
    for (at, event) in report.tasks.iter_mut().enumerate() {
        // Some lengths have one byte, some two, three and four.
        let length = [3, 40, 5_000, 6_000, 20_000, 700_000][at % 6];
        event.error = Some(Arc::new(TaskError::new(long(length), long(2 * length)).with_trace(long(length))));
        event.label = long(length / 100).into();
        let said = json!([u64::MAX, i64::MIN, 1e300, -0.5, null, [], {}, [[{"": {"a\"": [long(length)]}}]]]);
        event.observed = [("".into(), said), ("x".into(), Value::Null), ("y".into(), json!({"z": {}}))].into();
        (event.rows, event.bytes_in, event.bytes_out) = (u64::MAX, 1 << 56, (1 << 56) - 1);
        (event.peak_memory, event.spilled_bytes) = (Some(u64::MAX), u64::MAX);
        event.transfer = Duration::MAX;
    }
    let last = report.tasks.last_mut().unwrap();
    last.started = Some(Duration::from_secs(1 << 33));
    last.ended = Duration::MAX;
    (report.workers, report.peak_bytes, report.spilled_bytes) = (usize::MAX, Some(u64::MAX), u64::MAX);
    report.wall = Duration::MAX;
    check_report(&report);
}

#[test]
fn what_stages_do_not_say_events_do() {
    let mut report = shuffled();
    report.stages.truncate(1);
    Arc::make_mut(&mut report.stages[0].label).make_ascii_uppercase();
    check_report(&report);
}

#[test]
fn a_long_trace_is_half_of_the_other() {
    let mut report = shuffled();
    let event = report.tasks.iter().find(|event| event.state == TaskState::Ok).unwrap().clone();
    let workers: [Arc<str>; 3] = ["a".into(), "b".into(), "c".into()];
    let task = |task: usize| {
        let mut event = TaskEvent { task, partition: task, worker: Some(workers[task % 3].clone()), ..event.clone() };
        let started = Duration::from_micros(7 * task as u64);
        (event.ready, event.started) = (Some(started / 2), Some(started));
        // As long as the next one of its worker is away; some take no time.
        event.ended = started + Duration::from_micros(if task.is_multiple_of(5) { 0 } else { 21 });
        match task % 40 {
            3 => {
                event.state = TaskState::UpstreamFailed;
                (event.worker, event.started, event.attempt) = (None, None, 0);
            }
            4 => {
                let error = Arc::new(TaskError::new("worker-lost", "gone"));
                let (worker, host, observed) = (event.worker.clone(), event.host.clone(), Default::default());
                let (started, ended) = (event.started, event.ended);
                event.attempts.push(TaskAttempt { number: 1, worker, host, started, ended, error, observed });
                (event.worker, event.attempt) = (Some("d".into()), 2);
            }
            _ => {}
        }
        event
    };
    report.tasks = (0..50_000).map(task).collect();
    report.link(|task| (task >= 3).then(|| task - 3).into_iter());
    assert!(!report.flows.complete);
    check_report(&report);
    let (long, short) = (report.to_chrome_trace().len(), report.to_perfetto_trace().len());
    assert!(2 * short < long, "{short} and {long} bytes");
}

/// Checks the trace of a report: it is sound, and says of each task what the report does, and nothing else.
fn check_report(report: &RunReport) -> Checked {
    let checked = check(&report.to_perfetto_trace()).unwrap_or_else(|fault| panic!("{fault}"));
    let expected = report.tasks.iter().flat_map(|event| attempts(report, event)).chain([run(report)]);
    assert_same(&checked.slices, expected.collect());
    let never_ran = report.tasks.iter().filter(|event| event.started.is_none());
    assert_same(&checked.instants, never_ran.map(|event| of_task(report, event, idle_place(event))).collect());
    let any_ran = checked.slices.len() > 1;
    assert_eq!(
        checked.counts.keys().collect::<Vec<_>>(),
        if any_ran { vec!["queued tasks", "running tasks"] } else { vec![] }
    );
    assert!(checked.counts.values().all(|counts| counts.last().unwrap().1 == 0), "all have ended");
    let started = |task: u32| report.tasks.get(task as usize)?.started;
    let later = |(from, to): (u32, u32)| started(from).zip(started(to)).is_some_and(|(from, to)| from < to);
    let arrows = (1..).zip(report.flows.pairs.iter().copied()).filter(|(_, pair)| later(*pair));
    let found = checked.arrows.iter().map(|(arrow, (from, to))| (*arrow, (from["task"].clone(), to["task"].clone())));
    assert!(found.eq(arrows.map(|(arrow, (from, to))| (arrow, (from.into(), to.into())))));
    checked
}

fn assert_same(found: &[Event], mut expected: Vec<Event>) {
    let mut found = found.to_vec();
    assert_eq!(found.len(), expected.len());
    for events in [&mut found, &mut expected] {
        // A worker's number among several lanes is not in the report.
        events.iter_mut().for_each(|event| event.track.truncate(event.track.find(" #").unwrap_or(event.track.len())));
        events.sort_by_key(|event| (event.args["task"].as_u64(), event.args["attempt"].as_u64()));
    }
    found.iter().zip(&expected).for_each(|(found, expected)| assert_eq!(found, expected));
}

fn run(report: &RunReport) -> Event {
    let mut args = json!({"tasks": report.tasks.len(), "workers": report.workers});
    let (spilled, left_out) = (something(report.spilled_bytes), something(report.flows.left_out));
    let amounts = [("peak_bytes", report.peak_bytes), ("spilled_bytes", spilled), ("flows_left_out", left_out)];
    put(&mut args, amounts.map(|(name, amount)| (name, amount.map(Value::from))));
    let (track, name, category) = ("run".to_owned(), "run".to_owned(), "run".to_owned());
    Event { track, name, category, started: 0, ended: nanos(report.wall), args }
}

/// The attempts of a task that began.
fn attempts(report: &RunReport, event: &TaskEvent) -> Vec<Event> {
    let mut attempts = Vec::new();
    for attempt in event.attempts.iter().filter(|attempt| attempt.started.is_some()) {
        let mut args = which(event, attempt.number);
        let observed = (!attempt.observed.is_empty()).then(|| plain(&json!(attempt.observed)));
        put(&mut args, [("observed", observed), ("error", Some(attempt.error.to_string().into()))]);
        put(&mut args, [("trace", attempt.error.trace.clone().map(Value::from))]);
        attempts.push(Event {
            track: attempt.worker.as_deref().unwrap_or("unknown").to_owned(),
            name: event.name().to_owned(),
            category: if attempt.number < event.attempt { "retried" } else { "given-up" }.to_owned(),
            started: nanos(attempt.started.unwrap()),
            ended: nanos(attempt.ended),
            args,
        });
    }
    if let Some(started) = event.started {
        let task = of_task(report, event, event.worker.as_deref().unwrap_or("unknown"));
        attempts.push(Event { started: nanos(started), ended: nanos(event.ended.max(started)), ..task });
    }
    attempts
}

/// A task as an instant at its end.
fn of_task(report: &RunReport, event: &TaskEvent, track: &str) -> Event {
    let mut args = which(event, event.attempt);
    let amounts = [
        ("queued_ns", something(nanos(event.queued()))),
        ("transfer_ns", something(nanos(event.transfer))),
        ("rows", something(event.rows)),
        ("bytes_in", something(event.bytes_in)),
        ("bytes_out", something(event.bytes_out)),
        ("peak_memory", event.peak_memory),
        ("peak_execution_memory", event.peak_execution_memory),
        ("spilled_bytes", something(event.spilled_bytes)),
    ];
    put(&mut args, amounts.map(|(name, amount)| (name, amount.map(Value::from))));
    let critical = report.critical_path.contains(&event.task) && event.started.is_some();
    let observed = (!event.observed.is_empty()).then(|| plain(&json!(event.observed)));
    put(&mut args, [("observed", observed), ("critical", critical.then_some(true.into()))]);
    if let Some(error) = &event.error {
        put(&mut args, [("error", Some(error.to_string().into())), ("trace", error.trace.clone().map(Value::from))]);
    }
    Event {
        track: track.to_owned(),
        name: event.name().to_owned(),
        category: event.state.name().to_owned(),
        started: nanos(event.ended),
        ended: nanos(event.ended),
        args,
    }
}

fn which(event: &TaskEvent, attempt: u32) -> Value {
    json!({"stage": event.stage, "attempt": attempt, "task": event.task, "partition": event.partition})
}

fn put<const N: usize>(args: &mut Value, fields: [(&str, Option<Value>); N]) {
    fields.into_iter().for_each(|(name, value)| _ = value.map(|value| args[name] = value));
}

fn something(amount: u64) -> Option<u64> {
    (amount > 0).then_some(amount)
}

/// What Perfetto has no value for is text.
fn plain(said: &Value) -> Value {
    match said {
        Value::Array(items) if !items.is_empty() => items.iter().map(plain).collect(),
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().map(|(name, said)| (name.clone(), plain(said))).collect()
        }
        Value::Null | Value::Array(_) | Value::Object(_) => said.to_string().into(),
        said => said.clone(),
    }
}

/// A time as Perfetto has it: its times are whole numbers with a sign.
fn nanos(time: Duration) -> u64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX) as u64
}
