//! All graphs of up to three tasks, under all orders of all messages: every state that can be reached is visited, and
//! every message tried in it.

use std::collections::HashSet;

use leafhold::run::lifecycle::{Message, Phase, Resource};

use crate::world::{ANSWERS, Shape, World};

/// Graphs of so many tasks: every set of edges, with and without a future that some of the tasks read.
fn shapes(tasks: usize) -> Vec<Shape> {
    let pairs: Vec<(usize, usize)> = (0..tasks).flat_map(|to| (0..to).map(move |from| (from, to))).collect();
    let mut shapes = Vec::new();
    for edges in 0..1usize << pairs.len() {
        for readers in 0..1usize << tasks.min(2) {
            let read = |task: usize| {
                let ports = pairs.iter().enumerate().filter(move |(at, (_, to))| edges >> at & 1 == 1 && *to == task);
                let ports = ports.map(|(_, (from, _))| Resource::Port { task: *from, port: 0 });
                let future = (task < 2 && readers >> task & 1 == 1).then_some(Resource::Future(0));
                ports.chain(future).collect()
            };
            let futures = usize::from(readers > 0);
            shapes.push(Shape {
                tasks: (0..tasks).map(|at| (1, read(at))).collect(),
                futures,
                outputs: vec![tasks - 1],
            });
        }
    }
    shapes
}

/// Every message that could be sent: of current attempts, of the one before, and of tasks that nobody works on.
fn messages(world: &World) -> Vec<Message> {
    let mut messages = vec![Message::Cancel];
    for future in 0..world.resolved.len() {
        messages.push(Message::Resolved { future });
        messages.extend([true, false].map(|lost| Message::FutureFailed { future, lost }));
    }
    for task in 0..world.tasks() {
        messages.extend([Message::Cached { task }, Message::Unneeded { task }]);
        let current = world.life.attempt(task);
        for attempt in current.saturating_sub(1)..=current {
            messages.push(Message::Started { task, attempt });
            messages.push(Message::Lost { task, attempt });
            messages.extend(ANSWERS.map(|answer| Message::Answered { task, attempt, answer }));
        }
    }
    messages
}

/// Visits every state. From each, the run can still end. With `early`, tasks may be submitted before what they read is
/// there.
fn explore(shape: &Shape, retries: u32, early: bool, steps: &mut u64) -> usize {
    let mut seen = HashSet::new();
    let mut open = vec![World::new(shape, retries)];
    while let Some(world) = open.pop() {
        if seen.contains(&world) {
            continue;
        }
        let mut next = Vec::new();
        for task in 0..world.tasks() {
            let mut given = world.clone();
            if (early || world.life.phase(task) != Phase::Waiting) && given.submit(task).is_ok() {
                next.push(given);
            }
        }
        for message in messages(&world) {
            let mut told = world.clone();
            *steps += 1;
            if told.send(message) {
                next.push(told);
            }
        }
        assert!(world.over || !next.is_empty(), "the run cannot end: {world:?}");
        assert!(!world.over || next.is_empty(), "something follows the end: {world:?}");
        open.extend(next);
        seen.insert(world);
    }
    assert!(seen.iter().any(|world| world.over));
    seen.len()
}

#[test]
fn law_t1_all_orders_of_all_messages_on_graphs_of_two_tasks() {
    let (mut states, mut steps) = (0, 0);
    for shape in shapes(1).iter().chain(&shapes(2)) {
        for retries in 0..=2 {
            states += explore(shape, retries, true, &mut steps);
        }
    }
    assert!(states > 1_000 && steps > 10_000, "{states} states, {steps} steps");
}

#[test]
fn law_t1_all_orders_of_all_messages_on_graphs_of_three_tasks() {
    let (mut states, mut steps) = (0, 0);
    for shape in shapes(3) {
        states += explore(&shape, 1, false, &mut steps);
    }
    assert!(states > 10_000 && steps > 100_000, "{states} states, {steps} steps");
}

#[test]
fn a_run_without_tasks_is_over_at_once() {
    let world = World::new(&Shape::default(), 0);
    assert!(world.over && world.life.is_well());
}

#[test]
fn an_index_that_is_none_is_ignored() {
    let mut world = World::new(&Shape { tasks: vec![(1, Vec::new())], futures: 0, outputs: vec![0] }, 0);
    for message in [
        Message::Resolved { future: 0 },
        Message::Lost { task: 1, attempt: 0 },
        Message::Cached { task: 9 },
        Message::Answered { task: 0, attempt: 0, answer: ANSWERS[0] },
    ] {
        assert!(!world.send(message), "{message:?}");
    }
    assert!(world.submit(1).is_err());
    assert_eq!(world.life.phase(0), Phase::Ready);
}
