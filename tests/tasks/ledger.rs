//! The driver's book of runs on engines that order tasks themselves.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use leafhold::lower::{TaskGraph, TaskId, lower};
use leafhold::run::ledger::{Execution, ExecutionEnd, ExecutionResult, Given, Ledger};
use leafhold::run::work::Observed;
use leafhold::run::{RunReport, TaskError, TaskEvent, TaskState};
use proptest::prelude::*;

use crate::plans::{Builder, numbers};

/// Two partitions into an exchange: splits, then merges.
pub fn shuffle() -> TaskGraph {
    let mut builder = Builder::default();
    let read = builder.delayed(&[numbers(0..4), numbers(4..8)]);
    let hashed = builder.hashed(&read);
    let projected = builder.project(&hashed, &[1, 0]);
    lower(&builder.plan(&projected)).unwrap()
}

pub fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn run_of(id: &str, worker: &str, started: u64) -> Execution {
    Execution {
        id: id.into(),
        worker: Some(worker.into()),
        host: Some("here".into()),
        started: Some(at(started)),
        observed: Default::default(),
    }
}

pub fn end(ended: u64, result: ExecutionResult) -> ExecutionEnd {
    ExecutionEnd { ended: at(ended), transfer: Duration::ZERO, bytes_in: 8, peak_memory: None, result }
}

pub fn rows(rows: u64) -> ExecutionResult {
    ExecutionResult::Gave(Given {
        rows,
        bytes: 8 * rows,
        node_rows: Vec::new(),
        peak_execution_memory: Some(24 * rows),
    })
}

pub fn failure() -> ExecutionResult {
    ExecutionResult::Failed(TaskError::new("ZeroDivisionError", "by zero").with_trace("line 1"))
}

pub fn close(ledger: Ledger) -> (Vec<TaskEvent>, RunReport) {
    ledger.close(UNIX_EPOCH, at(1_000), 2)
}

/// Runs a task well, from `started` to 5 ms later.
pub fn run(ledger: &mut Ledger, task: usize, started: u64) {
    let execution = run_of("only", "w", started);
    ledger.started(task, execution.clone(), at(started + 1));
    ledger.answered(task, execution, end(started + 5, rows(3)), at(started + 6));
}

pub fn outputs(graph: &TaskGraph) -> Vec<usize> {
    graph.outputs.iter().map(|output| output.index()).collect()
}

pub fn below(graph: &TaskGraph, task: usize) -> Vec<usize> {
    graph.producers(TaskId::new(task)).into_iter().map(TaskId::index).collect()
}

#[test]
fn a_run_in_order_is_told_as_it_was() {
    let graph = shuffle();
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    for task in 0..graph.len() {
        run(&mut ledger, task, 10 * task as u64);
    }
    assert!(ledger.is_over());
    let (events, report) = close(ledger);
    assert_eq!(events, *report.tasks);
    assert!(report.is_ok());
    for (task, event) in report.tasks.iter().enumerate() {
        assert_eq!((event.state, event.attempt, event.rows, event.bytes_in), (TaskState::Ok, 1, 3, 8));
        assert_eq!((event.bytes_out, event.peak_execution_memory), (24, Some(72)));
        assert_eq!(event.started, Some(at(10 * task as u64)));
        assert_eq!(event.duration(), at(5));
        assert!(event.ready <= event.started);
    }
}

#[test]
fn law_t4_what_was_observed_of_an_execution_is_told_with_its_attempt() {
    let graph = shuffle();
    let mut ledger = Ledger::new(&graph, 1).unwrap();
    let said = |what: &str| -> Observed { [("cpu".into(), what.into())].into() };
    let task = 0;
    for (id, observed, result) in [("a", said("first"), failure()), ("b", said("second"), rows(3))] {
        let execution = run_of(id, "w", 1);
        ledger.started(task, execution.clone(), at(1));
        ledger.answered(task, Execution { observed, ..execution }, end(2, result), at(3));
    }
    ledger.started(1, run_of("c", "w", 4), at(4));
    ledger.worker_lost("w", "it died", at(5));
    let (_, report) = close(ledger);
    assert_eq!((&report.tasks[0].observed, &report.tasks[0].attempts[0].observed), (&said("second"), &said("first")));
    assert!(report.tasks[1].started.is_some() && report.tasks[1].observed.is_empty());
}

#[test]
fn what_is_there_already_is_cached_and_what_only_that_reads_is_skipped() {
    let graph = shuffle();
    let (ran, there) = outputs(&graph).split_last().map(|(last, others)| (*last, others.to_vec())).unwrap();
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    // Of what the last output reads, nothing ran; the others were there.
    there.iter().for_each(|output| ledger.there(*output, at(1)));
    run(&mut ledger, ran, 2);
    assert!(ledger.is_over());
    let (_, report) = close(ledger);
    let splits = below(&graph, ran);
    for (task, event) in report.tasks.iter().enumerate() {
        let expected = match task {
            _ if there.contains(&task) || splits.contains(&task) => TaskState::Cached,
            _ if task == ran => TaskState::Ok,
            _ => TaskState::Skipped,
        };
        assert_eq!(event.state, expected, "{task}: {}", event.label);
        assert_eq!(event.started.is_some(), task == ran);
    }
    assert_eq!(report.c_out, Some(0), "there is no join to count");
}

#[test]
fn an_answer_that_died_with_its_worker_is_made_up_for() {
    let graph = shuffle();
    let [first, second, ..] = outputs(&graph)[..] else { panic!("two outputs") };
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    (0..graph.len()).filter(|task| ![first, second].contains(task)).for_each(|task| run(&mut ledger, task, 1));
    ledger.started(first, run_of("a", "w", 20), at(21));
    ledger.there(first, at(30));
    ledger.there(first, at(31));
    run(&mut ledger, second, 40);
    assert!(ledger.is_over());
    let (_, report) = close(ledger);
    assert!(report.is_ok());
    assert_eq!((report.tasks[first].started, report.tasks[first].ended), (Some(at(20)), at(30)));
}

#[test]
fn a_dead_worker_is_an_attempt_that_did_not_count() {
    let graph = shuffle();
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    ledger.started(0, run_of("a", "tcp://h:80/1", 1), at(2));
    ledger.worker_lost("tcp://h:8", "it was removed", at(3));
    ledger.worker_lost("tcp://h:80", "it was removed", at(4));
    assert!(!ledger.is_stopping(), "the engine tries again");
    ledger.started(0, run_of("b", "tcp://h:81", 5), at(6));
    ledger.answered(0, run_of("a", "tcp://h:80/1", 1), end(7, rows(9)), at(7));
    ledger.answered(0, run_of("b", "tcp://h:81", 5), end(8, rows(3)), at(8));
    (1..graph.len()).for_each(|task| run(&mut ledger, task, 10));
    let (_, report) = close(ledger);
    assert!(report.is_ok());
    let event = &report.tasks[0];
    assert_eq!((event.attempt, event.rows, event.worker.as_deref()), (2, 3, Some("tcp://h:81")));
    let [attempt] = &event.attempts[..] else { panic!("one attempt") };
    assert_eq!((attempt.number, attempt.started, attempt.ended), (1, Some(at(1)), at(4)));
    assert!(attempt.error.message.contains("tcp://h:80 is gone: it was removed"), "{}", attempt.error);
}

#[test]
fn a_task_whose_workers_died_too_often_is_lost() {
    let graph = shuffle();
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    ledger.started(0, run_of("a", "w", 1), at(2));
    ledger.worker_lost("w", "it was removed", at(3));
    ledger.task_lost(0, TaskError::new("worker-lost", "4 workers died"), at(4));
    assert!(ledger.is_over(), "nobody else is at work");
    let (_, report) = close(ledger);
    assert_eq!(report.tasks[0].state, TaskState::Lost);
    assert_eq!(report.tasks[0].error.as_ref().unwrap().message, "4 workers died");
    assert_eq!(report.count(TaskState::UpstreamFailed), graph.consumers(TaskId::new(0)).count());
}

#[test]
fn law_t3_an_error_counts_once_the_retries_are_used_up() {
    let graph = shuffle();
    for retries in 0..3 {
        let mut ledger = Ledger::new(&graph, retries).unwrap();
        for number in 0..=u64::from(retries) {
            assert!(!ledger.is_stopping());
            let execution = run_of(&number.to_string(), "w", 10 * number);
            ledger.answered(0, execution, end(10 * number + 1, failure()), at(10 * number + 2));
        }
        assert!(ledger.is_over());
        let (events, report) = close(ledger);
        assert_eq!(events.len(), graph.len());
        let event = &report.tasks[0];
        assert_eq!((event.state, event.attempt), (TaskState::Failed, retries + 1));
        assert_eq!(event.attempts.len() as u32, retries);
        assert_eq!(event.error.as_ref().unwrap().trace.as_deref(), Some("line 1"));
    }
}

#[test]
fn an_engine_that_does_not_try_again_is_believed() {
    let graph = shuffle();
    let mut ledger = Ledger::new(&graph, 5).unwrap();
    ledger.answered(0, run_of("a", "w", 1), end(2, failure()), at(3));
    ledger.failed(outputs(&graph)[0], TaskError::new("ZeroDivisionError", "by zero"), at(4));
    assert!(ledger.is_over());
    let (_, report) = close(ledger);
    assert_eq!(report.tasks[0].state, TaskState::Failed);
    assert_eq!(report.count(TaskState::Failed), 1);
}

#[test]
fn an_error_that_nobody_places_is_the_outputs() {
    let graph = shuffle();
    let output = outputs(&graph)[0];
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    ledger.failed(output, TaskError::new("ModuleNotFoundError", "no leafhold"), at(4));
    assert!(ledger.is_over());
    let (_, report) = close(ledger);
    assert_eq!(report.tasks[output].state, TaskState::Failed);
    assert_eq!(report.tasks[output].error.as_ref().unwrap().kind, "ModuleNotFoundError");
    assert_eq!(report.count(TaskState::Cancelled), graph.len() - 1);
}

#[test]
fn law_l5_a_future_without_data_ends_its_readers() {
    let graph = shuffle();
    for lost in [false, true] {
        let mut ledger = Ledger::new(&graph, 0).unwrap();
        let error = TaskError::new("future-lost", "leaf `t`, partition 0: gone");
        ledger.future(0, Err((error.clone(), lost)), at(1));
        assert!(ledger.is_over());
        let (_, report) = close(ledger);
        let state = if lost { TaskState::Lost } else { TaskState::Failed };
        assert_eq!(report.count(state), 1);
        let reader = report.tasks.iter().find(|event| event.state == state).unwrap();
        assert_eq!((reader.error.as_deref(), reader.started), (Some(&error), None));
    }
}

#[test]
fn what_is_under_way_is_waited_for_or_given_up() {
    let graph = shuffle();
    for lost in [false, true] {
        let mut ledger = Ledger::new(&graph, 0).unwrap();
        ledger.started(0, run_of("a", "w", 1), at(2));
        ledger.started(1, run_of("a", "v", 1), at(2));
        ledger.cancel(at(3));
        assert!(!ledger.is_over());
        ledger.started(2, run_of("a", "w", 3), at(4));
        ledger.answered(0, run_of("a", "w", 1), end(5, ExecutionResult::Stopped), at(5));
        assert!(!ledger.is_over());
        ledger.give_up(TaskError::new("gone", "no answer"), lost, at(6));
        assert!(ledger.is_over());
        let (_, report) = close(ledger);
        let given_up = if lost { TaskState::Lost } else { TaskState::Cancelled };
        assert_eq!((report.tasks[0].state, report.tasks[1].state), (TaskState::Cancelled, given_up));
        assert_eq!(report.tasks[1].error.as_ref().unwrap().kind, "gone");
        assert_eq!(report.tasks[2].attempt, 0, "nothing begins once the run stops");
    }
}

/// Something that a driver may hear.
#[derive(Clone, Debug)]
enum Heard {
    Started(usize, u8),
    Answered(usize, u8, u8),
    Gone(u8),
    RowsLost(usize),
    Future(usize, u8),
    There(usize),
    TaskLost(usize),
    Failed(usize),
    Cancel,
    GiveUp(bool),
}

fn heard() -> impl Strategy<Value = Heard> {
    let task = 0..12usize;
    prop_oneof![
        6 => (task.clone(), 0..3u8).prop_map(|(task, id)| Heard::Started(task, id)),
        8 => (task.clone(), 0..3u8, 0..8u8).prop_map(|(task, id, how)| Heard::Answered(task, id, how)),
        2 => (0..3u8).prop_map(Heard::Gone),
        2 => task.clone().prop_map(Heard::RowsLost),
        3 => (0..4usize, 0..8u8).prop_map(|(future, how)| Heard::Future(future, how)),
        3 => task.clone().prop_map(Heard::There),
        1 => task.clone().prop_map(Heard::TaskLost),
        1 => task.prop_map(Heard::Failed),
        1 => Just(Heard::Cancel),
        1 => any::<bool>().prop_map(Heard::GiveUp),
    ]
}

fn hear(ledger: &mut Ledger, heard: &Heard, now: Duration) {
    let id = |id: u8| run_of(&id.to_string(), ["a", "b", "c"][usize::from(id)], now.as_millis() as u64);
    let error = || TaskError::new("worker-lost", "gone");
    match *heard {
        Heard::Started(task, execution) => ledger.started(task, id(execution), now),
        Heard::Answered(task, execution, how) => {
            let result = match how {
                0 | 1 => failure(),
                2 => ExecutionResult::Stopped,
                _ => rows(1),
            };
            ledger.answered(task, id(execution), end(now.as_millis() as u64, result), now);
        }
        Heard::Gone(worker) => ledger.worker_lost(["a", "b", "c"][usize::from(worker)], "removed", now),
        Heard::RowsLost(task) => ledger.rows_lost(task, "a", "removed", now),
        Heard::Future(future, how) => {
            let result = match how {
                0 | 1 => Err((error(), how == 0)),
                _ => Ok(()),
            };
            ledger.future(future, result, now);
        }
        Heard::There(task) => ledger.there(task, now),
        Heard::TaskLost(task) => ledger.task_lost(task, error(), now),
        Heard::Failed(task) => ledger.failed(task, error(), now),
        Heard::Cancel => ledger.cancel(now),
        Heard::GiveUp(lost) => ledger.give_up(error(), lost, now),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever is heard, in whatever order, how often, and what is not: 4,000 random stories of up to 60 messages.
    #[test]
    fn law_t1_every_task_ends_exactly_once(story in prop::collection::vec(heard(), 0..60), retries in 0..3u32) {
        static GRAPH: LazyLock<TaskGraph> = LazyLock::new(shuffle);
        let graph = &*GRAPH;
        let mut ledger = Ledger::new(graph, retries).unwrap();
        let mut events = Vec::new();
        for (number, message) in story.iter().enumerate() {
            hear(&mut ledger, message, at(number as u64));
            let over = ledger.is_over();
            events.extend(ledger.take_events());
            prop_assert_eq!(over, events.len() == graph.len());
            if matches!(message, Heard::GiveUp(_)) {
                prop_assert!(over, "a run that is given up is over");
            }
        }
        let (last, report) = close(ledger);
        events.extend(last);
        events.sort_by_key(|event| event.task);
        prop_assert_eq!(events.len(), report.tasks.len());
        for (told, event) in events.iter().zip(&*report.tasks) {
            // Rows that were lost after that was told, and made again: what was told is an attempt.
            let lost = event.attempts.iter().find(|attempt| attempt.number == told.attempt);
            match lost.filter(|lost| lost.error.kind == "rows-lost") {
                Some(lost) => {
                    prop_assert_eq!((&lost.worker, lost.started, lost.ended), (&told.worker, told.started, told.ended));
                    prop_assert_eq!((event.task, event.state), (told.task, told.state));
                }
                None => prop_assert_eq!(event, told),
            }
        }
        prop_assert_eq!(events.len(), graph.len());
        for (task, event) in report.tasks.iter().enumerate() {
            prop_assert_eq!(event.task, task);
            prop_assert!(event.started.is_none_or(|started| started <= event.ended));
            // Of what was skipped after it began, no attempt counts; nor of what was to be run again when rows were gone.
            let gone = event.error.as_ref().is_some_and(|error| error.message.starts_with("the rows of `"));
            let counts = event.attempt > 0 && event.state != TaskState::Skipped && !gone;
            prop_assert_eq!(event.attempt as usize, event.attempts.len() + usize::from(counts));
            prop_assert!(event.state != TaskState::Cached || event.attempt == 0, "{:?}", event);
            if event.state == TaskState::Ok {
                let read = below(graph, task);
                prop_assert!(read.iter().all(|read| report.tasks[*read].state.is_well()), "{:?}", event);
            }
            if event.state == TaskState::UpstreamFailed {
                let read = below(graph, task);
                prop_assert!(read.iter().any(|read| report.tasks[*read].state.is_failure()), "{:?}", event);
            }
        }
    }
}
