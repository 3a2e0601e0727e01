use std::collections::HashMap;
use std::time::Duration;

use super::awaited::{Awaited, ReadKey};
use super::ready::ReadyQueue;
use super::stage_states::StageStates;
use super::{Aftermath, Leaf, Schedule};
use crate::lower::{Input, LeafInput, TaskDag, TaskGraph};
use crate::run::enough::enough_of;
use crate::run::lifecycle::{Lifecycle, Resource, Topology, TopologyError};
use crate::run::node_rows::NodeRows;
use crate::run::report::stages_of;
use crate::run::reuse::Reuse;
use crate::run::store::Store;
use crate::run::{ExecutorOptions, MemoryBudget, RunCause, RunReport};

impl Schedule {
    /// The schedule of a graph before anything has run. What the graph holds too much of is left to the aftermath.
    pub(in crate::run) fn new(
        graph: TaskGraph,
        options: &ExecutorOptions,
        memory: MemoryBudget,
        reuse: &Reuse,
        after: &mut Aftermath,
    ) -> Self {
        let (graph, leaf_inputs) = graph.into_parts();
        let stages = stages_of(&graph);
        let mut wiring = Wiring::default();
        let leaves: Vec<Leaf> = leaf_inputs.into_iter().map(|input| wiring.leaf(input, after)).collect();
        let (topology, contradiction) = match wiring.connect(&graph, &leaves) {
            Ok(topology) => (topology, None),
            Err(error) => (Topology::default(), Some(error)),
        };
        let mut schedule = Schedule {
            store: Store::new(topology.all_ports(), &memory),
            life: Lifecycle::new(topology, options.retries),
            memory,
            retry_failures: options.retry_failures,
            leaves,
            awaited: wiring.awaited,
            adopted: Vec::new(),
            ready: ReadyQueue::default(),
            arrived: Vec::new(),
            cancel_asked: false,
            ready_at: vec![None; graph.len()],
            latest: Duration::ZERO,
            attempts: HashMap::new(),
            lost_at: Default::default(),
            failure: None,
            report: RunReport { stages, ..RunReport::default() },
            node_rows: NodeRows::default(),
            reusable: Vec::new(),
            stages: StageStates::new(&graph),
            effects: Vec::new(),
            enough: enough_of(&graph),
            hands: 0,
            closing: false,
            broken: contradiction.is_some(),
            result: None,
            graph,
        };
        match contradiction {
            // Then no task of the graph is one of the protocol: closing tells of them.
            Some(error) => schedule.failure = Some((0, RunCause::Graph(error.to_string()))),
            None => {
                let mut effects = std::mem::take(&mut schedule.effects);
                schedule.life.start(&mut effects);
                schedule.effects = effects;
                schedule.apply(Duration::ZERO, None, after);
                schedule.find_again(reuse, after);
            }
        }
        schedule
    }
}

#[derive(Default)]
struct Wiring {
    awaited: Vec<Awaited>,
    by_read: HashMap<ReadKey, usize>,
}

impl Wiring {
    /// Two reads of one future wait for it once.
    fn leaf(&mut self, input: LeafInput, after: &mut Aftermath) -> Leaf {
        match input {
            LeafInput::Data(input) => Leaf::Data(input.data),
            LeafInput::Future(input) => {
                let (key, make) = Awaited::of(&input);
                let next = self.awaited.len();
                let index = *self.by_read.entry(key).or_insert(next);
                match index == next {
                    true => self.awaited.push(make),
                    false => after.futures.push(input.handle),
                }
                Leaf::Future(index as u32)
            }
        }
    }

    fn connect(&self, graph: &TaskDag, leaves: &[Leaf]) -> Result<Topology, TopologyError> {
        let mut builder = Topology::builder();
        let futures: Vec<Resource> = self.awaited.iter().map(|_| builder.future()).collect();
        for id in graph.ids() {
            let reads = graph.inputs(id).flatten().filter_map(|input| match input {
                Input::Task { task, port } => Some(Resource::Port { task: task.index(), port }),
                Input::Leaf(at) => match &leaves[at] {
                    Leaf::Future(future) => Some(futures[*future as usize]),
                    Leaf::Data(_) | Leaf::Gone => None,
                },
            });
            builder.task(graph[id].fragment.output.ports(), reads);
        }
        builder.finish(graph.outputs.iter().map(|output| output.index()))
    }
}
