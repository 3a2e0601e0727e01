//! All graphs of up to three tasks, under all orders of all messages: every state that can be reached is visited, and
//! every message tried in it. Each test says of which graphs: what three tasks can do in every way at once takes too long.

use leafhold::run::lifecycle::{Message, Phase, Resource};
use rustc_hash::FxHashSet;

use crate::world::{ANSWERS, Shape, World};

/// All graphs of so many tasks, each of so many ports: every set of edges, every set of readers of each future, and every set
/// of tasks that are the result.
fn shapes(tasks: usize, ports: usize, futures: usize) -> Vec<Shape> {
    let resources = |reader: usize| {
        let ports = (0..reader).flat_map(move |task| (0..ports).map(move |port| Resource::Port { task, port }));
        ports.chain((0..futures).map(Resource::Future))
    };
    let edges: Vec<_> = (0..tasks).flat_map(|reader| resources(reader).map(move |read| (reader, read))).collect();
    let has = |set: usize, at: usize| set >> at & 1 == 1;
    let mut shapes = Vec::new();
    for drawn in 0..1usize << edges.len() {
        let drawn = edges.iter().enumerate().filter(|(at, _)| has(drawn, *at)).map(|(_, edge)| *edge);
        let mut reads = vec![(ports, Vec::new()); tasks];
        drawn.for_each(|(reader, read)| reads[reader].1.push(read));
        let outputs = (1..1usize << tasks).map(|set| (0..tasks).filter(|task| has(set, *task)).collect());
        shapes.extend(outputs.map(|outputs| Shape { tasks: reads.clone(), futures, outputs }));
    }
    shapes
}

/// Those whose result is the last task.
fn with_one_output(mut shapes: Vec<Shape>) -> Vec<Shape> {
    shapes.retain(|shape| shape.outputs == [shape.tasks.len() - 1]);
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
        messages.extend([true, false].map(|lost| Message::RowsGone { task, lost }));
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
    let first = World::new(shape, retries);
    let mut seen = FxHashSet::from_iter([first.clone()]);
    let mut open = vec![first];
    while let Some(world) = open.pop() {
        let mut next = Vec::new();
        for task in (0..world.tasks()).filter(|task| early || world.life.phase(*task) != Phase::Waiting) {
            let mut given = world.clone();
            if given.submit(task).is_ok() {
                next.push(given);
            }
        }
        let mut told = world.clone();
        for message in messages(&world) {
            *steps += 1;
            match told.tell(message) {
                true => next.push(std::mem::replace(&mut told, world.clone())),
                false => assert!(told.life == world.life, "{message:?} was ignored, and changed something"),
            }
        }
        assert!(world.over || !next.is_empty(), "the run cannot end: {world:?}");
        assert!(!world.over || next.is_empty(), "something follows the end: {world:?}");
        for world in next {
            if !seen.contains(&world) {
                seen.insert(world.clone());
                open.push(world);
            }
        }
    }
    assert!(seen.iter().any(|world| world.over));
    seen.len()
}

/// Visits every state of every one of these graphs, which are so many.
fn explore_all(shapes: &[Shape], count: usize, retries: u32, early: bool) {
    assert_eq!(shapes.len(), count);
    let (mut states, mut steps) = (0, 0);
    for shape in shapes {
        states += explore(shape, retries, early, &mut steps);
    }
    assert!(states > 10 * shapes.len() && steps > 10 * states as u64, "{states} states, {steps} steps");
}

#[test]
fn law_t1_all_orders_of_all_messages_on_all_graphs_of_two_tasks() {
    for retries in 0..=2 {
        for futures in 0..=1 {
            for ports in 1..=2 {
                explore_all(&shapes(1, ports, futures), 1 << futures, retries, true);
                let edges = ports + 2 * futures;
                explore_all(&shapes(2, ports, futures), 3 << edges, retries, true);
            }
        }
    }
}

#[test]
fn law_t1_all_orders_of_all_messages_on_all_graphs_of_two_tasks_and_two_futures() {
    explore_all(&shapes(2, 1, 2), 3 << 5, 1, true);
}

#[test]
fn law_t1_all_orders_of_all_messages_on_all_graphs_of_three_tasks() {
    explore_all(&shapes(3, 1, 1), 7 << 6, 0, false);
}

#[test]
fn law_t1_all_orders_of_all_messages_on_graphs_of_three_tasks_that_are_tried_again() {
    explore_all(&with_one_output(shapes(3, 1, 1)), 1 << 6, 1, false);
}

#[test]
fn law_t1_all_orders_of_all_messages_on_graphs_of_three_tasks_that_are_submitted_early() {
    explore_all(&with_one_output(shapes(3, 1, 1)), 1 << 6, 0, true);
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
        Message::RowsGone { task: 9, lost: true },
        Message::Answered { task: 0, attempt: 0, answer: ANSWERS[0] },
    ] {
        assert!(!world.send(message), "{message:?}");
    }
    assert!(world.submit(1).is_err());
    assert_eq!(world.life.phase(0), Phase::Ready);
}
