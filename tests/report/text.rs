//! Reports for people.

use std::sync::Arc;
use std::time::Duration;

use leafhold::run::{RunReport, TaskAttempt, TaskError, TaskEvent, TaskState};
use proptest::prelude::*;
use serde_json::json;

use crate::reports::report;
use crate::runs::{failed, shuffled};

fn event(task: usize, state: TaskState) -> TaskEvent {
    let ms = Duration::from_millis;
    let ran = matches!(state, TaskState::Ok | TaskState::Failed);
    TaskEvent {
        task,
        stage: task / 2,
        partition: task % 2,
        label: ["read > filter", "hash-join"][task / 2].into(),
        state,
        worker: ran.then(|| "local-0".into()),
        host: None,
        attempt: u32::from(ran),
        attempts: Vec::new(),
        submitted: Duration::ZERO,
        ready: ran.then(|| ms(10 * task as u64)),
        started: ran.then(|| ms(10 * task as u64 + 2)),
        ended: ms(10 * task as u64 + 4 + 3 * (task as u64 % 2)),
        transfer: Duration::ZERO,
        rows: 7,
        bytes_in: 56,
        bytes_out: 1_500,
        peak_memory: None,
        peak_execution_memory: None,
        spilled_bytes: 0,
        observed: Default::default(),
        error: None,
    }
}

#[test]
fn a_report_is_a_table_with_path_retries_and_errors() {
    let mut tasks = vec![
        event(0, TaskState::Ok),
        event(1, TaskState::Ok),
        event(2, TaskState::Failed),
        event(3, TaskState::UpstreamFailed),
    ];
    let error = TaskError::new("ZeroDivisionError", "division by zero\nat row 3").with_trace("line 1\n  line 2\n");
    tasks[2].error = Some(Arc::new(error));
    tasks[2].attempt = 2;
    tasks[2].transfer = Duration::from_micros(1_500);
    tasks[2].peak_memory = Some(12_000_000);
    tasks[1].peak_execution_memory = Some(7_000_000);
    tasks[3].spilled_bytes = 5_000;
    tasks[2].attempts.push(TaskAttempt {
        number: 1,
        worker: Some("worker-1\u{1b}[2J".into()),
        host: None,
        started: Some(Duration::from_millis(5)),
        ended: Duration::from_millis(20),
        error: Arc::new(
            TaskError::new("worker-lost", "the worker \u{1b}[1mis gone").with_trace("the last words\nof it"),
        ),
        observed: Default::default(),
    });
    let mut report = RunReport {
        tasks: tasks.into(),
        workers: 2,
        wall: Duration::from_millis(60),
        peak_bytes: Some(3_000),
        peak_result_bytes: 1_000,
        peak_ports: Some(2),
        spilled_bytes: 7_000,
        ..Default::default()
    };
    report.link(|task| [None, None, Some(1), Some(2)][task].into_iter());
    let expected = "\
4 tasks (2 ok, 1 failed, 1 upstream-failed) in 60.0 ms on 2 workers; 9.0 ms of work, 15.0 ms in attempts that did not count, peak 3.0 kB in 2 ports, of which 1.0 kB are the result and count towards no limit
7.0 kB went to files: the memory limit
stage  tasks  states                         time  slowest  skew  queued  transfer  retries  uncounted  rows   bytes   memory  exec mem  spilled  what
    0      2  2 ok                         7.0 ms   5.0 ms   1.4  4.0 ms         -        -          -    14  3.0 kB        -    7.0 MB        -  read > filter
    1      2  1 failed, 1 upstream-failed  2.0 ms   2.0 ms   1.0  2.0 ms    1.5 ms        1    15.0 ms    14  3.0 kB  12.0 MB         -   5.0 kB  hash-join
critical path: 7.0 ms of work, 4.0 ms queued, 1.5 ms of moving rows, 15.0 ms in attempts that did not count
  at   12.0 ms     5.0 ms  stage 0 partition 1: read > filter
  at   22.0 ms     2.0 ms  stage 1 partition 0: hash-join, after 15.0 ms in attempts that did not count
retried (worker-lost): attempt 1 of stage 1 partition 0 on worker-1\\u{1b}[2J: the worker \\u{1b}[1mis gone
    the last words
    of it
failed (ZeroDivisionError): stage 1 partition 0 on local-0: division by zero
  at row 3
    line 1
      line 2
";
    assert_eq!(report.to_text(), expected);
}

#[test]
fn an_attempt_that_no_other_one_followed_was_given_up() {
    let mut task = event(0, TaskState::Cancelled);
    for (number, error) in [(1, "compute"), (2, "worker-lost")] {
        task.attempts.push(TaskAttempt {
            number,
            worker: Some("process-0".into()),
            host: None,
            started: Some(Duration::ZERO),
            ended: Duration::from_millis(3_000),
            error: Arc::new(TaskError::new(error, "no luck")),
            observed: Default::default(),
        });
    }
    // The run was cancelled before the third.
    task.attempt = 2;
    let text = RunReport { tasks: vec![task].into(), ..Default::default() }.to_text();
    assert!(text.contains("0 us of work, 6.00 s in attempts that did not count\n"), "{text}");
    assert!(text.contains("\nretried (compute): attempt 1 of stage 0 partition 0 on process-0: no luck\n"), "{text}");
    assert!(
        text.contains("\ngiven-up (worker-lost): attempt 2 of stage 0 partition 0 on process-0: no luck\n"),
        "{text}"
    );
}

#[test]
fn what_observers_say_is_a_table_by_field_and_stage() {
    let mut tasks: Vec<_> = (0..4).map(|task| event(task, TaskState::Ok)).collect();
    let cpu = |us: f64| ("cpu".into(), json!({"time_us": us}));
    tasks[0].observed = [cpu(1_500.0), ("held_bytes".into(), json!(2_000_000))].into();
    tasks[1].observed = [cpu(500.0)].into();
    tasks[2].observed = [cpu(250.0), ("ports".into(), json!([3, 4])), ("skew".into(), json!(1.25))].into();
    tasks[3].observed = [("cpu".into(), json!({"error": "it panicked: no\nluck"}))].into();
    let text = RunReport { tasks: tasks.into(), ..Default::default() }.to_text();
    let expected = "\
observed     stage  tasks   total  largest  first
cpu.error        1      1       -        -  it panicked: no\\nluck
cpu.time_us      0      2  2.0 ms   1.5 ms  -
cpu.time_us      1      1  250 us   250 us  -
held_bytes       0      1  2.0 MB   2.0 MB  -
ports            1      1       -        -  [3,4]
skew             1      1    1.25     1.25  -
";
    assert!(text.contains(expected), "{text}");
    // Whoever has another name for every task sees that the middle is left out.
    let mut tasks: Vec<_> = (0..100).map(|task| TaskEvent { stage: 0, task, ..event(0, TaskState::Ok) }).collect();
    tasks.iter_mut().for_each(|event| event.observed = [(format!("at-{}", event.task).into(), json!(1))].into());
    let text = RunReport { tasks: tasks.into(), ..Default::default() }.to_text();
    assert!(text.contains("  .. 81 more ..\n"), "{text}");
}

#[test]
fn errors_of_many_tasks_stand_once() {
    let mut report = failed();
    let joins = report.count(TaskState::Failed);
    assert!(joins >= 1, "the first failure stops the run");
    let error = report.tasks.iter().find_map(|event| event.error.clone()).unwrap();
    report.tasks.iter_mut().for_each(|event| event.error = None);
    report.tasks[..3].iter_mut().for_each(|event| event.error = Some(error.clone()));
    report.tasks[..3].iter_mut().for_each(|event| event.state = TaskState::Failed);
    let text = report.to_text();
    assert!(text.contains("and 2 more: the join </script> failed\n  in two lines\n"), "{text}");
    assert_eq!(text.matches("in two lines").count(), 1);
}

#[test]
fn long_lists_are_cut() {
    let mut report = shuffled();
    let event = report.tasks[0].clone();
    report.tasks = (0..1_000).map(|task| TaskEvent { task, ..event.clone() }).collect();
    report.critical_path = (0..1_000).collect();
    let text = report.to_text();
    assert!(text.contains("  .. 980 more ..\n"), "{text}");
    assert!(text.lines().count() < 30);
}

proptest! {
    #[test]
    fn law_f1_nothing_in_a_report_reaches_the_terminal_as_a_command(report in report(0..20)) {
        let text = report.to_text();
        prop_assert!(text.chars().all(|at| at == '\n' || !at.is_control()), "{text:?}");
        let head = format!("{} tasks", report.tasks.len());
        prop_assert!(text.starts_with(&head));
    }
}
