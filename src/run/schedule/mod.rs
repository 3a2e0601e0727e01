//! The state of a run, which changes under one lock: what its graph, the protocol's [`Lifecycle`] and the data of tasks
//! amount to. Nothing here calls an engine, a future or an observer: that is for whoever holds the [`Aftermath`].

mod aftermath;
mod assignment;
mod awaited;
mod closing;
mod ready;
mod recording;
mod reusing;
mod stage_states;
#[cfg(test)]
mod tests;
mod wiring;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ready::{Pressure, ReadyQueue};
use rustc_hash::FxHashMap;
use stage_states::StageStates;

pub(super) use self::aftermath::Aftermath;
pub(super) use self::assignment::Assignment;
pub(super) use self::awaited::{Awaited, Place};
pub(super) use self::recording::{Finished, Given, Ran};
pub(super) use self::reusing::in_memory;
use crate::leaf::{FutureHandle, PartitionData, PartitionReader};
use crate::lower::{TaskDag, TaskId};
use crate::run::enough::Enough;
use crate::run::lifecycle::{Answer, Effect, Ignored, Lifecycle, Message, Resource};
use crate::run::node_rows::NodeRows;
use crate::run::report::TaskAttempt;
use crate::run::store::{Held, Rows, Store, Use, Victim};
use crate::run::{MemoryBudget, MemoryReservation, Outcome, RunCause, RunError, RunReport, TaskState};

/// What a task reads that no other task gives.
pub(super) enum Leaf {
    /// One of [`Schedule::awaited`].
    Future(u32),
    /// Batches of the graph.
    Data(PartitionData),
    /// The task that read it has ended.
    Gone,
}

/// What somebody with time on his hands can do for a run.
pub(super) enum Job {
    /// The run is to be cancelled.
    Cancel,
    /// A future is done: its data are to be read.
    Arrival(usize, PartitionReader, Place),
    /// A task is to be run.
    Attempt(Assignment),
}

/// The state of a run: the protocol, and the data, errors and events that belong to its numbers.
pub(super) struct Schedule {
    pub(super) graph: TaskDag,
    pub(super) life: Lifecycle,
    pub(super) store: Store,
    memory: MemoryBudget,
    retry_failures: bool,
    pub(super) leaves: Vec<Leaf>,
    /// The futures of the protocol, in its numbers.
    pub(super) awaited: Vec<Awaited>,
    /// Futures that the result has to keep.
    adopted: Vec<FutureHandle>,
    ready: ReadyQueue,
    /// Futures that are done, and whose data nobody has looked at.
    pub(super) arrived: Vec<usize>,
    pub(super) cancel_asked: bool,
    /// When the tasks had everything that they need.
    ready_at: Vec<Option<Duration>>,
    /// The latest time of which it has heard.
    latest: Duration,
    /// Attempts that did not count, of tasks that had some.
    attempts: HashMap<usize, Vec<TaskAttempt>>,
    /// The slot that lost a task last.
    lost_at: FxHashMap<usize, usize>,
    /// The first failure, by task.
    failure: Option<(usize, RunCause)>,
    pub(super) report: RunReport,
    node_rows: NodeRows,
    /// Tasks whose rows depend on their token alone.
    reusable: Vec<bool>,
    stages: StageStates,
    effects: Vec<Effect>,
    /// Where a limit needs only some of its sources.
    pub(super) enough: Enough,
    /// How many are doing something for this run.
    pub(super) hands: usize,
    pub(super) closing: bool,
    /// Whether the protocol says nothing of this run: the graph is none, or something panicked that never should.
    pub(super) broken: bool,
    pub(super) result: Option<Result<Outcome, Box<RunError>>>,
}

impl Schedule {
    /// The futures to wait for, by number: what only found rows would have read is gone already.
    pub(super) fn futures(&self) -> Vec<(usize, FutureHandle)> {
        let futures = self.awaited.iter().enumerate();
        futures.filter_map(|(index, awaited)| Some((index, awaited.handle.clone()?))).collect()
    }

    /// The reader of a future waits for one inside; unless nobody waits for it any more, who then gets it back.
    pub(super) fn read_on(&mut self, index: usize, reader: PartitionReader) -> Option<PartitionReader> {
        let awaited = &mut self.awaited[index];
        match awaited.handle {
            Some(_) => awaited.reader.replace(reader),
            None => Some(reader),
        }
    }

    /// Whether nothing will happen any more: then the books are to be closed, once nobody has a hand in it.
    pub(super) fn is_over(&self) -> bool {
        self.life.is_over() || self.broken
    }

    /// How much there is to do.
    pub(super) fn jobs(&self) -> usize {
        match self.is_over() {
            true => usize::from(self.hands == 0 && !self.closing),
            false if self.life.is_stopping() => 0,
            false => usize::from(self.cancel_asked) + self.arrived.len() + self.ready.len(self.pressure()),
        }
    }

    /// What a slot is to do next, if anything. Whoever takes it has a hand in the run, until it says otherwise.
    /// `others_rest` says whether another slot has nothing to do, with so many attempts under way: it will look for itself,
    /// or hear that something is left for it.
    pub(super) fn take(&mut self, slot: usize, others_rest: impl Fn(usize) -> bool) -> Option<Job> {
        if self.is_over() || self.life.is_stopping() {
            return None;
        }
        // Bad news first: it saves work.
        if std::mem::take(&mut self.cancel_asked) {
            return Some(Job::Cancel);
        }
        while let Some(index) = self.arrived.pop() {
            let awaited = &mut self.awaited[index];
            if let Some(reader) = awaited.reader.take() {
                return Some(Job::Arrival(index, reader, awaited.place.clone()));
            }
        }
        while let Some(task) = self.next_task(slot, &others_rest) {
            if let Ok(number) = self.life.submit(task) {
                return Some(Job::Attempt(self.assignment(task, number, slot)));
            }
        }
        None
    }

    /// The task that comes next. One that a slot has lost goes elsewhere, if somebody there has nothing to do; else after
    /// the others.
    fn next_task(&mut self, slot: usize, others_rest: &impl Fn(usize) -> bool) -> Option<usize> {
        let first = self.ready.pop(self.pressure())?;
        if self.lost_at.get(&first) != Some(&slot) {
            return Some(first);
        }
        let mut lost = vec![first];
        let other = loop {
            match self.ready.pop(self.pressure()) {
                Some(task) if self.lost_at.get(&task) == Some(&slot) => lost.push(task),
                other => break other,
            }
        };
        let next = if other.is_none() && !others_rest(self.life.working()) { Some(lost.remove(0)) } else { other };
        lost.into_iter().for_each(|task| self.make_ready(task));
        next
    }

    fn make_ready(&mut self, task: usize) {
        let reads_tasks = self.memory.limit().is_none() || self.life.topology().producers(task).next().is_some();
        self.ready.push(task, self.graph[task].priority, reads_tasks);
    }

    fn pressure(&self) -> Pressure {
        match (self.memory.is_full(), self.life.working()) {
            (false, _) => Pressure::None,
            (true, 0) => Pressure::Idle,
            (true, _) => Pressure::Busy,
        }
    }

    /// The data of a future has come, or it never will.
    pub(super) fn arrive(
        &mut self,
        index: usize,
        result: Result<(Rows, Vec<FutureHandle>), (TaskState, RunCause)>,
        now: Duration,
        after: &mut Aftermath,
    ) {
        match result {
            Ok((rows, adopted)) => {
                if self.receive(Message::Resolved { future: index }).is_err() {
                    after.rows.push(rows);
                    after.futures.extend(adopted);
                    return;
                }
                self.awaited[index].rows = Some(rows);
                self.adopted.extend(adopted);
                self.apply(now, None, after);
            }
            Err((state, cause)) => {
                let first = self.life.topology().readers(Resource::Future(index)).first().copied();
                let message = Message::FutureFailed { future: index, lost: state == TaskState::Lost };
                if self.receive(message).is_ok() {
                    let error = Some(Arc::new(cause.task_error()));
                    self.fail(first.unwrap_or(0) as usize, cause);
                    self.apply(now, Some(Ran { ended: now, error, ..Ran::default() }), after);
                }
            }
        }
    }

    /// An attempt is over. One that was given up before counts for nothing.
    pub(super) fn complete(
        &mut self,
        task: usize,
        attempt: u32,
        mut ran: Ran,
        finished: Finished,
        after: &mut Aftermath,
    ) {
        let now = ran.ended;
        self.unpin_inputs(task);
        self.store.count_spilled(ran.spilled_bytes);
        let answer = |answer| Message::Answered { task, attempt, answer };
        match finished {
            Finished::Ok(Given { ports, node_rows, mut room }) => {
                ran.rows = ports.iter().map(Held::rows).sum();
                ran.bytes_out = ports.iter().map(Held::bytes).sum();
                if self.receive(answer(Answer::Ok)).is_err() {
                    after.held.extend(ports);
                    return;
                }
                for (port, held) in ports.into_iter().enumerate() {
                    match self.life.reads_left(Resource::Port { task, port }) {
                        0 => after.held.push(held),
                        _ => self.keep(task, port, held, &mut room),
                    }
                }
                self.node_rows.add(&self.graph, TaskId::new(task), &node_rows);
                self.skip_unneeded(task);
            }
            Finished::Failed(cause) => {
                let error = cause.task_error();
                ran.error = Some(Arc::new(match ran.trace.take() {
                    Some(trace) => error.with_trace(trace),
                    None => error,
                }));
                if self.receive(answer(Answer::Failed { retry: self.retry_failures })).is_ok() {
                    self.fail_unless_retried(task, cause);
                }
            }
            Finished::Cancelled => {
                // An answer to a request: the protocol may have yet to hear of it, also when somebody is on the way to say so.
                self.cancel_asked = false;
                self.cancel(now, after);
                let _ = self.receive(answer(Answer::Cancelled));
            }
            Finished::Lost(cause) => {
                self.lost_at.insert(task, ran.slot);
                if self.receive(Message::Lost { task, attempt }).is_ok() {
                    ran.error = Some(Arc::new(match self.life.phase(task).has_ended() {
                        true => cause.task_error(),
                        false => cause.try_error(),
                    }));
                    self.fail_unless_retried(task, cause);
                }
            }
        }
        self.apply(now, Some(ran), after);
    }

    /// Nothing more is to start.
    pub(super) fn cancel(&mut self, now: Duration, after: &mut Aftermath) {
        // Asked twice, or too late: then nothing follows.
        let _ = self.receive(Message::Cancel);
        self.apply(now, None, after);
    }

    /// Of several causes the one of the first task counts.
    pub(super) fn fail(&mut self, task: usize, cause: RunCause) {
        if self.failure.as_ref().is_none_or(|(first, _)| task < *first) {
            self.failure = Some((task, cause));
        }
    }

    fn fail_unless_retried(&mut self, task: usize, cause: RunCause) {
        if self.life.phase(task).has_ended() {
            self.fail(task, cause);
        }
    }

    pub(super) fn receive(&mut self, message: Message) -> Result<(), Ignored> {
        self.life.receive(message, &mut self.effects)
    }

    pub(super) fn keep(&mut self, task: usize, port: usize, held: Held, room: &mut Option<MemoryReservation>) {
        let purpose = match self.life.is_output(task) {
            true => Use::Result,
            false => Use::Readers(match self.memory.limit() {
                Some(_) => self.next_use(task, port),
                None => 0,
            }),
        };
        self.store.put(self.life.topology().port(task, port), held, purpose, room);
    }

    /// The priority of the next reader of a port.
    pub(super) fn next_use(&self, task: usize, port: usize) -> i64 {
        let readers = self.life.topology().readers(Resource::Port { task, port }).iter();
        readers.map(|reader| self.graph[*reader as usize].priority).max().unwrap_or(i64::MIN)
    }

    /// The rows that should make room.
    pub(super) fn victim(&mut self) -> Option<Victim> {
        self.store.victim()
    }

    /// Does what follows from the messages since the last call. `ran` is the attempt that they were about.
    pub(super) fn apply(&mut self, now: Duration, mut ran: Option<Ran>, after: &mut Aftermath) {
        self.latest = self.latest.max(now);
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Ready { task } => {
                    // News may come in another order than it happened.
                    self.ready_at[task] = Some(self.latest);
                    self.make_ready(task);
                }
                Effect::Again { task, attempt } => self.note_attempt(task, attempt, ran.as_mut()),
                Effect::Ended { task, state, attempt, .. } => {
                    self.end(task, state, attempt, now, ran.as_mut(), after);
                    after.stages.extend(self.stages.end(self.graph[task].stage));
                    let leaves = self.graph.leaf_inputs_of(TaskId::new(task));
                    after.leaves.extend(self.leaves[leaves].iter_mut().map(|leaf| std::mem::replace(leaf, Leaf::Gone)));
                }
                Effect::Release(Resource::Port { task, port }) => {
                    let purpose = if self.life.is_output(task) { Use::Result } else { Use::Readers(0) };
                    after.held.extend(self.store.release(self.life.topology().port(task, port), purpose));
                }
                Effect::Release(Resource::Future(index)) => {
                    let awaited = &mut self.awaited[index];
                    after.readers.extend(awaited.reader.take());
                    after.rows.extend(awaited.rows.take());
                    after.futures.extend(awaited.handle.take());
                }
                Effect::Stop => {
                    after.stop = true;
                    self.ready.clear();
                }
                Effect::Over => {}
            }
        }
        self.effects = effects;
    }
}
