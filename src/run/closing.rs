use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use super::schedule::{Garbage, Schedule, is_join};
use super::{Outcome, RunCause, RunError, TaskEvent, TaskState};

impl Schedule {
    /// Ends what has not ended, and makes the result. Returns the events of the tasks that never ran.
    pub(super) fn finish(
        &mut self,
        started: SystemTime,
        now: Duration,
        workers: usize,
        garbage: &mut Garbage,
    ) -> Vec<TaskEvent> {
        let mut events = Vec::new();
        // A graph that is no graph has no order; then nothing ran.
        let order = match self.topological.len() == self.tasks.len() {
            true => self.topological.clone(),
            false => (0..self.tasks.len()).collect(),
        };
        for task in order.into_iter().filter(|task| self.tasks[*task].event.is_none()).collect::<Vec<_>>() {
            let failed = |producer: &usize| self.tasks[*producer].event.as_ref().is_some_and(|e| e.state.is_failure());
            let state = match self.producers[task].iter().any(failed) {
                true => TaskState::UpstreamFailed,
                false => TaskState::Cancelled,
            };
            let event = self.unstarted(task, state, now, None);
            events.push(self.end(task, event));
        }
        let mut report = std::mem::take(&mut self.report);
        report.tasks = self.tasks.iter_mut().filter_map(|task| task.event.take()).collect();
        report.started = started;
        report.wall = now;
        report.workers = workers;
        for (alias, known) in &self.graph.aliases {
            if let Some(rows) = report.node_rows.get(known).copied() {
                report.node_rows.insert(*alias, rows);
            }
        }
        report.c_out = self.joins_counted.then(|| self.joined_rows(&report.node_rows));
        report.link(|task| self.producers[task].iter().copied());
        let outputs = self.graph.outputs.iter().map(|output| self.tasks[output.index()].ports[0].rows.as_ref());
        let partitions: Option<Vec<_>> = match self.failure {
            None => outputs.map(|rows| rows.map(|rows| rows.data.clone())).collect(),
            Some(_) => None,
        };
        let schema = self.graph.schema.clone();
        self.result = Some(match (partitions, self.failure.take()) {
            (Some(partitions), _) if report.is_ok() => {
                Ok(Outcome { schema, partitions, adopted: std::mem::take(&mut self.adopted), report })
            }
            (_, Some((_, cause))) => Err(Box::new(RunError { cause, report })),
            (_, None) => Err(Box::new(RunError { cause: RunCause::Cancelled, report })),
        });
        garbage.futures.append(&mut self.adopted);
        garbage.inputs.extend(self.leaf_inputs.iter_mut().filter_map(Option::take));
        for task in 0..self.tasks.len() {
            garbage.rows.extend(self.tasks[task].ports.iter_mut().filter_map(|port| port.rows.take()));
        }
        for awaited in &mut self.awaited {
            garbage.futures.extend(awaited.handle.take());
            garbage.readers.extend(awaited.reader.take());
            garbage.rows.extend(awaited.rows.take());
        }
        events
    }

    fn joined_rows(&self, node_rows: &BTreeMap<usize, u64>) -> u64 {
        let nodes = self.graph.tasks().flat_map(|task| &task.fragment.nodes);
        let joins = nodes.filter(|node| is_join(&node.op)).filter_map(|node| node.plan_node);
        let joins: BTreeSet<usize> = joins.collect();
        joins.iter().filter_map(|join| node_rows.get(join)).sum()
    }
}
