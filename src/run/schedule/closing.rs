use std::time::{Duration, SystemTime};

use smallvec::SmallVec;

use super::{Aftermath, Schedule};
use crate::leaf::PartitionData;
use crate::run::lifecycle::Phase;
use crate::run::report::TaskEvents;
use crate::run::store::{Held, Use};
use crate::run::{Outcome, RunCause, RunError, RunReport, TaskState};

impl Schedule {
    /// Makes the result of a run that is over, with everything that was recorded.
    pub(in crate::run) fn finish(
        &mut self,
        tasks: TaskEvents,
        started: SystemTime,
        now: Duration,
        workers: usize,
        after: &mut Aftermath,
    ) {
        let mut report = std::mem::take(&mut self.report);
        report.tasks = tasks;
        report.started = started;
        report.wall = now;
        report.workers = workers;
        report.peak_ports = Some(self.store.peak_ports);
        report.peak_bytes = Some(self.store.peak_bytes);
        report.peak_result_bytes = self.store.peak_result_bytes;
        report.spilled_bytes = self.store.spilled_bytes;
        (report.node_rows, report.c_out) = std::mem::take(&mut self.node_rows).finish();
        self.link(&mut report);
        let partitions = self.partitions(after);
        self.result = Some(match (partitions, self.failure.take()) {
            (Some(partitions), None) if self.life.is_well() => {
                let (schema, adopted) = (self.graph.schema.clone(), std::mem::take(&mut self.adopted));
                Ok(Outcome { schema, partitions, adopted, report })
            }
            (_, Some((_, cause))) => Err(Box::new(RunError { cause, report })),
            (_, None) => Err(Box::new(RunError { cause: RunCause::Cancelled, report })),
        });
        after.futures.append(&mut self.adopted);
        after.leaves.append(&mut self.leaves);
        after.stages.extend(self.stages.clear());
        for awaited in &mut self.awaited {
            after.futures.extend(awaited.handle.take());
            after.readers.extend(awaited.reader.take());
            after.rows.extend(awaited.rows.take());
        }
    }

    /// Ends the tasks that are missing in what was recorded: all of a graph that is none, and some of a run that was broken
    /// off.
    pub(in crate::run) fn end_the_rest(&mut self, missing: Vec<usize>, now: Duration, after: &mut Aftermath) {
        let protocol = self.life.topology().tasks() == self.graph.len();
        let mut failed = vec![false; if missing.is_empty() || !protocol { 0 } else { self.graph.len() }];
        for task in 0..failed.len() {
            failed[task] = match self.life.phase(task) {
                Phase::Ended(state) => state.is_failure(),
                _ => self.life.topology().producers(task).any(|producer| failed[producer]),
            };
        }
        for task in missing {
            let state = match failed.get(task) {
                Some(true) => TaskState::UpstreamFailed,
                _ => TaskState::Cancelled,
            };
            self.end(task, state, 0, now, None, after);
        }
    }

    fn link(&self, report: &mut RunReport) {
        report.link(|task| {
            let topology = self.life.topology();
            // Most tasks read few others. A graph that is none has no topology.
            let mut producers: SmallVec<[usize; 4]> = SmallVec::new();
            if task < topology.tasks() {
                producers.extend(topology.producers(task));
            }
            if producers.len() > 1 {
                producers.sort_unstable();
                producers.dedup();
            }
            producers.into_iter()
        });
    }

    /// What the results are, if all of them are there. The protocol has let go of everything else.
    fn partitions(&mut self, after: &mut Aftermath) -> Option<Vec<PartitionData>> {
        if self.failure.is_some() || self.life.topology().tasks() != self.graph.len() {
            return None;
        }
        let outputs = self.graph.outputs.iter().map(|output| {
            let port = self.life.topology().port(output.index(), 0);
            match self.store.get(port)? {
                Held::Rows(rows) => Some(rows.data.clone()),
                Held::Spilled(_) => None,
            }
        });
        let partitions = outputs.collect();
        for output in 0..self.graph.outputs.len() {
            let task = self.graph.outputs[output].index();
            after.held.extend(self.store.release(self.life.topology().port(task, 0), Use::Result));
        }
        partitions
    }
}
