//! The laws of task graphs (`src/lower/mod.rs`), over random plans.

use std::collections::{BTreeSet, HashSet};

use leafhold::lower::{Source, TaskGraph, TaskId, lower};
use leafhold::optimize::{Partitioning, Plan};
use proptest::prelude::*;

use crate::plans::{Builder, numbers};
use crate::properties::{build_in, step};

/// Whether every read is of a port that there is, of a task that comes before; and the two sides agree.
fn law_g1(graph: &TaskGraph) -> Result<(), TestCaseError> {
    let mut read = Vec::new();
    for id in graph.ids() {
        prop_assert_eq!(graph.slots(id).len(), graph[id].fragment.inputs);
        let mut edges = graph.reads(id);
        for (slot, sources) in graph.slots(id).enumerate() {
            prop_assert!(sources.len() > 0, "a slot without sources");
            for source in sources {
                let Source::Task { task, port } = source else { continue };
                prop_assert!(task < id, "producers come first");
                prop_assert!(port < graph[task].fragment.output.ports(), "the port exists");
                let (producer, port_use) = edges.next().unwrap();
                prop_assert_eq!((producer, port_use.port as usize, port_use.slot as usize), (task, port, slot));
                read.push((task, id, port, slot));
            }
        }
        prop_assert!(edges.next().is_none());
    }
    let mut given: Vec<_> = graph
        .ids()
        .flat_map(|id| graph.consumers(id).map(move |(to, at)| (id, to, at.port as usize, at.slot as usize)))
        .collect();
    given.sort();
    read.sort();
    prop_assert_eq!(given, read);
    Ok(())
}

/// The tasks that the result needs.
fn needed(graph: &TaskGraph) -> BTreeSet<TaskId> {
    let (mut needed, mut stack) = (BTreeSet::new(), graph.outputs.clone());
    while let Some(task) = stack.pop() {
        if needed.insert(task) {
            stack.extend(graph.producers(task));
        }
    }
    needed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn laws_g1_to_g3_of_random_plans(steps in prop::collection::vec(step(), 0..12)) {
        let (builder, root, _) = build_in(Builder::default(), &steps);
        let graph = lower(&Plan { fan_in: 2, ..builder.plan(&root) }).unwrap();
        law_g1(&graph)?;
        let tokens: HashSet<_> = graph.tasks().map(|task| task.token).collect();
        prop_assert_eq!(tokens.len(), graph.len(), "law G2: identical work is one task");
        prop_assert_eq!(needed(&graph).len(), graph.len(), "law G3: no task that nobody needs");
        let priorities: HashSet<_> = graph.tasks().map(|task| task.priority).collect();
        prop_assert_eq!(priorities.len(), graph.len(), "one order of all tasks");
    }
}

#[test]
fn law_g1_a_chain_of_10_000_stages_is_lowered_without_recursion() {
    let mut builder = Builder::default();
    let mut node = builder.values(&vec![numbers(0..1); 3]);
    let mut nodes = Vec::new();
    for at in 0..10_000 {
        nodes.push(node.clone());
        // Sharing a node would be another way to cut; here every exchange does.
        node = match at % 2 {
            0 => builder.hashed(&node),
            _ => builder.project(&node, &[1, 0]),
        };
    }
    let graph = lower(&builder.plan(&node)).unwrap();
    assert_eq!(graph.tasks().map(|task| task.stage).max(), Some(5_000));
    law_g1(&graph).unwrap();
    while nodes.pop().is_some() {}
}

#[test]
fn law_g2_work_is_the_same_whatever_asks_for_it() {
    // One of two plans has the part alone, the other as one input of a join with itself and a union.
    let part = |builder: &mut Builder| {
        let read = builder.values(&[numbers(0..4), numbers(4..8)]);
        builder.hashed(&read)
    };
    let mut alone = Builder::default();
    let root = part(&mut alone);
    let alone = lower(&alone.plan(&root)).unwrap();
    let mut within = Builder::default();
    within.fresh(9);
    let (left, right) = (part(&mut within), part(&mut within));
    let join = within.join(&left, &right);
    let again = part(&mut within);
    let root = within.union(&[&join, &again], Partitioning::Any);
    let within = lower(&within.plan(&root)).unwrap();
    let splits = |graph: &TaskGraph| {
        let tasks = graph.tasks().filter(|task| task.fragment.output.ports() > 1);
        tasks.map(|task| task.token).collect::<Vec<_>>()
    };
    assert_eq!(splits(&within), splits(&alone), "three times the same, made once");
}
