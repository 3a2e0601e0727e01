//! Law T4, its second half: work-side observers on threads.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use leafhold::run::work::{
    Observation, Observed, ObserverRequest, WorkContext, WorkObserver, WorkObservers, WorkOutcome,
};
use leafhold::run::{Executor, ExecutorOptions, LocalExecutor, RunCause, RunReport, TaskState};
use serde_json::json;

use crate::behaviour::{FAILS, PANICS, SLEEPS, WAITS};
use crate::plans::Builder;
use crate::retries::Unlucky;
use crate::scene::{Scene, partitions, partitions_with, rows};
use crate::witness::{AT_END, AT_START, observers, testimony};

fn witnessed() -> ExecutorOptions {
    ExecutorOptions::default().with_work_observer(ObserverRequest::new("witness").with_given(json!({"ticket": 7})))
}

/// What holds of a run that a witness has seen: it has something to say of every attempt that came to an end where it
/// ran, and of nothing else.
fn assert_witnessed(report: &RunReport) {
    for event in &report.tasks {
        let Some((context, said)) = testimony(&event.observed) else {
            assert!(event.started.is_none(), "nobody has seen what ran: {event:?}");
            continue;
        };
        let place = (context.stage, context.partition, context.attempt, context.worker);
        assert_eq!(place, (event.stage, event.partition, event.attempt, event.worker.clone().unwrap()));
        assert_eq!((context.label, context.host), (event.label.clone(), event.host.clone()));
        assert!(event.host.is_some() && *context.given == json!({"ticket": 7}));
        assert_eq!(said["pid"], std::process::id());
        // Around the kernel, and its time is the kernel's own.
        assert!(event.duration() <= Duration::from_micros(said["watched_us"].as_u64().unwrap() + 1), "{event:?}");
        match event.state {
            TaskState::Ok => assert_eq!(said["outcome"], event.rows),
            TaskState::Cancelled => assert_eq!(said["outcome"], "cancelled"),
            _ => {
                let message = &event.error.as_ref().unwrap().message;
                assert!(said["outcome"].as_str().unwrap().ends_with(message.as_str()), "{event:?}");
            }
        }
        let before = event.attempts.iter().map(|attempt| testimony(&attempt.observed).unwrap().0.attempt);
        assert_eq!(before.collect::<Vec<_>>(), (1..event.attempt).collect::<Vec<_>>(), "one for each attempt");
    }
}

#[test]
fn law_t4_threads_work_observers_see_every_attempt_and_how_it_ends() {
    for row in [[1, 1], [FAILS, 1], [PANICS, 1], [SLEEPS, 20]] {
        for threads in [1, 2] {
            let mut scene = Scene::shuffle(&partitions_with(row));
            let options = witnessed().with_work_observer(ObserverRequest::new("silent"));
            let result = scene.run(threads, options);
            assert_eq!(result.is_ok(), [1, SLEEPS].contains(&row[0]));
            let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
            assert_witnessed(report);
            assert!(report.tasks.iter().any(|event| !event.observed.is_empty()));
            assert!(report.tasks.iter().all(|event| !event.observed.contains_key("silent")));
            let back = RunReport::from_json_lines(&report.to_json_lines()).unwrap();
            assert_eq!(back.tasks, report.tasks);
            scene.assert_clean(report);
        }
    }
}

#[test]
fn law_t4_threads_tasks_are_known_to_work_observers_by_their_identity() {
    let mut scene = Scene::shuffle(&partitions());
    let graph = scene.graph();
    let tokens: Vec<_> = graph.tasks().map(|task| task.token).collect();
    let outcome = scene.executor(2, witnessed()).submit(graph).wait().unwrap();
    let seen = outcome.report.tasks.iter().map(|event| testimony(&event.observed).unwrap().0.task);
    assert_eq!(seen.collect::<Vec<_>>(), tokens);
}

#[test]
fn law_t4_threads_what_was_observed_of_an_attempt_that_did_not_count_stays_with_it() {
    for (times, retries) in [(2, 2), (2, 1)] {
        let mut scene = Scene::shuffle(&partitions());
        let executor = LocalExecutor::new(Arc::new(Unlucky::new(times)), 2).with_work_observers(observers());
        let options = witnessed().with_retries(retries).with_failures_retried().with_observer(scene.heard.clone());
        let result = executor.with_options(options).submit(scene.graph()).wait();
        let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
        assert_witnessed(report);
        let attempt = &report.tasks.iter().find(|event| event.attempt > 1).unwrap().attempts[0];
        assert_eq!(testimony(&attempt.observed).unwrap().1["outcome"], "no luck, time 1");
        scene.assert_clean(report);
    }
}

#[test]
fn law_t4_threads_a_work_observer_that_panics_harms_nobody_and_is_told() {
    for (given, place) in [(AT_START, "at the start"), (AT_END, "at the end")] {
        let options = || {
            let witness = ObserverRequest::new("witness").with_given(given);
            ExecutorOptions::default().with_work_observer(witness).with_work_observer(ObserverRequest::new("cpu"))
        };
        let mut scene = Scene::shuffle(&partitions());
        let outcome = scene.run(2, options()).unwrap();
        assert_eq!(rows(&outcome).len(), 24);
        for event in &outcome.report.tasks {
            assert_eq!(event.observed["witness"], json!({"error": format!("it panicked: a witness panics {place}")}));
            assert!(event.observed["cpu"]["time_us"].is_number(), "the other one goes on: {event:?}");
        }
        scene.assert_clean(&outcome.report);
        // A task that fails has its own error, and no trace of the observer's.
        for row in [[FAILS, 1], [PANICS, 1]] {
            let mut scene = Scene::shuffle(&partitions_with(row));
            let error = scene.run(1, options()).unwrap_err();
            let failed = error.report.tasks.iter().find(|event| event.state == TaskState::Failed).unwrap();
            let told = failed.error.as_ref().unwrap();
            let trace = told.trace.as_ref().unwrap();
            assert!(trace.contains("behaviour.rs") && !trace.contains("a witness panics"), "{told:?}");
            scene.assert_clean(&error.report);
        }
    }
}

#[test]
fn law_t4_threads_a_work_observer_that_nobody_knows_is_an_error_before_anything_runs() {
    let mut scene = Scene::shuffle(&partitions());
    let error = scene.run(2, witnessed().with_work_observer(ObserverRequest::new("gpu"))).unwrap_err();
    let RunCause::Observer(unknown) = &error.cause else { panic!("{error}") };
    assert_eq!(&*unknown.name, "gpu");
    let expected = "this executor knows no observer of work `gpu`, only `cpu`, `silent`, `witness`; register it with \
                    `WorkObservers::with`, in the program of worker processes, too";
    assert_eq!(error.to_string(), expected);
    assert!(error.report.tasks.iter().all(|event| event.started.is_none() && event.observed.is_empty()));
    assert_eq!(error.report.count(TaskState::Cancelled), scene.tasks);
    scene.assert_clean(&error.report);
}

/// Tells when an attempt begins.
struct Bell(Sender<()>);

impl WorkObserver for Bell {
    fn on_start<'a>(&'a self, _: &'a WorkContext) -> Box<dyn Observation + 'a> {
        let _ = self.0.send(());
        Box::new(|outcome: &WorkOutcome<'_>| Some(json!(format!("{outcome:?}"))))
    }
}

#[test]
fn law_t4_threads_work_observers_hear_that_an_attempt_was_cancelled() {
    let mut scene = Scene::shuffle(&[vec![vec![WAITS, 0]]]);
    let (bell, rings) = channel();
    let executor = scene.executor(1, ExecutorOptions::default().with_work_observer(ObserverRequest::new("bell")));
    let run = executor.with_work_observers(WorkObservers::none().with("bell", Bell(bell))).submit(scene.graph());
    rings.recv().unwrap();
    run.cancel();
    let error = run.wait().unwrap_err();
    let event = error.report.tasks.iter().find(|event| event.started.is_some()).unwrap();
    assert_eq!((event.state, &event.observed["bell"]), (TaskState::Cancelled, &json!("Cancelled")));
    scene.assert_clean(&error.report);
}

#[test]
fn nobody_observes_what_nobody_asked_for() {
    let mut scene = Scene::shuffle(&partitions());
    let outcome = scene.run(2, ExecutorOptions::default()).unwrap();
    assert!(outcome.report.tasks.iter().all(|event| event.observed == Observed::new()));
    assert!(!outcome.report.to_json_lines().contains("observed"));
}

#[test]
fn the_time_of_a_processor_is_that_of_the_kernel_and_not_of_its_waiting() {
    let mut builder = Builder::default();
    let read = builder.delayed(&[vec![vec![SLEEPS, 300]]]);
    let project = builder.project(&read, &[1]);
    let mut scene = Scene::of(builder, &project);
    drop((read, project));
    let outcome = scene.run(1, ExecutorOptions::default().with_work_observer(ObserverRequest::new("cpu"))).unwrap();
    let event = &outcome.report.tasks[0];
    let spent = event.observed["cpu"]["time_us"].as_f64().unwrap();
    assert!(event.duration() >= Duration::from_millis(300));
    assert!(spent > 0.0 && spent < 150_000.0, "{spent} us on the processor while it slept for 300 ms");
}
