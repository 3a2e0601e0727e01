//! Law T4, its second half: work-side observers in worker processes.

use leafhold::run::process::ProcessExecutor;
use leafhold::run::work::ObserverRequest;
use leafhold::run::{ExecutorOptions, RunCause, RunReport, TaskEvent, TaskState};
use serde_json::json;

use crate::behaviour::{EXITS, FAILS, PANICS};
use crate::scene::{Scene, partitions, rows};
use crate::witness::{AT_END, AT_START, testimony};

fn witness() -> ObserverRequest {
    ObserverRequest::new("witness").with_given(json!({"ticket": 7}))
}

/// Six partitions, and in the third a row that says what else to do.
fn scene_with(row: [i64; 2]) -> Scene {
    let mut partitions = partitions();
    partitions[2].push(row.to_vec());
    Scene::shuffle(&partitions)
}

fn assert_witnessed(event: &TaskEvent, pids: &[u32]) {
    let (context, said) = testimony(&event.observed).unwrap();
    let place = (context.stage, context.partition, context.attempt, context.worker);
    assert_eq!(place, (event.stage, event.partition, event.attempt, event.worker.clone().unwrap()));
    assert_eq!((&context.label, &context.host, &*context.given), (&event.label, &event.host, &json!({"ticket": 7})));
    let pid = said["pid"].as_u64().unwrap() as u32;
    assert!(pid != std::process::id() && pids.contains(&pid), "it was in a worker process");
    if event.state == TaskState::Ok {
        assert_eq!(said["outcome"], event.rows);
    }
}

#[test]
fn law_t4_worker_processes_work_observers_see_every_attempt_in_its_process() {
    for row in [[1, 1], [FAILS, 3], [PANICS, 3]] {
        let mut scene = scene_with(row);
        let options = ExecutorOptions::default().with_retries(1).with_failures_retried().with_work_observer(witness());
        let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_options(options);
        let result = scene.run(executor);
        assert_eq!(result.is_ok(), row[0] == 1);
        let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
        let pids = scene.census.started();
        for event in report.tasks.iter().filter(|event| matches!(event.state, TaskState::Ok | TaskState::Failed)) {
            assert_witnessed(event, &pids);
        }
        if let Some(failed) = report.tasks.iter().find(|event| event.state == TaskState::Failed) {
            let outcome = |observed| testimony(observed).unwrap().1["outcome"].as_str().unwrap().to_owned();
            assert!(outcome(&failed.observed).ends_with(&failed.error.as_ref().unwrap().message));
            assert_eq!(
                outcome(&failed.attempts[0].observed),
                outcome(&failed.observed),
                "of the first attempt as well"
            );
            for error in [failed.error.as_ref().unwrap(), &failed.attempts[0].error] {
                assert!(error.trace.as_ref().unwrap().contains("behaviour.rs"), "{error:?}");
            }
        }
        scene.assert_clean(report);
    }
}

#[test]
fn law_t4_worker_processes_nothing_is_observed_of_an_attempt_whose_worker_dies() {
    // In the middle of its kernel; and when it has said what was observed, but not given all rows.
    let mut scene = scene_with([EXITS, 3]);
    let workers = scene.census.workers("honest", 2);
    let executor = ProcessExecutor::new(workers).with_retries(1).with_work_observer(witness());
    let error = scene.run(executor).unwrap_err();
    let lost = error.report.tasks.iter().find(|event| event.state == TaskState::Lost).unwrap();
    assert!(lost.observed.is_empty() && lost.attempts[0].observed.is_empty(), "{lost:?}");
    let pids = scene.census.started();
    let ran = || error.report.tasks.iter().filter(|event| event.state == TaskState::Ok);
    assert!(ran().count() > 0);
    ran().for_each(|event| assert_witnessed(event, &pids));
    scene.assert_clean(&error.report);

    let mut scene = Scene::shuffle(&partitions());
    let workers = scene.census.workers_that_begin(&["half"], 1);
    let outcome = scene.run(ProcessExecutor::new(workers).with_retries(1).with_work_observer(witness())).unwrap();
    let again: Vec<_> = outcome.report.tasks.iter().filter(|event| !event.attempts.is_empty()).collect();
    let [again] = again.as_slice() else { panic!("{again:?}") };
    assert!(again.attempts[0].observed.is_empty(), "{again:?}");
    let pids = scene.census.started();
    outcome.report.tasks.iter().for_each(|event| assert_witnessed(event, &pids));
    scene.assert_clean(&outcome.report);
}

#[test]
fn law_t4_worker_processes_a_work_observer_that_panics_harms_nobody_and_is_told() {
    for (given, place) in [(AT_START, "at the start"), (AT_END, "at the end")] {
        let mut scene = Scene::shuffle(&partitions());
        let workers = scene.census.workers("honest", 1);
        let witness = ObserverRequest::new("witness").with_given(given);
        let executor = ProcessExecutor::new(workers).with_work_observer(witness);
        let outcome = scene.run(executor.with_work_observer(ObserverRequest::new("cpu"))).unwrap();
        assert_eq!(rows(&outcome).len(), 24);
        for event in &outcome.report.tasks {
            assert_eq!(event.observed["witness"], json!({"error": format!("it panicked: a witness panics {place}")}));
            assert!(event.observed["cpu"]["time_us"].is_number(), "the other one goes on: {event:?}");
        }
        assert_eq!(scene.census.started().len(), 1, "its process goes on");
        scene.assert_clean(&outcome.report);
    }
}

#[test]
fn law_t4_worker_processes_a_work_observer_that_nobody_knows_is_an_error_before_anything_runs() {
    let unknown = |scene: &mut Scene, mode, request| {
        let executor = ProcessExecutor::new(scene.census.workers(mode, 2)).with_retries(3);
        let error = scene.run(executor.with_work_observer(request)).unwrap_err();
        let RunCause::Observer(_) = &error.cause else { panic!("{error}") };
        assert_eq!(error.report.count(TaskState::Ok), 0);
        scene.assert_clean(&error.report);
        error
    };
    // The driver knows that at once.
    let mut scene = Scene::shuffle(&partitions());
    let error = unknown(&mut scene, "honest", ObserverRequest::new("gpu"));
    assert!(
        error
            .to_string()
            .starts_with("this executor knows no observer of work `gpu`, only `cpu`, `silent`, `witness`;")
    );
    assert_eq!(scene.census.started(), Vec::<u32>::new());
    // And it hears of a program that is not what it should be.
    let mut scene = Scene::shuffle(&partitions());
    let error = unknown(&mut scene, "honest-and-alone", witness());
    assert!(error.to_string().contains(" knows no observer of work `witness`, only `cpu`;"), "{error}");
    assert!(error.to_string().starts_with("process-"), "{error}");
    let nothing_seen = |report: &RunReport| report.tasks.iter().all(|event| event.observed.is_empty());
    assert!(nothing_seen(&error.report));
}
