use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::awaited::Awaited;
use super::report::stages_of;
use super::schedule::{Port, Progress, Schedule};
use super::{RunCause, RunReport};
use crate::lower::{Task, TaskGraph, TaskInput};

impl Schedule {
    /// The schedule of a graph before anything has run.
    pub(super) fn new(graph: TaskGraph) -> Self {
        let tasks: Vec<&Task> = graph.graph.node_weights().collect();
        let stages = stages_of(&graph);
        let labels: HashMap<_, _> = stages.iter().map(|stage| (stage.stage, stage.label.clone())).collect();
        let progress = tasks.iter().map(|task| Progress {
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
            producers: vec![Vec::new(); tasks.len()],
            awaited: Vec::new(),
            by_read: HashMap::new(),
            adopted: Vec::new(),
            ready: BinaryHeap::new(),
            arrived: Vec::new(),
            unfinished: tasks.len(),
            failure: None,
            stopping: false,
            kept_ports: 0,
            kept_bytes: 0,
            report: RunReport { stages, ..RunReport::default() },
            joins_counted: true,
            workers_left: 0,
            result: None,
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
            for source in self.graph[at].inputs.iter().flatten() {
                if let Some((key, make)) = Awaited::of(source) {
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
                match source {
                    TaskInput::Task { task, port } => {
                        let producer = task.index();
                        let ports = self.tasks.get_mut(producer).map(|producer| &mut producer.ports);
                        let Some(port) = ports.and_then(|ports| ports.get_mut(*port)) else {
                            return Err(format!("task {at} reads port {port} of task {producer}, which is not there"));
                        };
                        port.unread += 1;
                        self.tasks[producer].consumers.push(at);
                        self.producers[at].push(producer);
                        self.tasks[at].unmet += 1;
                    }
                    TaskInput::Future { .. } | TaskInput::Data { .. } => {}
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
