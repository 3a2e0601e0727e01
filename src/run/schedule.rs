use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::awaited::{Awaited, Place};
use super::enough::Enough;
use super::event_log::EventLog;
use super::lifecycle::{Answer, Effect, Ignored, Lifecycle, Message, Resource};
use super::node_rows::NodeRows;
use super::ready::{Pressure, ReadyQueue};
use super::report::TaskAttempt;
use super::stage_states::StageStates;
use super::store::{Held, Rows, SpilledRows, Store, Use, Victim};
use super::work::Observed;
use super::{
    MemoryBudget, Outcome, RunCause, RunError, RunReport, SlotData, StageState, TaskError, TaskEvent, TaskState,
};
use crate::leaf::{FutureHandle, PartitionData, PartitionReader};
use crate::lower::{Fragment, Input, TaskDag, TaskId};
use crate::token::Token;

/// What is left to do when the lock is free: foreign code may run when data or futures go, and when observers hear.
#[derive(Default)]
pub(super) struct Aftermath {
    pub(super) held: Vec<Held>,
    pub(super) rows: Vec<Rows>,
    pub(super) futures: Vec<FutureHandle>,
    pub(super) readers: Vec<PartitionReader>,
    pub(super) stages: Vec<StageState>,
    pub(super) leaves: Vec<Leaf>,
    /// Events that observers are to hear of, and that are recorded when they have: see [`Schedule::record`].
    pub(super) events: Vec<TaskEvent>,
    /// How many of them they have heard of.
    pub(super) heard: usize,
    /// Whoever runs a task should stop.
    pub(super) stop: bool,
}

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

/// One attempt of a task, with what it reads as far as it is in memory.
pub(super) struct Assignment {
    pub(super) task: usize,
    pub(super) token: Token,
    pub(super) number: u32,
    pub(super) fragment: Arc<Fragment>,
    pub(super) stage: usize,
    pub(super) partition: usize,
    /// What it shares with the others of its stage.
    pub(super) shared: StageState,
    /// Whether the caller gets what it gives.
    pub(super) is_output: bool,
    pub(super) inputs: Vec<SlotData>,
    pub(super) bytes_in: u64,
    /// Data of the graph among the inputs, whose bytes nobody has counted: slot and source.
    pub(super) uncounted: Vec<(usize, usize)>,
    /// Rows in memory that others will read, too: slot and source.
    pub(super) read_again: Vec<(usize, usize)>,
    /// Rows to read back first: slot and source.
    pub(super) spilled: Vec<(usize, usize, Arc<SpilledRows>)>,
}

/// What is known of an attempt that is over.
#[derive(Default)]
pub(super) struct Ran {
    pub(super) worker: Option<Arc<str>>,
    pub(super) host: Option<Arc<str>>,
    pub(super) started: Option<Duration>,
    pub(super) ended: Duration,
    pub(super) transfer: Duration,
    pub(super) peak_memory: Option<u64>,
    /// What work-side observers say of it.
    pub(super) observed: Observed,
    pub(super) rows: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) error: Option<Arc<TaskError>>,
    /// The stack where the error was raised.
    pub(super) trace: Option<String>,
}

/// How an attempt came out.
pub(super) enum Finished {
    /// The rows of each port, and of each node as far as they were counted.
    Ok(Vec<Held>, Vec<Option<u64>>),
    /// It raised an error.
    Failed(RunCause),
    /// It was asked to stop.
    Cancelled,
    /// Whoever ran it is gone.
    Lost(RunCause),
}

/// The state of a run: the protocol, and the data, errors and events that belong to its numbers.
pub(super) struct Schedule {
    pub(super) graph: TaskDag,
    pub(super) life: Lifecycle,
    pub(super) store: Store,
    pub(super) memory: MemoryBudget,
    pub(super) retry_failures: bool,
    /// Whether anybody wants to hear of events as they happen.
    pub(super) told: bool,
    pub(super) leaves: Vec<Leaf>,
    /// The futures of the protocol, in its numbers.
    pub(super) awaited: Vec<Awaited>,
    /// Futures that the result has to keep.
    pub(super) adopted: Vec<FutureHandle>,
    pub(super) ready: ReadyQueue,
    pub(super) ready_at: Vec<Option<Duration>>,
    /// Futures that are done, and whose data nobody has looked at.
    pub(super) arrived: Vec<usize>,
    pub(super) cancel_asked: bool,
    pub(super) log: EventLog,
    /// Attempts that did not count, of tasks that had some.
    pub(super) attempts: HashMap<usize, Vec<TaskAttempt>>,
    /// What the tasks of a stage do.
    pub(super) labels: Vec<Arc<str>>,
    /// The first failure, by task.
    pub(super) failure: Option<(usize, RunCause)>,
    pub(super) report: RunReport,
    pub(super) node_rows: NodeRows,
    /// Tasks whose rows depend on their token alone.
    pub(super) reusable: Vec<bool>,
    pub(super) stages: StageStates,
    pub(super) effects: Vec<Effect>,
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
    /// The futures to wait for.
    pub(super) fn awaited(&self) -> Vec<FutureHandle> {
        self.awaited.iter().filter_map(|awaited| awaited.handle.clone()).collect()
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

    /// What to do next, if anything. Whoever takes it has a hand in the run, until it says otherwise.
    pub(super) fn take(&mut self) -> Option<Job> {
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
        while let Some(task) = self.ready.pop(self.pressure()) {
            if let Ok(number) = self.life.submit(task) {
                return Some(Job::Attempt(self.assignment(task, number)));
            }
        }
        None
    }

    fn pressure(&self) -> Pressure {
        match (self.memory.is_full(), self.life.working()) {
            (false, _) => Pressure::None,
            (true, 0) => Pressure::Idle,
            (true, _) => Pressure::Busy,
        }
    }

    fn assignment(&mut self, task: usize, number: u32) -> Assignment {
        let id = TaskId::new(task);
        let shared = self.stages.get(self.graph[id].stage);
        let node = self.graph.task(id);
        let (mut bytes_in, mut uncounted, mut read_again, mut spilled) = (0, Vec::new(), Vec::new(), Vec::new());
        let mut inputs: Vec<SlotData> = Vec::with_capacity(node.fragment.inputs);
        for (slot, sources) in self.graph.inputs(id).enumerate() {
            let mut data = Vec::with_capacity(sources.len());
            for source in sources {
                let rows = match source {
                    Input::Task { task, port } => {
                        match self.store.get(self.life.topology().port(task.index(), port)) {
                            Some(Held::Rows(rows)) => {
                                if self.life.reads_left(Resource::Port { task: task.index(), port }) > 1 {
                                    read_again.push((slot, data.len()));
                                }
                                Some(rows)
                            }
                            Some(Held::Spilled(rows)) => {
                                spilled.push((slot, data.len(), rows.clone()));
                                data.push(PartitionData::default());
                                None
                            }
                            // Its producer was skipped.
                            None => None,
                        }
                    }
                    Input::Leaf(at) => match &self.leaves[at] {
                        Leaf::Future(future) => {
                            if self.life.reads_left(Resource::Future(*future as usize)) > 1 {
                                read_again.push((slot, data.len()));
                            }
                            self.awaited[*future as usize].rows.as_ref()
                        }
                        Leaf::Data(batches) => {
                            uncounted.push((slot, data.len()));
                            data.push(batches.clone());
                            None
                        }
                        Leaf::Gone => None,
                    },
                };
                if let Some(rows) = rows {
                    bytes_in += rows.bytes;
                    data.push(rows.data.clone());
                }
            }
            inputs.push(data);
        }
        Assignment {
            task,
            token: node.token,
            number,
            fragment: node.fragment.clone(),
            stage: node.stage,
            partition: node.partition,
            shared,
            is_output: self.life.is_output(task),
            inputs,
            bytes_in,
            uncounted,
            read_again,
            spilled,
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
        let answer = |answer| Message::Answered { task, attempt, answer };
        match finished {
            Finished::Ok(ports, node_rows) => {
                ran.rows = ports.iter().map(Held::rows).sum();
                ran.bytes_out = ports.iter().map(Held::bytes).sum();
                if self.receive(answer(Answer::Ok)).is_err() {
                    after.held.extend(ports);
                    return;
                }
                for (port, held) in ports.into_iter().enumerate() {
                    match self.life.reads_left(Resource::Port { task, port }) {
                        0 => after.held.push(held),
                        _ => self.keep(task, port, held),
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
                // An answer to a request that the protocol has yet to hear of.
                if std::mem::take(&mut self.cancel_asked) {
                    self.cancel(now, after);
                }
                let _ = self.receive(answer(Answer::Cancelled));
            }
            Finished::Lost(cause) => {
                ran.error = Some(Arc::new(cause.task_error()));
                if self.receive(Message::Lost { task, attempt }).is_ok() {
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

    pub(super) fn keep(&mut self, task: usize, port: usize, held: Held) {
        let purpose = match self.life.is_output(task) {
            true => Use::Result,
            false => Use::Readers(match self.memory.limit() {
                Some(_) => self.next_use(task, port),
                None => 0,
            }),
        };
        self.store.put(self.life.topology().port(task, port), held, purpose);
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
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Ready { task } => {
                    self.ready_at[task] = Some(now);
                    let reads_tasks =
                        self.memory.limit().is_none() || self.life.topology().producers(task).next().is_some();
                    self.ready.push(task, self.graph[task].priority, reads_tasks);
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

    /// Records the one event of a task. An attempt is behind it, if it ran, was lost, or its future failed.
    fn end(
        &mut self,
        task: usize,
        state: TaskState,
        attempt: u32,
        now: Duration,
        ran: Option<&mut Ran>,
        after: &mut Aftermath,
    ) {
        let mut event = self.unstarted(task, state, now);
        event.attempt = attempt;
        if let Some(attempts) = self.attempts.remove(&task) {
            event.attempts = attempts;
        }
        match (state, ran) {
            (TaskState::Ok | TaskState::Failed | TaskState::Lost | TaskState::Cancelled, Some(ran))
                if ran.worker.is_some() && attempt > 0 =>
            {
                event.worker = ran.worker.take();
                event.host = ran.host.take();
                event.started = ran.started;
                event.transfer = ran.transfer;
                event.peak_memory = ran.peak_memory;
                event.observed = std::mem::take(&mut ran.observed);
                event.rows = ran.rows;
                event.bytes_in = ran.bytes_in;
                event.bytes_out = ran.bytes_out;
                event.error = ran.error.take();
            }
            (TaskState::Failed | TaskState::Lost, Some(ran)) => event.error = ran.error.clone(),
            (TaskState::Cached, Some(ran)) => {
                event.rows = ran.rows;
                event.bytes_out = ran.bytes_out;
                self.node_rows.unknown(&self.graph[task].fragment);
            }
            _ => {}
        }
        match self.told {
            true => after.events.push(event),
            false => self.log.record(event),
        }
    }

    /// Records the events of which observers have heard. Whoever has some has a hand in the run.
    pub(super) fn record(&mut self, after: &mut Aftermath) {
        after.heard = 0;
        after.events.drain(..).for_each(|event| self.log.record(event));
    }

    fn note_attempt(&mut self, task: usize, number: u32, ran: Option<&mut Ran>) {
        let Some(ran) = ran else { return };
        self.attempts.entry(task).or_default().push(TaskAttempt {
            number,
            worker: ran.worker.clone(),
            host: ran.host.clone(),
            started: ran.started,
            ended: ran.ended,
            why: ran.error.as_ref().map_or_else(String::new, |error| error.message.clone()),
            observed: std::mem::take(&mut ran.observed),
        });
    }

    /// The event of a task that never started.
    pub(super) fn unstarted(&self, task: usize, state: TaskState, now: Duration) -> TaskEvent {
        let node = &self.graph[task];
        TaskEvent {
            task,
            stage: node.stage,
            partition: node.partition,
            label: self.labels[node.stage].clone(),
            state,
            worker: None,
            host: None,
            attempt: 0,
            attempts: Vec::new(),
            submitted: Duration::ZERO,
            ready: self.ready_at[task],
            started: None,
            ended: now,
            transfer: Duration::ZERO,
            rows: 0,
            bytes_in: 0,
            bytes_out: 0,
            peak_memory: None,
            observed: Observed::new(),
            error: None,
        }
    }
}
