//! Rows and data that go after they were there, and what the driver's book makes of it.

use leafhold::lower::{TaskGraph, lower};
use leafhold::run::ledger::{ExecutionResult, Ledger};
use leafhold::run::{TaskError, TaskState};

use crate::ledger::{at, below, close, end, failure, outputs, rows, run, run_of, shuffle};
use crate::plans::{Builder, numbers};

/// Everything but the outputs, on the worker `w`.
fn run_splits(ledger: &mut Ledger, graph: &TaskGraph) {
    let outputs = outputs(graph);
    (0..graph.len()).filter(|task| !outputs.contains(task)).for_each(|task| run(ledger, task, 1));
}

/// A split that both outputs read.
fn split(graph: &TaskGraph) -> usize {
    below(graph, outputs(graph)[0])[0]
}

#[test]
fn rows_that_were_lost_and_made_again_are_an_attempt_that_did_not_count() {
    let graph = shuffle();
    let split = split(&graph);
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    run_splits(&mut ledger, &graph);
    let told = ledger.take_events();
    ledger.worker_lost("w", "it left", at(20));
    ledger.rows_lost(split, "w", "it left", at(20));
    // A worker that dies while it makes them again is one more.
    ledger.started(split, run_of("again", "v", 21), at(22));
    ledger.worker_lost("v", "it left", at(23));
    ledger.started(split, run_of("and again", "u", 24), at(25));
    ledger.answered(split, run_of("and again", "u", 24), end(30, rows(4)), at(31));
    // What is heard late, and what another run does with rows that nobody lost, is nothing.
    ledger.answered(split, run_of("again", "v", 21), end(32, rows(9)), at(32));
    ledger.answered(split, run_of("another run's", "u", 33), end(34, rows(9)), at(34));
    outputs(&graph).into_iter().for_each(|output| run(&mut ledger, output, 40));
    assert!(ledger.is_over());
    let (last, report) = close(ledger);
    assert!(report.is_ok() && told.len() + last.len() == graph.len());
    let event = &report.tasks[split];
    assert_eq!((event.state, event.attempt), (TaskState::Ok, 3));
    assert_eq!((event.rows, event.bytes_out, event.peak_execution_memory), (4, 32, Some(96)));
    assert_eq!((event.worker.as_deref(), event.started, event.ended), (Some("u"), Some(at(24)), at(30)));
    assert_eq!(event.ready, Some(at(20)));
    let [lost, died] = &event.attempts[..] else { panic!("{:?}", event.attempts) };
    // As it was told.
    let first = told.iter().find(|event| event.task == split).unwrap();
    assert_eq!((lost.number, lost.started, lost.ended), (first.attempt, first.started, first.ended));
    assert_eq!((lost.error.kind.as_str(), lost.worker.as_deref()), ("rows-lost", Some("w")));
    assert_eq!((died.number, died.error.kind.as_str()), (2, "worker-lost"));
    let others = report.tasks.iter().filter(|event| event.task != split);
    assert!(others.clone().all(|event| event.attempt == 1 && event.attempts.is_empty()));
}

#[test]
fn rows_that_were_let_go_and_are_needed_again_are_told_with_what_was_lost() {
    let mut builder = Builder::default();
    let read = builder.delayed(&[numbers(0..4), numbers(4..8)]);
    let first = builder.hashed(&read);
    let sum = builder.project(&first, &[1, 0]);
    let second = builder.hashed(&sum);
    let last = builder.project(&second, &[1, 0]);
    let graph = lower(&builder.plan(&last)).unwrap();
    let output = outputs(&graph)[0];
    let middle = below(&graph, output)[0];
    let lowest = below(&graph, middle)[0];
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    run_splits(&mut ledger, &graph);
    ledger.rows_lost(middle, "w", "it left", at(20));
    for task in [lowest, middle] {
        ledger.answered(task, run_of("again", "v", 21), end(22, rows(3)), at(23));
    }
    outputs(&graph).into_iter().for_each(|output| run(&mut ledger, output, 40));
    let (_, report) = close(ledger);
    assert!(report.is_ok());
    for (task, words) in [(lowest, "let go"), (middle, "are gone with the worker w")] {
        let event = &report.tasks[task];
        assert_eq!((event.attempt, event.worker.as_deref()), (2, Some("v")));
        assert!(event.attempts[0].error.message.contains(words), "{:?}", event.attempts);
    }
}

#[test]
fn rows_that_nobody_reads_any_more_are_no_loss() {
    let graph = shuffle();
    let split = split(&graph);
    let mut ledger = Ledger::new(&graph, 0).unwrap();
    (0..graph.len()).for_each(|task| run(&mut ledger, task, 1));
    ledger.rows_lost(split, "w", "it left", at(20));
    ledger.answered(split, run_of("another run's", "v", 21), end(22, rows(3)), at(23));
    let (_, report) = close(ledger);
    assert_eq!((report.tasks[split].attempt, report.tasks[split].attempts.len()), (1, 0));
}

#[test]
fn law_l5_rows_that_nobody_can_make_again_end_their_readers() {
    let graph = shuffle();
    let split = split(&graph);
    let gone = || TaskError::new("future-lost", "leaf `t`, partition 0: gone");
    type Lose = fn(&mut Ledger, usize);
    let loses: [(Lose, TaskState, &str); 5] = [
        // Making them again raises an error, and nobody tries any more.
        (
            |book, split| book.answered(split, run_of("b", "v", 21), end(22, failure()), at(23)),
            TaskState::Failed,
            "by zero",
        ),
        (
            |book, split| book.task_lost(split, TaskError::new("worker-lost", "4 died"), at(23)),
            TaskState::Lost,
            "4 died",
        ),
        // What they were made of is gone, too.
        (
            |book, _| assert!(book.future(0, Err((TaskError::new("future-lost", "gone"), true)), at(23))),
            TaskState::Lost,
            "gone",
        ),
        (|book, _| assert!(book.future(0, Err((failed(), false)), at(23))), TaskState::Failed, "by zero"),
        // The engine says so of an output alone.
        (
            |book, split| {
                book.answered(split, run_of("b", "v", 21), end(22, failure()), at(23));
                book.failed(book.stages().len(), TaskError::new("unplaced", "somewhere"), at(24));
            },
            TaskState::Failed,
            "by zero",
        ),
    ];
    for (at_end, (lose, state, words)) in loses.into_iter().enumerate() {
        // The last one has a retry left, of which nothing is heard.
        let mut ledger = Ledger::new(&graph, u32::from(at_end == 4)).unwrap();
        for future in 0..2 {
            ledger.future(future, Ok(()), at(0));
        }
        run_splits(&mut ledger, &graph);
        assert!(!ledger.future(0, Err((gone(), true)), at(19)), "its rows are there");
        ledger.rows_lost(split, "w", "it left", at(20));
        lose(&mut ledger, split);
        assert!(ledger.is_over());
        let (events, report) = close(ledger);
        assert_eq!(events.len(), graph.len());
        assert_eq!((report.tasks[split].state, report.tasks[split].attempt), (TaskState::Ok, 1));
        for output in outputs(&graph) {
            let event = &report.tasks[output];
            let said = &event.error.as_ref().unwrap().message;
            assert_eq!((event.state, event.attempt), (state, 0), "{event:?}");
            assert!(said.contains("partition 0, are gone: ") && said.contains(words), "{said}");
        }
    }
}

#[test]
fn law_l5_data_that_go_after_they_were_there_end_who_has_not_read_them() {
    let graph = shuffle();
    for lost in [false, true] {
        let mut ledger = Ledger::new(&graph, 0).unwrap();
        ledger.future(0, Ok(()), at(1));
        let error = TaskError::new("future-lost", "leaf `t`, partition 0: gone");
        assert!(ledger.future(0, Err((error.clone(), lost)), at(2)));
        let (_, report) = close(ledger);
        let state = if lost { TaskState::Lost } else { TaskState::Failed };
        let reader = report.tasks.iter().find(|event| event.state == state).unwrap();
        assert_eq!((reader.error.as_deref(), reader.started), (Some(&error), None));
        assert!(report.count(TaskState::UpstreamFailed) > 0);
        // Whoever works has read them.
        let mut ledger = Ledger::new(&graph, 0).unwrap();
        ledger.started(reader.task, run_of("a", "w", 1), at(1));
        assert!(!ledger.future(0, Err((error.clone(), lost)), at(2)));
        assert!(!ledger.is_stopping());
    }
}

fn failed() -> TaskError {
    TaskError::new("ZeroDivisionError", "by zero")
}

/// A book in which the rows of a split are lost at 20 ms, and an execution makes them again from 24 ms on.
fn remaking(graph: &TaskGraph, split: usize) -> Ledger {
    let mut ledger = Ledger::new(graph, 0).unwrap();
    run_splits(&mut ledger, graph);
    ledger.worker_lost("w", "it left", at(20));
    ledger.rows_lost(split, "w", "it left", at(20));
    ledger.started(split, run_of("again", "v", 24), at(25));
    ledger
}

#[test]
fn who_read_rows_before_they_were_lost_does_not_say_that_they_are_there_again() {
    let graph = shuffle();
    let split = split(&graph);
    let [reader, ref others @ ..] = outputs(&graph)[..] else { panic!("two outputs") };
    // Before the loss; before the execution that makes them again; after both, so its rows are there.
    for (began, ended) in [(19, 30), (22, 30), (26, 26)] {
        let mut ledger = remaking(&graph, split);
        ledger.started(reader, run_of("late", "u", began), at(27));
        ledger.answered(split, run_of("again", "v", 24), end(30, rows(3)), at(31));
        ledger.answered(reader, run_of("late", "u", began), end(32, rows(3)), at(33));
        others.iter().for_each(|other| run(&mut ledger, *other, 40));
        let (_, report) = close(ledger);
        assert!(report.is_ok());
        let event = &report.tasks[split];
        assert_eq!((event.attempt, event.started, event.ended), (2, Some(at(24)), at(ended)), "{began}");
    }
}

#[test]
fn law_l5_a_remaking_that_fails_after_a_late_word_ends_who_has_not_read_the_rows() {
    let graph = shuffle();
    let split = split(&graph);
    let [reader, other, ..] = outputs(&graph)[..] else { panic!("two outputs") };
    let mut ledger = remaking(&graph, split);
    ledger.started(reader, run_of("late", "u", 19), at(27));
    ledger.answered(split, run_of("again", "v", 24), end(30, failure()), at(31));
    ledger.failed(other, TaskError::new("unplaced", "somewhere"), at(32));
    ledger.answered(reader, run_of("late", "u", 19), end(33, rows(3)), at(34));
    assert!(ledger.is_over());
    let (_, report) = close(ledger);
    assert_eq!([split, reader].map(|task| report.tasks[task].state), [TaskState::Ok; 2]);
    let event = &report.tasks[other];
    let error = event.error.as_ref().unwrap();
    assert_eq!((event.state, error.trace.as_deref()), (TaskState::Failed, Some("line 1")));
    assert!(error.message.contains("partition 0, are gone: by zero"), "{error}");
}

#[test]
fn law_l5_rows_that_nobody_can_make_again_end_who_is_to_read_them_a_second_time() {
    let graph = shuffle();
    let split = split(&graph);
    for lost in [false, true] {
        let mut ledger = Ledger::new(&graph, 0).unwrap();
        run_splits(&mut ledger, &graph);
        let [died, stopped, ..] = outputs(&graph)[..] else { panic!("two outputs") };
        ledger.started(died, run_of("a", "w", 10), at(11));
        ledger.started(stopped, run_of("a", "u", 10), at(11));
        ledger.answered(stopped, run_of("a", "u", 10), end(15, ExecutionResult::Stopped), at(16));
        ledger.worker_lost("w", "it left", at(20));
        ledger.rows_lost(split, "w", "it left", at(20));
        match lost {
            true => ledger.task_lost(split, TaskError::new("worker-lost", "4 died"), at(23)),
            false => ledger.answered(split, run_of("b", "v", 21), end(22, failure()), at(23)),
        }
        assert!(ledger.is_over(), "nobody is at work");
        let (_, report) = close(ledger);
        assert_eq!(report.tasks[split].state, TaskState::Ok);
        let (state, words) = if lost { (TaskState::Lost, "4 died") } else { (TaskState::Failed, "by zero") };
        for (reader, kind) in [(died, "worker-lost"), (stopped, "stopped")] {
            let event = &report.tasks[reader];
            assert_eq!((event.state, event.started, event.attempt), (state, None, 1), "{event:?}");
            let error = event.error.as_ref().unwrap();
            assert!(error.message.contains(&format!("are gone: {words}")), "{error}");
            assert_eq!(error.trace.is_some(), !lost);
            let [attempt] = &event.attempts[..] else { panic!("{:?}", event.attempts) };
            assert_eq!((attempt.error.kind.as_str(), attempt.started), (kind, Some(at(10))));
        }
    }
}
