use arrow_array::{Int64Array, RecordBatch};

use super::*;
use crate::expr::{CoreFunctions, Frame, col};
use crate::lower::{TaskGraph, lower};
use crate::optimize::Planner;
use crate::run::ExecutorOptions;
use crate::run::event_log::EventLog;
use crate::run::report::TaskEvents;
use crate::run::reuse::Reuse;

/// Partitions that are read, and merged.
fn graph() -> TaskGraph {
    let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from_iter_values(0..3)) as _)]).unwrap();
    let values = crate::leaf::Values::new("t", batch.schema(), vec![vec![batch.clone()], vec![batch]]);
    let frame = Frame::from_leaf(crate::leaf::Leaf::Values(values)).unwrap().sort([col("a").asc()]).unwrap();
    lower(&Planner::new(Arc::new(CoreFunctions)).plan(frame.expr()).unwrap()).unwrap()
}

#[test]
fn a_task_that_stops_while_a_cancellation_is_on_its_way_is_cancelled() {
    let mut after = Aftermath::default();
    let (options, memory) = (ExecutorOptions::default(), MemoryBudget::default());
    let mut schedule = Schedule::new(graph(), &options, memory, &Reuse::default(), &mut after);
    let Some(Job::Attempt(attempt)) = schedule.take(0, |_| false) else { panic!("a partition can be read") };
    // Another slot has taken the request, and not passed it on, when the task has heard and stopped.
    schedule.cancel_asked = true;
    assert!(matches!(schedule.take(1, |_| false), Some(Job::Cancel)));
    let ran = Ran { worker: Some("local-0".into()), started: Some(Duration::ZERO), ..Ran::default() };
    schedule.complete(attempt.task, attempt.number, ran, Finished::Cancelled, &mut after);
    schedule.cancel(Duration::from_micros(1), &mut after);
    assert!(schedule.is_over());
    let now = Duration::from_micros(2);
    let log = EventLog::new(&schedule.report.stages, schedule.graph.len(), 2);
    log.record(0, &after.ended);
    assert!(log.missing().is_empty());
    let tasks = TaskEvents::recorded(log.take());
    schedule.finish(tasks, std::time::UNIX_EPOCH, now, 2, &mut after);
    let error = schedule.result.take().unwrap().unwrap_err();
    assert_eq!(error.cause, RunCause::Cancelled);
    let states: Vec<TaskState> = error.report.tasks.iter().map(|event| event.state).collect();
    assert_eq!(states, vec![TaskState::Cancelled; states.len()]);
    assert!(states.len() > 2, "{states:?}");
}
