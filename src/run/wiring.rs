use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::awaited::Awaited;
use super::report::stages_of;
use super::schedule::{Port, Progress, Schedule};
use super::{RunCause, RunReport};
use crate::lower::{Input, TaskGraph, TaskId};

impl Schedule {
    /// The schedule of a graph before anything has run.
    pub(super) fn new(graph: TaskGraph) -> Self {
        let (graph, leaf_inputs) = graph.into_parts();
        let stages = stages_of(&graph);
        let labels: HashMap<_, _> = stages.iter().map(|stage| (stage.stage, stage.label.clone())).collect();
        let progress = graph.tasks().map(|task| Progress {
            unmet: 0,
            consumers: Vec::new(),
            futures: Vec::new(),
            ports: (0..task.fragment.output.ports()).map(|_| Port::default()).collect(),
            label: labels[&task.stage].clone(),
            ready: None,
            event: None,
        });
        let mut schedule = Schedule {
            tasks: progress.collect(),
            topological: Vec::new(),
            producers: vec![Vec::new(); graph.len()],
            awaited: Vec::new(),
            by_read: HashMap::new(),
            adopted: Vec::new(),
            ready: BinaryHeap::new(),
            arrived: Vec::new(),
            unfinished: graph.len(),
            failure: None,
            stopping: false,
            kept_ports: 0,
            kept_bytes: 0,
            report: RunReport { stages, ..RunReport::default() },
            joins_counted: true,
            workers_left: 0,
            result: None,
            leaf_inputs: leaf_inputs.into_iter().map(Some).collect(),
            graph,
        };
        match schedule.connect() {
            Ok(()) => {
                let sources: Vec<usize> =
                    (0..schedule.tasks.len()).filter(|at| schedule.tasks[*at].unmet == 0).collect();
                sources.into_iter().for_each(|task| schedule.make_ready(task, Duration::ZERO));
            }
            Err(reason) => schedule.fail(0, RunCause::Graph(reason)),
        }
        schedule
    }

    /// Counts what each task waits for, from its inputs alone.
    fn connect(&mut self) -> Result<(), String> {
        for at in 0..self.tasks.len() {
            for source in self.graph.inputs(TaskId::new(at)).flatten() {
                match source {
                    Input::Leaf(leaf) => {
                        let Some((key, make)) = self.leaf_inputs[leaf].as_ref().and_then(Awaited::of) else { continue };
                        let next = self.awaited.len();
                        let index = *self.by_read.entry(key).or_insert(next);
                        if index == next {
                            self.awaited.push(make());
                        }
                        self.awaited[index].readers.push(at);
                        self.awaited[index].unread += 1;
                        self.tasks[at].futures.push(index);
                        self.tasks[at].unmet += 1;
                    }
                    Input::Task { task, port } => {
                        let producer = task.index();
                        let ports = self.tasks.get_mut(producer).map(|producer| &mut producer.ports);
                        let Some(port) = ports.and_then(|ports| ports.get_mut(port)) else {
                            return Err(format!("task {at} reads port {port} of task {producer}, which is not there"));
                        };
                        port.unread += 1;
                        self.tasks[producer].consumers.push(at);
                        self.producers[at].push(producer);
                        self.tasks[at].unmet += 1;
                    }
                }
            }
            self.producers[at].sort_unstable();
            self.producers[at].dedup();
        }
        for output in &self.graph.outputs {
            let port = self.tasks.get_mut(output.index()).and_then(|task| task.ports.first_mut());
            port.ok_or_else(|| format!("task {} should give the result, and is not there", output.index()))?.unread +=
                1;
        }
        let mut unmet: Vec<usize> = self.producers.iter().map(Vec::len).collect();
        let mut next: Vec<usize> = (0..unmet.len()).filter(|task| unmet[*task] == 0).collect();
        while let Some(task) = next.pop() {
            self.topological.push(task);
            let mut consumers = self.tasks[task].consumers.clone();
            consumers.sort_unstable();
            consumers.dedup();
            for consumer in consumers {
                unmet[consumer] -= 1;
                if unmet[consumer] == 0 {
                    next.push(consumer);
                }
            }
        }
        match self.topological.len() == self.tasks.len() {
            true => Ok(()),
            false => Err("its tasks wait for each other in a circle".to_owned()),
        }
    }
}
