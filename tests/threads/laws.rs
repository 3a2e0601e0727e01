//! The laws of telemetry and of live data, on threads.

use std::sync::Arc;
use std::time::Duration;

use leafhold::leaf::{FutureErrorKind, Promise};
use leafhold::lower::lower;
use leafhold::optimize::Partitioning;
use leafhold::run::{Executor, ExecutorOptions, LocalExecutor, Observer, RunCause, RunReport, TaskEvent, TaskState};
use parking_lot::Mutex;

use crate::behaviour::{FAILS, PANICS, SLEEPS};
use crate::kernels::{RowKernels, rows_of};
use crate::plans::{Builder, batch, numbers};
use crate::scene::{Belongings, Scene, partitions, partitions_with, rows, shuffled, states};

#[test]
fn law_t1_threads_every_planned_task_has_one_terminal_event() {
    for row in [[1, 1], [FAILS, 1], [PANICS, 1], [SLEEPS, 1]] {
        for threads in [1, 2, 4] {
            for retries in [0, 1] {
                let mut scene = Scene::shuffle(&partitions_with(row));
                let options = ExecutorOptions::default().with_retries(retries).with_failures_retried();
                let result = scene.run(threads, options);
                assert_eq!(result.is_ok(), [1, SLEEPS].contains(&row[0]));
                let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
                scene.assert_clean(report);
            }
        }
    }
}

#[test]
fn law_t2_threads_a_node_that_sleeps_two_seconds_is_recorded_with_that() {
    let mut ran = Duration::MAX;
    // A machine with other work may wake a sleeper late; not each of three times.
    for _ in 0..3 {
        let mut builder = Builder::default();
        let read = builder.delayed(&[vec![vec![SLEEPS, 2000]]]);
        let project = builder.project(&read, &[1]);
        let mut scene = Scene::of(builder, &project);
        drop((read, project));
        let outcome = scene.run(1, ExecutorOptions::default()).unwrap();
        let [event] = &*outcome.report.tasks else { panic!("{:?}", outcome.report.tasks) };
        let started = event.started.unwrap();
        assert!(event.ready.unwrap() <= started && event.ended <= outcome.report.wall, "{event:?}");
        assert_eq!((event.worker.as_deref(), event.attempt), (Some("local-0"), 1));
        assert!(event.duration() >= Duration::from_secs(2));
        ran = ran.min(event.duration());
        scene.assert_clean(&outcome.report);
        if ran <= Duration::from_millis(2200) {
            return;
        }
    }
    panic!("{ran:?}");
}

#[test]
fn law_t3_threads_a_run_that_fails_returns_its_report() {
    for (row, kind) in [([PANICS, 3], "panic"), ([FAILS, 3], "compute")] {
        let mut scene = Scene::shuffle(&partitions_with(row));
        let error = scene.run(1, ExecutorOptions::default()).unwrap_err();
        let failed: Vec<_> = error.report.tasks.iter().filter(|event| event.state == TaskState::Failed).collect();
        let [failed] = failed.as_slice() else { panic!("{:?}", states(&error.report)) };
        assert_eq!(failed.partition, 2);
        let told = failed.error.as_ref().unwrap();
        assert_eq!(told.kind, kind);
        assert!(told.trace.as_ref().unwrap().contains("behaviour.rs"), "{told:?}");
        assert!(error.cause.to_string().ends_with(&told.message), "{told:?}");
        // Everything that reads it, and nothing else, which the scene looks at.
        assert!(error.report.count(TaskState::UpstreamFailed) >= 3, "{:?}", states(&error.report));
        assert!(error.report.tasks.iter().all(|event| event.state != TaskState::Ok || event.rows > 0));
        scene.assert_clean(&error.report);
    }
}

#[test]
fn law_t4_threads_observers_hear_every_event_once_and_in_between() {
    #[derive(Default)]
    struct Order(Mutex<Vec<String>>);
    impl Observer for Order {
        fn on_submit(&self, _: &leafhold::run::Submitted) {
            self.0.lock().push("submit".into());
        }
        fn on_event(&self, event: &TaskEvent) {
            self.0.lock().push(format!("task {}", event.task));
            panic!("an observer that panics harms nobody");
        }
        fn on_finish(&self, report: &RunReport) {
            self.0.lock().push(format!("finish {}", report.tasks.len()));
        }
    }
    for row in [[1, 1], [FAILS, 1]] {
        let mut scene = Scene::shuffle(&partitions_with(row));
        let order = Arc::new(Order::default());
        let result = scene.run(2, ExecutorOptions::default().with_observer(order.clone()));
        assert_eq!(result.is_ok(), row[0] == 1);
        let heard = order.0.lock().clone();
        assert_eq!((heard[0].as_str(), heard.len()), ("submit", scene.tasks + 2));
        assert_eq!(*heard.last().unwrap(), format!("finish {}", scene.tasks));
        let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
        scene.assert_clean(report);
    }
}

/// How a future ends, and when: before the plan is lowered, before it runs, while it runs.
#[test]
fn law_l5_threads_a_future_that_gives_nothing_fails_the_run_whenever_it_happens() {
    type End = (FutureErrorKind, &'static str, fn(Promise));
    let ends: [End; 3] = [
        (FutureErrorKind::Failed, "failed: no luck", |promise| promise.fail("no luck")),
        (FutureErrorKind::Cancelled, "was cancelled", |promise| promise.cancel()),
        (FutureErrorKind::Lost, "was lost", drop),
    ];
    for (kind, words, end) in ends {
        for moment in 0..3 {
            let mut builder = Builder::default();
            let (read, mut promises) = builder.pending("orders", 3);
            let sorted = shuffled(&builder, &read);
            drop(read);
            let mut last = promises.pop();
            let mut at = |now: usize| {
                if now == moment {
                    last.take().into_iter().for_each(end);
                }
            };
            at(0);
            let mut scene = Scene::of(builder, &sorted);
            drop(sorted);
            at(1);
            let executor = LocalExecutor::new(Arc::new(RowKernels::default()), 2).with_observer(scene.heard.clone());
            let run = executor.submit(scene.graph());
            promises.into_iter().for_each(|promise| promise.fulfil(vec![batch(&numbers(0..3))]));
            at(2);
            let error = run.wait().unwrap_err();
            let RunCause::Future { leaf, partition, source, .. } = &error.cause else { panic!("{error}") };
            assert_eq!((leaf.as_str(), *partition, source.kind), ("orders", 2, kind));
            let state = if kind == FutureErrorKind::Lost { TaskState::Lost } else { TaskState::Failed };
            let own: Vec<_> = error.report.tasks.iter().filter(|event| event.state == state).collect();
            let [own] = own.as_slice() else { panic!("{:?}", states(&error.report)) };
            assert!(own.started.is_none() && own.attempt == 0, "{own:?}");
            for text in [error.to_string(), own.error.as_ref().unwrap().message.clone()] {
                for part in ["leaf `orders`", "partition 2", "\"orders-2\"", "engine local", words] {
                    assert!(text.contains(part), "{text} should name {part:?}");
                }
            }
            assert!(error.report.count(TaskState::UpstreamFailed) >= 1);
            drop(executor);
            scene.assert_clean(&error.report);
        }
    }
}

#[test]
fn law_l5_threads_data_that_go_while_they_are_planned_fail_the_run() {
    let belongings = Belongings::now();
    let executor = LocalExecutor::new(Arc::new(RowKernels::default()), 2);
    crate::planning::data_that_go_while_they_are_planned(&|graph, heard| {
        executor.clone().with_observer(heard).submit(graph)
    });
    drop(executor);
    belongings.assert_given_back();
}

#[test]
fn law_l5_threads_all_above_a_failure_is_upstream_failed_in_graphs_too_large_for_a_report() {
    let mut partitions: Vec<_> = (0..110).map(|at| numbers(at * 2..at * 2 + 2)).collect();
    partitions[70].push(vec![FAILS, 1]);
    let mut scene = Scene::shuffle_all(&partitions);
    let error = scene.run(2, ExecutorOptions::default()).unwrap_err();
    let flows = &error.report.flows;
    assert!(!flows.complete && flows.pairs.len() as u64 + flows.left_out >= 110 * 110, "{}", flows.left_out);
    assert_eq!(error.report.count(TaskState::UpstreamFailed), 111, "{:?}", states(&error.report));
    scene.assert_clean(&error.report);
}

#[test]
fn law_l1_l2_threads_a_task_that_is_tried_again_still_has_its_futures() {
    let mut builder = Builder::default();
    let counts = builder.counts.clone();
    let read = builder.delayed(&partitions());
    let single = builder.exchange(&read, Partitioning::Single);
    let graph = lower(&builder.plan(&single)).unwrap();
    drop((read, single));
    let kernels = Arc::new(crate::retries::Unlucky::new(2));
    let executor =
        LocalExecutor::new(kernels, 2).with_options(ExecutorOptions::default().with_retries(2).with_failures_retried());
    let outcome = executor.submit(graph).wait().unwrap();
    let rows: Vec<_> = rows(&outcome);
    assert_eq!(rows.len(), 24);
    assert_eq!(rows_of(&outcome.partitions[0]).len(), 24);
    assert_eq!(counts.live(), 0);
}
