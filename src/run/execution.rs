use std::sync::Arc;
use std::time::Duration;

use super::active::ActiveRun;
use super::host::host;
use super::schedule::{Aftermath, Assignment, Finished, Given, Job, Ran, in_memory};
use super::store::{Held, Rows};
use super::{
    Attempt, Envelope, FragmentError, KernelError, MemoryReservation, RunCause, SpillError, TaskContext, TaskOutput,
    Worker, WorkerLost,
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
                let host = Some(host().into());
                (Ran { worker: Some(driver), host, started, ended, ..Ran::default() }, place().unspilled(unread))
            }
        };
        let ended = ran.ended;
        // Whether or not this attempt counts: its rows are what the task gives.
        if let (Finished::Ok(given), true) = (&finished, reusable) {
            self.pool.reuse.remember(token, in_memory(&given.ports));
        }
        let next = self.locked(after, stay, |schedule, after| {
            schedule.complete(task, number, Ran { slot, ..ran }, finished, after);
        });
        (next, ended)
    }

    /// Has the worker run it; what was spilled of its inputs is read back before. Gives the bytes of its inputs, too, and
    /// the fragment.
    fn attempt(&self, mut assignment: Assignment, worker: &mut dyn Worker) -> (Arc<Fragment>, Answer) {
        // Held until the worker has let the inputs go.
        let (_room, bytes_in) = match self.read_inputs(&mut assignment) {
            Ok(read) => read,
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

    /// Reads back what was spilled of the inputs. Room is made for it first; where there is none it is in memory all the same,
    /// and counts, so that others make room or wait. Gives the bytes of all inputs, too.
    fn read_inputs(&self, assignment: &mut Assignment) -> Result<(Option<MemoryReservation>, u64), SpillError> {
        let spilled = assignment.spilled_bytes();
        if spilled == 0 {
            return Ok((None, assignment.read_inputs()?));
        }
        let room = self.memory.reserve_freeing(spilled, || self.spill_one())?;
        let room = room.unwrap_or_else(|| self.memory.reserve(spilled));
        Ok((Some(room), assignment.read_inputs()?))
    }

    /// Writes something that is kept to a file. False if there is nothing left of which that could be done.
    fn spill_one(&self) -> Result<bool, SpillError> {
        let Some(victim) = self.schedule.lock().victim() else { return Ok(false) };
        let written = match self.spill.write(&victim.rows) {
            Ok(written) => written,
            Err(error) => {
                self.schedule.lock().store.unspilled(&victim);
                return Err(error);
            }
        };
        let left = self.schedule.lock().store.spilled(&victim, written);
        // Rows go outside the lock.
        drop((left, victim));
        Ok(true)
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
        let peak_execution_memory = result.as_ref().ok().and_then(|output| output.peak_execution_memory);
        let ran = Ran {
            worker: Some(measured.worker),
            host: measured.host,
            started: Some(measured.started),
            ended: measured.ended,
            transfer: measured.transfer,
            peak_memory: measured.peak_memory,
            peak_execution_memory,
            spilled_bytes: measured.spilled_bytes,
            observed: measured.observed,
            bytes_in,
            trace,
            ..Ran::default()
        };
        let finished = match result {
            Ok(output) => match self.make_room(output, is_output) {
                Ok(given) => Finished::Ok(given),
                Err(error) => place().unspilled(error),
            },
            Err(FragmentError::Kernel(KernelError::Cancelled)) if self.is_cancelled() => Finished::Cancelled,
            Err(error) => place().failed(error),
        };
        (ran, finished)
    }

    /// Takes what a task gave. What is to be kept needs room first (law M2): where there is none something goes to files, of
    /// what is kept what is read last, and then what has just been made. The result stays in memory, where the caller wants it.
    fn make_room(&self, output: TaskOutput, is_output: bool) -> Result<Given, SpillError> {
        let TaskOutput { ports, node_rows, .. } = output;
        let ports = ports.into_iter().map(Rows::from);
        let limit = match self.memory.limit() {
            Some(limit) if !is_output => limit,
            _ => return Ok(Given { ports: ports.map(Held::Rows).collect(), node_rows, room: None }),
        };
        let mut room = self.memory.reserve(0);
        let mut held = Vec::with_capacity(ports.len());
        for rows in ports {
            // What is larger than all the room is not worth that others go.
            let reserved = match rows.bytes <= limit {
                true => self.memory.reserve_freeing(rows.bytes, || self.spill_one())?,
                false => None,
            };
            held.push(match reserved {
                Some(mut reserved) => {
                    room.take_over(&mut reserved, rows.bytes);
                    Held::Rows(rows)
                }
                None => Held::Spilled(Arc::new(self.spill.write(&rows)?)),
            });
        }
        Ok(Given { ports: held, node_rows, room: Some(room) })
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
