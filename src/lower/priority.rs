use std::cmp::Reverse;

use super::{TaskDag, TaskId};

/// Sets the priorities: tasks run in the post-order of a depth-first walk from the results, into the
/// longest chain of tasks first. What one result needs is thus finished and let go before the next
/// result's inputs are made. O(edges), no recursion.
pub(super) fn set_priorities(dag: &mut TaskDag) {
    // Producers are made before their consumers, so ids are a topological order.
    let mut chain = vec![0u32; dag.len()];
    for task in dag.ids() {
        chain[task.index()] = dag.reads(task).map(|(producer, _)| chain[producer.index()] + 1).max().unwrap_or(0);
    }
    let mut seen = vec![false; dag.len()];
    let mut next = 0;
    let mut stack: Vec<(TaskId, bool)> = dag.outputs.iter().rev().map(|output| (*output, false)).collect();
    let mut below = Vec::new();
    while let Some((task, inputs_done)) = stack.pop() {
        if inputs_done {
            next -= 1;
            dag.graph[task].priority = next;
        } else if !std::mem::replace(&mut seen[task.index()], true) {
            stack.push((task, true));
            below.extend(dag.reads(task).map(|(producer, _)| producer).filter(|producer| !seen[producer.index()]));
            below.sort_unstable_by_key(|producer| (chain[producer.index()], Reverse(*producer)));
            below.dedup();
            stack.extend(below.drain(..).map(|producer| (producer, false)));
        }
    }
}
