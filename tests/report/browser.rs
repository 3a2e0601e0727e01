//! Pages in a real browser. `cargo xtask test` runs these, and brings Chromium where it can:
//! `cargo test -p leafhold --test report -- --ignored`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use leafhold::explain::{Actuals, PlanText};
use leafhold::run::report::{RunPage, Stage};
use leafhold::run::{RunReport, TaskAttempt, TaskError, TaskEvent, TaskState};
use serde_json::json;

use crate::chromium::Chromium;
use crate::reports::NASTY;
use crate::runs::{failed, plan, shuffled};

/// Writes a page where a browser finds it.
fn file(name: &str, page: &RunPage<'_>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, page.to_string()).unwrap();
    path
}

fn click_task(browser: &mut Chromium, task: usize) {
    let place = browser.eval(&format!("leafholdPlace({task})"));
    browser.click(place["x"].as_f64().unwrap(), place["y"].as_f64().unwrap());
    browser.wait_for(&format!("document.querySelector('#details h3')?.textContent.startsWith('Task {task}:')"));
}

/// A value of the details, by its name.
fn detail(browser: &mut Chromium, name: &str) -> String {
    let script = format!(
        "[...document.querySelectorAll('#details dt')].find((dt) => dt.textContent === {})?.nextSibling.textContent",
        json!(name)
    );
    browser.eval(&script).as_str().unwrap_or_default().to_owned()
}

fn nothing_was_wrong(browser: &Chromium) {
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    assert_eq!(browser.requests.len(), 1, "the page itself: {:?}", browser.requests);
}

#[test]
#[ignore = "needs Chromium; `cargo xtask test` runs it"]
fn a_click_on_a_task_shows_its_details_and_its_stage_in_the_plan() {
    let (plan, report) = (plan(), shuffled());
    let actuals = Actuals::new(report.node_rows.clone());
    let lines = PlanText::new(&plan).with_actuals(&actuals).lines();
    let page = RunPage::new(&report).with_title("a join").with_plan(lines.clone());
    let mut browser = Chromium::open(&file("run.html", &page));
    assert_eq!(browser.eval("document.title"), "a join");
    assert!(browser.text("#outcome").starts_with(&format!("{} tasks ({0} ok) in ", report.tasks.len())));
    assert!(browser.text("#details").contains("No task is selected"));
    for event in &report.tasks {
        click_task(&mut browser, event.task);
        assert_eq!(browser.text("#details h3"), format!("Task {}: {}", event.task, event.label));
        assert!(detail(&mut browser, "state").starts_with("ok"));
        assert_eq!(detail(&mut browser, "stage"), format!("{}, partition {}", event.stage, event.partition));
        let (worker, host) = (event.worker.as_deref().unwrap(), event.host.as_deref().unwrap());
        assert_eq!(detail(&mut browser, "worker"), format!("{worker} on {host}"));
        assert_eq!(detail(&mut browser, "rows"), event.rows.to_string());
        let highlighted = browser.eval("[...document.querySelectorAll('#plan .on')].map((line) => line.textContent)");
        let stage = report.stages.iter().find(|stage| stage.stage == event.stage).unwrap();
        let of_stage = lines.iter().filter(|line| line.node.is_some_and(|node| stage.nodes.contains(&node)));
        assert_eq!(highlighted, json!(of_stage.map(|line| &line.text).collect::<Vec<_>>()));
        let critical = report.critical_path.contains(&event.task);
        assert_eq!(detail(&mut browser, "state").contains("critical path"), critical);
    }
    nothing_was_wrong(&browser);
}

#[test]
#[ignore = "needs Chromium; `cargo xtask test` runs it"]
fn keys_and_addresses_select_tasks_and_errors_show_their_traces() {
    let mut report = failed();
    let bad = report.tasks.iter().position(|event| event.state == TaskState::Failed).unwrap();
    let trace = "Traceback:\n  </script><script>window.broken = true</script>";
    report.tasks[bad].error = Some(Arc::new(TaskError::new("compute", NASTY[1]).with_trace(trace)));
    report.tasks[bad].attempt = 2;
    report.tasks[bad].attempts.push(TaskAttempt {
        number: 1,
        worker: Some("local-7".into()),
        // Its lane is the last one.
        host: Some(format!("zz {}", NASTY[2]).into()),
        started: Some(Duration::ZERO),
        ended: Duration::from_micros(3),
        error: Arc::new(TaskError::new("panic", NASTY[3]).with_trace("tried in vain")),
        observed: [("cpu".into(), json!({"time_us": 1_500}))].into(),
    });
    report.tasks[bad].observed = [("cpu".into(), json!({"time_us": 12.5})), (NASTY[3].into(), json!(NASTY[1]))].into();
    (report.peak_bytes, report.spilled_bytes) = (None, 7_000);
    let page = RunPage::new(&report).with_title(NASTY[1]);
    let path = file("failed.html", &page);
    let mut browser = Chromium::open(&path);
    assert_eq!(browser.eval("document.title"), NASTY[1]);
    let outcome = browser.text("#outcome");
    assert!(
        outcome.contains("of work, 3.0 us in attempts that did not count, 7.0 kB to files;")
            && !outcome.contains("peak"),
        "{outcome}"
    );
    browser.eval("document.getElementById('gantt').focus()");
    browser.press("e");
    browser.wait_for("document.querySelector('#details .error') !== null");
    assert!(detail(&mut browser, "state").starts_with("failed"));
    let shown = browser.eval("document.querySelector('#details .error').textContent");
    assert_eq!(shown, format!("compute: {}", NASTY[1]));
    assert_eq!(browser.eval("document.querySelector('#details pre').textContent"), trace);
    assert!(browser.text("#details").contains("Attempt 1, retried on local-7"));
    assert_eq!(browser.eval("document.querySelectorAll('#details pre')[1].textContent"), "tried in vain");
    // What was observed of the attempt that counted, then of the one that did not.
    assert_eq!(detail(&mut browser, "cpu.time_us"), "13 us");
    assert_eq!(detail(&mut browser, NASTY[3]), NASTY[1]);
    let both = "[...document.querySelectorAll('#details dt')].filter((dt) => dt.textContent === 'cpu.time_us').length";
    assert_eq!(browser.eval(both), 2);
    assert_eq!(browser.eval("location.hash"), format!("#task={bad}"));
    // A task that never ran has details, too.
    let idle = report.tasks.iter().position(|event| event.started.is_none()).unwrap();
    browser.eval(&format!("location.hash = '#task={idle}'"));
    browser.wait_for(&format!("document.querySelector('#details h3').textContent.startsWith('Task {idle}:')"));
    assert_eq!(detail(&mut browser, "state"), report.tasks[idle].state.name());
    // The arrow keys walk along a worker's tasks.
    browser.press("Escape");
    browser.press("ArrowRight");
    let first = browser.text("#details h3");
    browser.press("ArrowRight");
    let second = browser.text("#details h3");
    assert!(first.starts_with("Task ") && second.starts_with("Task ") && first != second, "{first} {second}");
    assert_eq!(browser.eval("window.broken"), serde_json::Value::Null);
    nothing_was_wrong(&browser);
}

/// A run of 100,000 tasks on 16 workers, with a failure at the end.
fn large() -> RunReport {
    const TASKS: usize = 100_000;
    let at = |task: usize| Duration::from_micros((task / 16 * 50 + task % 16) as u64);
    let event = |task: usize| TaskEvent {
        task,
        stage: task * 10 / TASKS,
        partition: task,
        label: format!("stage {}", task * 10 / TASKS).into(),
        state: if task == TASKS - 7 { TaskState::Failed } else { TaskState::Ok },
        worker: Some(format!("local-{}", task % 16).into()),
        host: None,
        attempt: 1,
        attempts: Vec::new(),
        submitted: Duration::ZERO,
        ready: Some(at(task).saturating_sub(Duration::from_micros(200))),
        started: Some(at(task)),
        ended: at(task) + Duration::from_micros(10 + (task % 31) as u64),
        transfer: Duration::ZERO,
        rows: task as u64,
        bytes_in: 0,
        bytes_out: 8 * task as u64,
        peak_memory: None,
        peak_execution_memory: None,
        spilled_bytes: 0,
        observed: Default::default(),
        error: (task == TASKS - 7).then(|| Arc::new(TaskError::new("compute", "too much"))),
    };
    let tasks: Vec<TaskEvent> = (0..TASKS).map(event).collect();
    let stage =
        |stage: usize| Stage { stage, label: format!("stage {stage}").into(), tasks: TASKS / 10, nodes: Vec::new() };
    let stages = (0..10).map(stage).collect();
    let mut report = RunReport { tasks: tasks.into(), stages, wall: at(TASKS), workers: 16, ..RunReport::default() };
    report.link(|task| task.checked_sub(16).into_iter());
    report
}

#[test]
#[ignore = "needs Chromium; `cargo xtask test` runs it"]
fn a_hundred_thousand_tasks_stay_usable_also_in_the_dark() {
    let report = large();
    let mut browser = Chromium::open(&file("large.html", &RunPage::new(&report)));
    assert!(browser.text("#outcome").starts_with("100,000 tasks (99,999 ok, 1 failed)"));
    for task in [0, 54_321, 99_999] {
        // Far too narrow to hit by hand: the keyboard's way is the number.
        browser.eval(&format!("location.hash = '#task={task}'"));
        browser.wait_for(&format!("document.querySelector('#details h3')?.textContent.startsWith('Task {task}:')"));
        assert_eq!(detail(&mut browser, "rows").replace(',', ""), task.to_string());
    }
    browser.eval("document.getElementById('gantt').focus()");
    browser.press("e");
    browser.wait_for("document.querySelector('#details h3').textContent.startsWith('Task 99993:')");
    // Zoomed in, a click finds what lies there.
    (0..14).for_each(|_| browser.press("+"));
    click_task(&mut browser, 99_993);
    let corner = "[...document.getElementById('gantt').getContext('2d').getImageData(2, 2, 1, 1).data.slice(0, 3)]";
    let sum =
        |colors: serde_json::Value| colors.as_array().unwrap().iter().filter_map(|part| part.as_u64()).sum::<u64>();
    let light = browser.eval(corner);
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    browser.send("Emulation.setEmulatedMedia", dark);
    browser.wait_for(&format!("JSON.stringify({corner}) !== '{light}'"));
    assert!(sum(browser.eval(corner)) < 200 && sum(light) > 600);
    nothing_was_wrong(&browser);
}
