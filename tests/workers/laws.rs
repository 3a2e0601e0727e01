//! The laws of telemetry and of live data, on worker processes.

use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{CoreFunctions, ExtensionTraits, Frame, MapPartitions};
use leafhold::leaf::{Leaf, Values, release};
use leafhold::optimize::Planner;
use leafhold::run::process::ProcessExecutor;
use leafhold::run::work::ObserverRequest;
use leafhold::run::{Executor, RunReport, TaskState};
use parking_lot::Mutex;
use serde_json::json;

use crate::behaviour::{EXITS, FAILS, PANICS, SLEEPS};
use crate::kernels::rows_of;
use crate::plans::{Builder, batch, numbers, two_columns};
use crate::program::Census;
use crate::scene::{Belongings, Scene, partitions, rows, states};
use crate::witness::testimony;

#[test]
fn law_t1_worker_processes_every_planned_task_has_one_terminal_event() {
    // Whatever happens in the third partition.
    for row in [[1, 1], [FAILS, 1], [PANICS, 1], [EXITS, 1], [SLEEPS, 1]] {
        for retries in [0, 1] {
            let mut partitions = partitions();
            partitions[2].push(row.to_vec());
            let mut scene = Scene::shuffle(&partitions);
            let workers = scene.census.workers("honest", 2);
            let result = scene.run(ProcessExecutor::new(workers).with_retries(retries));
            assert_eq!(result.is_ok(), [1, SLEEPS].contains(&row[0]));
            let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
            assert_eq!(report.count(TaskState::Lost), usize::from(row[0] == EXITS), "{:?}", states(report));
            scene.assert_clean(report);
        }
    }
}

#[test]
fn law_t2_worker_processes_a_node_that_sleeps_two_seconds_is_recorded_with_that() {
    let mut ran = Duration::MAX;
    // A machine with other work may wake a sleeper late; not each of three times.
    for _ in 0..3 {
        let mut scene = Scene::shuffle(&[vec![vec![SLEEPS, 2000]]]);
        let outcome = scene.run(ProcessExecutor::new(scene.census.workers("honest", 1))).unwrap();
        let tasks = &outcome.report.tasks;
        for event in tasks.iter().filter(|event| event.duration() >= Duration::from_secs(2)) {
            ran = ran.min(event.duration());
            let started = event.started.unwrap();
            assert!(event.ready.unwrap() <= started && event.ended <= outcome.report.wall, "{event:?}");
            assert!(event.host.is_some() && event.worker.as_deref() == Some("process-0"));
        }
        // Consumers start after their producers have ended, on one time line.
        let times: Vec<_> = tasks.iter().map(|event| (event.started.unwrap(), event.ended)).collect();
        let mut in_order = times.clone();
        in_order.sort();
        assert!(
            in_order.windows(2).all(|pair| pair[0].1 <= pair[1].0),
            "one worker runs one task at a time: {times:?}"
        );
        scene.assert_clean(&outcome.report);
        if ran <= Duration::from_millis(2200) {
            return;
        }
    }
    panic!("{ran:?}");
}

#[test]
fn law_t3_worker_processes_a_run_that_fails_returns_its_report() {
    for (row, kind) in [([PANICS, 3], "panic"), ([FAILS, 3], "compute")] {
        let mut partitions = partitions();
        partitions[5].push(row.to_vec());
        let mut scene = Scene::shuffle(&partitions);
        let error = scene.run(ProcessExecutor::new(scene.census.workers("honest", 1))).unwrap_err();
        let failed = error.report.tasks.iter().find(|event| event.state == TaskState::Failed).unwrap();
        assert_eq!(failed.partition, 5);
        let told = failed.error.as_ref().unwrap();
        assert_eq!(told.kind, kind);
        assert!(told.trace.as_ref().unwrap().contains("behaviour.rs"), "the remote trace: {told:?}");
        // What ran before is told with its times and rows, what would have come after with its reason.
        let states = states(&error.report);
        assert!(
            states.contains(&(TaskState::Ok, 5)) && states.iter().any(|state| state.0 == TaskState::UpstreamFailed)
        );
        let ok = error.report.tasks.iter().find(|event| event.state == TaskState::Ok).unwrap();
        assert!(ok.rows == 4 && ok.started.is_some() && ok.bytes_in > 0 && ok.bytes_out > 0);
        scene.assert_clean(&error.report);
    }
}

#[test]
fn law_t4_worker_processes_observers_run_in_the_driver() {
    struct Pid(Mutex<Vec<u32>>);
    impl leafhold::run::Observer for Pid {
        fn on_event(&self, _: &leafhold::run::TaskEvent) {
            self.0.lock().push(std::process::id());
        }
        fn on_finish(&self, _: &RunReport) {
            panic!("an observer that panics harms nobody but itself");
        }
    }
    let mut scene = Scene::shuffle(&partitions());
    let pid = Arc::new(Pid(Mutex::default()));
    let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_observer(pid.clone());
    let outcome = scene.run(executor).unwrap();
    assert_eq!(*pid.0.lock(), vec![std::process::id(); scene.tasks]);
    scene.assert_clean(&outcome.report);
}

#[test]
fn law_l5_worker_processes_a_future_that_fails_is_named_and_nothing_below_it_starts() {
    for (kind, word) in [("fail", "failed: disk full"), ("cancel", "was cancelled"), ("lose", "was lost")] {
        for moment in ["before lowering", "before the run", "during the run"] {
            let mut builder = Builder::default();
            let (read, mut promises) = builder.pending("orders", 3);
            let sorted = builder.sorted(&read, None);
            drop(read);
            let mut bad = Some(promises.remove(1));
            let good = promises.remove(0);
            let mut end_at = |now: &str| match bad.take_if(|_| now == moment) {
                None => {}
                Some(bad) if kind == "fail" => bad.fail("disk full"),
                Some(bad) if kind == "cancel" => bad.cancel(),
                Some(bad) => drop(bad),
            };
            end_at("before lowering");
            let mut scene = Scene::of(builder, &sorted);
            drop(sorted);
            let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_observer(scene.heard.clone());
            end_at("before the run");
            let run = executor.submit(scene.graph());
            if moment == "during the run" {
                good.fulfil(vec![batch(&numbers(0..2))]);
                scene.census.wait_for(1);
                end_at(moment);
            }
            let error = run.wait().unwrap_err();
            let state = if kind == "lose" { TaskState::Lost } else { TaskState::Failed };
            let own: Vec<_> = error.report.tasks.iter().filter(|event| event.state == state).collect();
            let [own] = own.as_slice() else { panic!("{:?}", states(&error.report)) };
            assert!(own.partition == 1 && own.started.is_none() && own.attempt == 0, "it never starts: {own:?}");
            for text in [error.to_string(), own.error.as_ref().unwrap().message.clone()] {
                for part in ["leaf `orders`", "partition 1", "\"orders-1\"", "engine local", word] {
                    assert!(text.contains(part), "{text} should name {part:?}");
                }
            }
            assert!(error.report.count(TaskState::UpstreamFailed) > 0);
            drop((promises, executor));
            scene.assert_clean(&error.report);
        }
    }
}

#[test]
fn law_l5_worker_processes_data_that_go_while_they_are_planned_fail_the_run() {
    let (belongings, census) = (Belongings::now(), Census::new());
    let executor = ProcessExecutor::new(census.workers("honest", 2));
    crate::planning::data_that_go_while_they_are_planned(&|graph, heard| {
        executor.clone().with_observer(heard).submit(graph)
    });
    drop(executor);
    census.assert_nobody_left();
    belongings.assert_given_back();
}

#[test]
fn what_cannot_be_sent_runs_in_the_driver() {
    let census = Census::new();
    let executor = ProcessExecutor::new(census.workers("honest", 2));
    let executor = executor.with_work_observer(ObserverRequest::new("witness"));
    let fields = vec![Field::new("pid", DataType::Int64, true), Field::new("n", DataType::Int64, true)];
    let schema = Arc::new(Schema::new(fields));
    let own = schema.clone();
    let function = MapPartitions::new("pids", "1", schema.clone(), move |batches| {
        let pid = |row: Vec<i64>| vec![i64::from(std::process::id()), row[0]];
        let rows: Vec<_> = rows_of(batches).into_iter().map(pid).collect();
        Ok(vec![crate::kernels::batch_of(&own, &rows)])
    });
    let batches = [numbers(0..3), numbers(3..5)].iter().map(|rows| vec![batch(rows)]).collect();
    let leaf = Leaf::Values(Values::new("values", two_columns(), batches));
    let frame = Frame::from_leaf(leaf).unwrap();
    let frame = frame.map_partitions(function.with_traits(ExtensionTraits::ROW_WISE)).unwrap();
    let collected = frame.collect(&Planner::new(Arc::new(CoreFunctions)), &executor).unwrap();
    let pid = i64::from(std::process::id());
    assert_eq!(rows_of(&collected.batches), (0..5).map(|at| vec![pid, at]).collect::<Vec<_>>());
    let here =
        |event: &&leafhold::run::TaskEvent| event.worker.as_deref().is_some_and(|name| name.starts_with("driver-"));
    assert!(collected.report.tasks.iter().filter(here).count() >= 2, "{:?}", collected.report.tasks);
    for event in collected.report.tasks.iter().filter(here) {
        let (context, said) = testimony(&event.observed).unwrap();
        assert_eq!((Some(context.worker), &said["pid"]), (event.worker.clone(), &json!(std::process::id())), "law T4");
    }
    drop(executor);
    census.assert_nobody_left();
    release::drain();
}

#[test]
fn results_are_those_of_threads() {
    let local = leafhold::run::LocalExecutor::new(Arc::new(crate::behaviour::Behaving::default()), 2);
    let mut scene = Scene::shuffle(&partitions());
    let outcome = local.submit(scene.graph()).wait().unwrap();
    let mut again = Scene::shuffle(&partitions());
    let isolated = again.run(ProcessExecutor::new(again.census.workers("honest", 2))).unwrap();
    assert_eq!(rows(&isolated), rows(&outcome));
    assert_eq!(isolated.report.node_rows, outcome.report.node_rows);
    let figures = |report: &RunReport| {
        let figures = report.tasks.iter().map(|event| (event.state, event.rows, event.bytes_in, event.bytes_out));
        figures.collect::<Vec<_>>()
    };
    assert_eq!(figures(&isolated.report), figures(&outcome.report));
}
