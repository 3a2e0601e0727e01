//! How large task graphs are in memory: counted, in a program of its own, since the allocator counts for all.

#[path = "common/allocations.rs"]
#[allow(dead_code)]
mod allocations;
#[path = "common/kernels.rs"]
mod kernels;
#[path = "common/plans.rs"]
#[allow(dead_code)]
mod plans;

use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::Plan;

use plans::{Builder, numbers};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Bytes of an edge: two neighbours, two ends, the port and the slot.
const EDGE: usize = 24;
/// What a task may take, its leaf inputs included.
const TASK: usize = 200;

/// The graph, and the bytes that it holds beside the plan.
fn lowered(plan: &Plan) -> (TaskGraph, usize) {
    // What an earlier graph let go of must not be given back meanwhile.
    leafhold::leaf::release::drain();
    let before = allocations::live();
    let start = std::time::Instant::now();
    let graph = lower(plan).unwrap();
    let elapsed = start.elapsed();
    let bytes = allocations::live() - before;
    println!("{} tasks, {} edges, {bytes} bytes in {elapsed:?}", graph.len(), graph.edge_count());
    (graph, bytes)
}

fn over(builder: Builder, root: &plans::Node, partitions: usize) -> Plan {
    Plan { target_partitions: partitions, ..builder.plan(root) }
}

/// One test, since the counter counts for all threads.
#[test]
fn edges_take_24_bytes_and_tasks_at_most_200() {
    // A shuffle of 1,000 partitions into 1,000: a million edges.
    let mut builder = Builder::default();
    let read = builder.values(&vec![numbers(0..1); 1_000]);
    let hashed = builder.hashed(&read);
    let (graph, bytes) = lowered(&over(builder, &hashed, 1_000));
    assert_eq!((graph.len(), graph.edge_count()), (2_000, 1_000_000));
    assert!(bytes <= EDGE * graph.edge_count() + TASK * graph.len(), "{bytes} bytes");
    drop(graph);

    // Ten operators over 100,000 partitions, of data and of futures, are fused into one fragment.
    for futures in [false, true] {
        let mut builder = Builder::default();
        let partitions = vec![Vec::new(); 100_000];
        let mut node = if futures { builder.delayed(&partitions) } else { builder.values(&partitions) };
        for _ in 0..10 {
            node = builder.project(&node, &[1, 0]);
        }
        let (graph, bytes) = lowered(&over(builder, &node, 1));
        assert_eq!((graph.len(), graph.edge_count()), (100_000, 0));
        assert!(bytes <= TASK * graph.len(), "{bytes} bytes");
    }

    // Ten stages over as many, which nothing fuses: every one is read twice.
    let mut builder = Builder::default();
    let mut node = builder.values(&vec![Vec::new(); 10_000]);
    for _ in 0..9 {
        let twice = builder.project(&node, &[1, 0]);
        node = builder.union(&[&node, &twice], leafhold::optimize::Partitioning::Hashed(Vec::new()));
    }
    let (graph, bytes) = lowered(&over(builder, &node, 1));
    assert!(bytes <= EDGE * graph.edge_count() + TASK * graph.len(), "{bytes} bytes");
}
