//! What an engine that orders tasks itself is given, and when: limits let it skip sources.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use leafhold::lower::{Input, TaskGraph, TaskId, lower};
use leafhold::optimize::Plan;
use leafhold::run::ledger::{Execution, ExecutionEnd, ExecutionResult, Given, Ledger, Sendable};
use leafhold::run::{RunReport, TaskError, TaskState};
use proptest::prelude::*;

use crate::plans::{Builder, numbers};

/// A limit of 5 rows over so many partitions.
fn limited(partitions: usize, fan_in: usize) -> TaskGraph {
    let mut builder = Builder::default();
    let read = builder.values(&(0..partitions as i64).map(|at| numbers(at..at + 1)).collect::<Vec<_>>());
    let limit = builder.limit(&read, 1, 4);
    lower(&Plan { fan_in, ..builder.plan(&limit) }).unwrap()
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn run_of(id: &str) -> Execution {
    Execution { id: id.into(), worker: Some("w".into()), host: None, started: Some(at(1)), ..Execution::default() }
}

fn end(result: ExecutionResult) -> ExecutionEnd {
    ExecutionEnd { ended: at(2), transfer: Duration::ZERO, bytes_in: 0, peak_memory: None, result }
}

fn gave(ledger: &mut Ledger, task: usize, rows: u64) {
    let given = Given { rows, bytes: 8 * rows, node_rows: Vec::new(), peak_execution_memory: None };
    ledger.answered(task, run_of("only"), end(ExecutionResult::Gave(given)), at(3));
}

fn tasks(sendable: &[Sendable]) -> Vec<usize> {
    sendable.iter().map(|sendable| sendable.task).collect()
}

fn close(ledger: Ledger) -> RunReport {
    ledger.close(UNIX_EPOCH, at(9), 2).1
}

#[test]
fn without_limits_all_tasks_are_sent_at_once() {
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..4), numbers(4..8)]);
    let hashed = builder.hashed(&read);
    let graph = lower(&builder.plan(&hashed)).unwrap();
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    assert!(!ledger.has_limits());
    let all: Vec<_> = (0..graph.len()).map(|task| Sendable { task, first: Vec::new() }).collect();
    assert_eq!(ledger.take_sendable(2, at(0)), all);
    assert_eq!(ledger.take_sendable(2, at(0)), []);
}

#[test]
fn a_limit_is_sent_with_the_sources_that_have_enough_and_the_rest_never_is() {
    let graph = limited(40, 100);
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    assert!(ledger.has_limits());
    assert_eq!(tasks(&ledger.take_sendable(3, at(0))), [0, 1, 2]);
    gave(&mut ledger, 0, 2);
    // As many again, when fewer than three are under way; the second one counts first.
    assert_eq!(tasks(&ledger.take_sendable(3, at(0))), [3, 4, 5]);
    gave(&mut ledger, 2, 100);
    assert_eq!(ledger.take_sendable(3, at(0)), []);
    ledger.started(3, run_of("only"), at(3));
    gave(&mut ledger, 1, 3);
    let reader = graph.outputs[0].index();
    assert_eq!(ledger.take_sendable(3, at(0)), [Sendable { task: reader, first: vec![(0, 2)] }]);
    assert_eq!(ledger.take_unneeded(), [3, 4, 5]);
    assert!(ledger.take_unneeded().is_empty());
    gave(&mut ledger, reader, 4);
    ledger.give_up(TaskError::new("not-needed", "the result is there"), false, at(8));
    assert!(ledger.is_over() && !ledger.is_stopping());
    let report = close(ledger);
    assert!(report.is_ok());
    assert_eq!((report.count(TaskState::Ok), report.count(TaskState::Skipped)), (4, 37));
    // What began says so.
    let [tried] = &report.tasks[3].attempts[..] else { panic!("{:?}", report.tasks[3]) };
    assert_eq!((tried.number, tried.started, &*tried.error.message), (1, Some(at(1)), "the result is there"));
}

#[test]
fn a_tree_of_limits_begins_with_its_first_sources() {
    let graph = limited(64, 8);
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    assert_eq!(tasks(&ledger.take_sendable(2, at(0))), [0, 1]);
    gave(&mut ledger, 0, 1);
    assert_eq!(tasks(&ledger.take_sendable(2, at(0))), [2, 3]);
    gave(&mut ledger, 1, 4);
    // The first limit has its rows, and nobody asks for those of another one before it has told how many.
    let first = ledger.take_sendable(2, at(0));
    assert_eq!(first, [Sendable { task: 64, first: vec![(0, 2)] }]);
    gave(&mut ledger, 64, 5);
    let root = graph.outputs[0].index();
    assert_eq!(ledger.take_sendable(2, at(0)), [Sendable { task: root, first: vec![(0, 1)] }]);
    // A wide engine begins with several limits at once.
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    assert_eq!(tasks(&ledger.take_sendable(16, at(0))), (0..16).collect::<Vec<_>>());
}

#[test]
fn what_no_limit_needs_may_stop_or_fail() {
    for result in [ExecutionResult::Stopped, ExecutionResult::Failed(TaskError::new("ValueError", "by then"))] {
        let graph = limited(40, 100);
        let mut ledger = Ledger::new(&graph, 0).unwrap();
        ledger.take_sendable(2, at(0));
        ledger.started(1, run_of("only"), at(1));
        gave(&mut ledger, 0, 5);
        let reader = graph.outputs[0].index();
        assert_eq!(tasks(&ledger.take_sendable(2, at(0))), [reader]);
        ledger.answered(1, run_of("only"), end(result.clone()), at(4));
        assert!(!ledger.is_stopping());
        gave(&mut ledger, reader, 4);
        assert!(ledger.is_over());
        let event = &close(ledger).tasks[1];
        assert_eq!((event.state, event.attempt, event.attempts.len()), (TaskState::Skipped, 1, 1), "{result:?}");
    }
}

#[test]
fn a_limit_of_which_nobody_knows_the_rows_is_sent_with_all_sources() {
    let graph = limited(8, 100);
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    assert_eq!(tasks(&ledger.take_sendable(2, at(0))), [0, 1]);
    ledger.there(0, at(1));
    let all: Vec<usize> = (2..graph.len()).collect();
    let sent = ledger.take_sendable(2, at(0));
    assert_eq!(tasks(&sent), all);
    assert_eq!(sent.last().unwrap().first, [(0, 8)]);
    assert!(ledger.take_unneeded().is_empty());
}

#[test]
fn what_is_heard_of_tasks_that_were_not_sent_is_another_runs() {
    let graph = limited(40, 100);
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    ledger.take_sendable(2, at(0));
    gave(&mut ledger, 7, 100);
    gave(&mut ledger, graph.outputs[0].index(), 4);
    assert_eq!(ledger.take_events(), []);
    gave(&mut ledger, 0, 1);
    gave(&mut ledger, 1, 1);
    assert_eq!(tasks(&ledger.take_sendable(2, at(0))), [2, 3]);
}

#[test]
fn a_cancelled_run_sends_nothing_more() {
    let graph = limited(40, 100);
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    ledger.take_sendable(2, at(0));
    gave(&mut ledger, 0, 9);
    ledger.cancel(at(1));
    assert_eq!(ledger.take_sendable(2, at(2)), []);
    assert_eq!(close(ledger).tasks.len(), graph.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// An engine that runs what it is given in any order, and that is told late, or not how many rows there were.
    #[test]
    fn law_g3_limits_over_limits_are_given_what_they_need(
        (partitions, fan_in, width) in (2..60usize, 2..9usize, 0..5usize),
        dice in prop::collection::vec((any::<prop::sample::Index>(), 0..4u64, 0..20u8), 200),
    ) {
        let graph = limited(partitions, fan_in);
        let mut ledger = Ledger::new(&graph, 0).unwrap();
        let (mut waiting, mut given) = (BTreeSet::new(), BTreeMap::new());
        let (mut sent, mut dice) = (BTreeMap::new(), dice.into_iter().cycle());
        loop {
            for Sendable { task, first } in ledger.take_sendable(width, at(1)) {
                for (slot, sources) in graph.inputs(TaskId::new(task)).enumerate() {
                    let needed = first.iter().find(|(of, _)| *of == slot).map(|(_, count)| *count);
                    let needed = needed.unwrap_or(usize::MAX);
                    let read: Vec<_> = sources
                        .filter_map(|source| match source {
                            Input::Task { task, .. } => Some(task.index()),
                            Input::Leaf(_) => None,
                        })
                        .collect();
                    prop_assert!(read.iter().take(needed).all(|read| sent.contains_key(read)), "producers first");
                    if needed < read.len() {
                        let rows: Option<u64> = read[..needed].iter().map(|read| given[read]).sum();
                        prop_assert!(rows.is_some_and(|rows| rows >= 5), "{} of {}", needed, read.len());
                    }
                }
                prop_assert!(sent.insert(task, ()).is_none(), "each once");
                waiting.insert(task);
            }
            ledger.take_unneeded().into_iter().for_each(|task| { waiting.remove(&task); });
            let Some((which, rows, how)) = dice.next().filter(|_| !waiting.is_empty()) else { break };
            let task = *which.get(&waiting.iter().copied().collect::<Vec<_>>());
            waiting.remove(&task);
            // Now and then nobody says what it gave.
            let known = how > 0;
            given.insert(task, known.then_some(rows));
            match known {
                true => gave(&mut ledger, task, rows),
                false => ledger.there(task, at(3)),
            }
        }
        prop_assert!(graph.outputs.iter().all(|output| sent.contains_key(&output.index())), "the result is made");
        prop_assert!(ledger.is_over());
        let report = close(ledger);
        prop_assert!(report.is_ok());
        prop_assert_eq!(report.tasks.len(), graph.len());
    }
}
