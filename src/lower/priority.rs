use std::cmp::Reverse;

use super::{TaskGraph, TaskId, TaskInput};

/// Sets the priorities: tasks run in the post-order of a depth-first walk from the results, into the
/// longest chain of tasks first. What one result needs is thus finished and let go before the next
/// result's inputs are made. O(edges), no recursion.
pub(super) fn set_priorities(graph: &mut TaskGraph) {
    let producers: Vec<Vec<TaskId>> = graph.graph.node_weights().map(|task| producers(&task.inputs)).collect();
    // Producers are made before their consumers, so ids are a topological order.
    let mut chain = vec![0u32; producers.len()];
    for (task, below) in producers.iter().enumerate() {
        chain[task] = below.iter().map(|producer| chain[producer.index()] + 1).max().unwrap_or(0);
    }
    let mut seen = vec![false; producers.len()];
    let mut next = 0;
    let mut stack: Vec<(TaskId, bool)> = graph.outputs.iter().rev().map(|output| (*output, false)).collect();
    while let Some((task, inputs_done)) = stack.pop() {
        if inputs_done {
            next -= 1;
            graph.graph[task].priority = next;
        } else if !std::mem::replace(&mut seen[task.index()], true) {
            stack.push((task, true));
            let mut below = producers[task.index()].clone();
            below.sort_by_key(|producer| (chain[producer.index()], Reverse(*producer)));
            stack
                .extend(below.into_iter().filter(|producer| !seen[producer.index()]).map(|producer| (producer, false)));
        }
    }
}

/// The tasks that some slots read, each once.
fn producers(inputs: &[Vec<TaskInput>]) -> Vec<TaskId> {
    let mut producers: Vec<TaskId> = inputs.iter().flatten().filter_map(TaskInput::producer).collect();
    producers.sort_unstable();
    producers.dedup();
    producers
}
