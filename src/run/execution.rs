use std::sync::Arc;
use std::time::Duration;

use super::active::ActiveRun;
use super::schedule::{Aftermath, Assignment, Finished, Job, Ran, in_memory};
use super::store::{Held, Rows};
use super::{
    Attempt, Envelope, FragmentError, KernelError, RunCause, SpillError, TaskContext, TaskOutput, Worker, WorkerLost,
};
use crate::lower::Fragment;

/// What a worker says of an attempt, with the bytes that it read; or that these could not be read.
type Answer = Result<(u64, Result<Envelope, WorkerLost>), SpillError>;

/// Which task an attempt is of, for errors.
struct Place {
    label: String,
    stage: usize,
    partition: usize,
}

impl ActiveRun {
    /// Has a worker run an attempt, and takes in what it says. Gives when it ended, too.
    pub(super) fn execute(
        &self,
        assignment: Assignment,
        worker: &mut dyn Worker,
        after: &mut Aftermath,
        stay: Option<usize>,
    ) -> (Option<Job>, Duration) {
        let (task, number, slot, is_output) =
            (assignment.task, assignment.number, assignment.slot, assignment.is_output);
        let (token, reusable) = (assignment.token, assignment.reusable);
        let (stage, partition) = (assignment.stage, assignment.partition);
        // What nobody ran started when its inputs were to be read.
        let reading = (!assignment.spilled.is_empty()).then(|| self.clock.now());
        let (fragment, answer) = self.attempt(assignment, worker);
        let place = || Place { label: fragment.label.clone(), stage, partition };
        let (ran, finished) = match answer {
            Ok((bytes_in, Ok(envelope))) => self.open(envelope, bytes_in, is_output, place),
            Ok((_, Err(lost))) => place().lost(lost),
            Err(unread) => {
                let driver = std::thread::current().name().unwrap_or("driver").into();
                let (started, ended) = (reading, self.clock.now());
                (Ran { worker: Some(driver), started, ended, ..Ran::default() }, place().unspilled(unread))
            }
        };
        let ended = ran.ended;
        // Whether or not this try counts: its rows are what the task gives.
        if let (Finished::Ok(ports, _), true) = (&finished, reusable) {
            self.pool.reuse.remember(token, in_memory(ports));
        }
        let next = self.locked(after, stay, |schedule, after| {
            schedule.complete(task, number, Ran { slot, ..ran }, finished, after);
        });
        (next, ended)
    }

    /// Has the worker run it; what was spilled of its inputs is read back before. Gives the bytes of its inputs, too, and
    /// the fragment.
    fn attempt(&self, mut assignment: Assignment, worker: &mut dyn Worker) -> (Arc<Fragment>, Answer) {
        let bytes_in = match assignment.read_inputs() {
            Ok(bytes) => bytes,
            Err(unread) => return (assignment.fragment, Err(unread)),
        };
        let (cancelled, started) = (self.cancelled.clone(), self.started);
        let attempt = Attempt {
            task: assignment.task,
            token: assignment.token,
            stage: assignment.stage,
            number: assignment.number,
            fragment: &assignment.fragment,
            inputs: assignment.inputs,
            bytes_in,
            shared: assignment.read_again,
            context: TaskContext {
                partition: assignment.partition,
                cancelled,
                started,
                memory: self.memory.clone(),
                spill: self.spill.target().clone(),
                stage: assignment.shared,
            },
            clock: self.clock,
            observers: &self.work_observers,
        };
        let answer = worker.run(attempt);
        (assignment.fragment, Ok((bytes_in, answer)))
    }

    /// What an envelope says.
    fn open(
        &self,
        envelope: Envelope,
        bytes_in: u64,
        is_output: bool,
        place: impl FnOnce() -> Place,
    ) -> (Ran, Finished) {
        let Envelope { result, measured, trace } = envelope;
        let ran = Ran {
            worker: Some(measured.worker),
            host: measured.host,
            started: Some(measured.started),
            ended: measured.ended,
            transfer: measured.transfer,
            peak_memory: measured.peak_memory,
            spilled_bytes: measured.spilled_bytes,
            observed: measured.observed,
            bytes_in,
            trace,
            ..Ran::default()
        };
        let finished = match result {
            Ok(output) => match self.make_room(output, is_output) {
                Ok((ports, node_rows)) => Finished::Ok(ports, node_rows),
                Err(error) => place().unspilled(error),
            },
            Err(FragmentError::Kernel(KernelError::Cancelled)) if self.is_cancelled() => Finished::Cancelled,
            Err(error) => place().failed(error),
        };
        (ran, finished)
    }

    /// Takes what a task gave. Beyond the limit, something goes to files: of what is kept what is read last, and then
    /// what has just been made. The result stays in memory, where the caller wants it.
    fn make_room(&self, output: TaskOutput, is_output: bool) -> Result<(Vec<Held>, Vec<Option<u64>>), SpillError> {
        let ports: Vec<Rows> = output.ports.into_iter().map(Rows::from).collect();
        if is_output || self.memory.limit().is_none() {
            return Ok((ports.into_iter().map(Held::Rows).collect(), output.node_rows));
        }
        let needed: u64 = ports.iter().map(|port| port.bytes).sum();
        while self.memory.lacking(needed) > 0 {
            let Some(victim) = self.schedule.lock().victim() else { break };
            let spilled = self.spill.write(&victim.rows)?;
            let left = self.schedule.lock().store.spilled(victim.port, spilled);
            // Rows go outside the lock.
            drop((left, victim));
        }
        let mut over = self.memory.lacking(needed);
        let mut held = Vec::with_capacity(ports.len());
        for rows in ports {
            let spill = over > 0 && rows.bytes > 0;
            over = over.saturating_sub(rows.bytes);
            held.push(match spill {
                true => Held::Spilled(Arc::new(self.spill.write(&rows)?)),
                false => Held::Rows(rows),
            });
        }
        Ok((held, output.node_rows))
    }
}

impl Place {
    fn failed(self, error: FragmentError) -> Finished {
        let Place { label, stage, partition } = self;
        Finished::Failed(match error {
            FragmentError::Kernel(source) => RunCause::Kernel { label, stage, partition, source },
            FragmentError::Panic(message) => RunCause::Panic { label, stage, partition, message },
            FragmentError::Observer(unknown) => RunCause::Observer(unknown),
        })
    }

    fn unspilled(self, source: SpillError) -> Finished {
        let Place { label, stage, partition } = self;
        Finished::Failed(RunCause::Spill { label, stage, partition, source })
    }

    fn lost(self, lost: WorkerLost) -> (Ran, Finished) {
        let Place { label, stage, partition } = self;
        let WorkerLost { worker, host, cause, started, ended } = lost;
        let finished = Finished::Lost(RunCause::Lost { label, stage, partition, worker: worker.to_string(), cause });
        (Ran { worker: Some(worker), host, started, ended, ..Ran::default() }, finished)
    }
}
