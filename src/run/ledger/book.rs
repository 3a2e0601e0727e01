use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::execution::{Execution, Given, Pending};
use super::remaking::Remaking;
use super::sending::Sending;
use crate::leaf::{FutureHandle, Generation};
use crate::lower::{Input, LeafInput, TaskDag, TaskGraph, TaskId};
use crate::run::lifecycle::{Effect, Ignored, Lifecycle, Message, Resource, Topology, TopologyError};
use crate::run::node_rows::NodeRows;
use crate::run::report::{Stage, stages_of};
use crate::run::{RunReport, TaskAttempt, TaskError, TaskEvent, TaskState};

/// The book of one run: see the [module](super). It holds no data and no futures.
///
/// Times are offsets from the start of the run; `now` is the driver's. What is heard costs O(1), and O(reads) for the
/// first word of an attempt.
pub struct Ledger {
    pub(super) dag: TaskDag,
    pub(super) lifecycle: Lifecycle,
    futures: HashMap<Generation, usize>,
    /// How often the engine tries a task again that raised an error.
    pub(super) retries: u32,
    pub(super) entries: Vec<Entry>,
    /// Tasks whose last attempt is over and did not end them.
    pub(super) pending: BTreeSet<usize>,
    stages: Vec<Stage>,
    pub(super) labels: HashMap<usize, Arc<str>>,
    node_rows: NodeRows,
    pub(super) sending: Sending,
    pub(super) remaking: Remaking,
    /// Tasks that ended, in that order.
    told: Vec<usize>,
    /// How many of them somebody has heard of.
    heard: usize,
    effects: Vec<Effect>,
}

/// What is known of a task.
#[derive(Default)]
pub(super) struct Entry {
    ready: Option<Duration>,
    /// The attempt under way, or the last one.
    pub(super) current: Option<Execution>,
    /// Set when that one is over, and the task is not.
    pub(super) pending: Option<Pending>,
    /// Executions that were given up: what is heard of them is late.
    pub(super) earlier: Vec<String>,
    attempts: Vec<TaskAttempt>,
    /// How often it raised an error.
    pub(super) failures: u32,
    /// How many rows it gave, if whoever ran it said so.
    rows: Option<u64>,
    pub(super) event: Option<TaskEvent>,
}

impl Entry {
    pub(super) fn has_ended(&self) -> bool {
        self.event.is_some()
    }

    /// Once it has ended: how many rows it gave, where that is known.
    pub(super) fn given_rows(&self) -> Option<Option<u64>> {
        self.has_ended().then_some(self.rows)
    }
}

/// What the event of a task that ends has beside its state.
#[derive(Default)]
pub(super) struct Closing {
    pub(super) ended: Duration,
    pub(super) transfer: Duration,
    pub(super) bytes_in: u64,
    pub(super) peak_memory: Option<u64>,
    pub(super) given: Option<Given>,
    pub(super) error: Option<Arc<TaskError>>,
}

/// What is known of tasks that end by a message.
pub(super) enum Word {
    Nothing,
    /// Of one task.
    Of(usize, Closing),
    /// Why a future gives no data.
    Future(Arc<TaskError>),
}

impl Ledger {
    /// The book of a run in which nothing has happened. `retries` is how often the engine tries a task again that
    /// raised an error; how often it does so when a worker dies is the engine's affair.
    ///
    /// # Errors
    /// A graph that is none.
    pub fn new(graph: &TaskGraph, retries: u32) -> Result<Self, TopologyError> {
        let mut builder = Topology::builder();
        let mut futures = HashMap::new();
        let mut resources: Vec<Option<Resource>> = Vec::with_capacity(graph.leaf_inputs().len());
        for input in graph.leaf_inputs() {
            resources.push(match input {
                LeafInput::Future(future) => {
                    let next = futures.len();
                    let number = *futures.entry(future.handle.generation()).or_insert(next);
                    if number == next {
                        builder.future();
                    }
                    Some(Resource::Future(number))
                }
                LeafInput::Data(_) => None,
            });
        }
        let dag: TaskDag = TaskDag::clone(graph);
        for (id, task) in dag.ids().zip(dag.tasks()) {
            let reads = dag.inputs(id).flatten().filter_map(|input| match input {
                Input::Task { task, port } => Some(Resource::Port { task: task.index(), port }),
                Input::Leaf(at) => resources[at],
            });
            builder.task(task.fragment.output.ports(), reads);
        }
        let topology = builder.finish(dag.outputs.iter().map(|output| output.index()))?;
        let stages = stages_of(&dag);
        let labels = stages.iter().map(|stage| (stage.stage, stage.label.clone())).collect();
        let mut ledger = Ledger {
            entries: (0..dag.len()).map(|_| Entry::default()).collect(),
            // How often is the engine's affair; the book says what came of it.
            lifecycle: Lifecycle::new(topology, u32::MAX),
            futures,
            retries,
            pending: BTreeSet::new(),
            stages,
            labels,
            node_rows: NodeRows::default(),
            sending: Sending::new(&dag),
            remaking: Remaking::default(),
            told: Vec::new(),
            heard: 0,
            effects: Vec::new(),
            dag,
        };
        let mut effects = Vec::new();
        ledger.lifecycle.start(&mut effects);
        ledger.follow(&effects, Duration::ZERO, Word::Nothing);
        Ok(ledger)
    }

    /// The number of a future that tasks read: what [`Ledger::future`] counts in.
    pub fn future_number(&self, handle: &FutureHandle) -> Option<usize> {
        self.futures.get(&handle.generation()).copied()
    }

    /// How many tasks are planned, and in which stages.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Whether every task has ended.
    pub fn is_over(&self) -> bool {
        self.lifecycle.is_over()
    }

    /// Whether a task failed, or the run was cancelled.
    pub fn is_stopping(&self) -> bool {
        self.lifecycle.is_stopping()
    }

    /// The terminal events that nobody has been given yet: each task's exactly once.
    pub fn take_events(&mut self) -> Vec<TaskEvent> {
        let new = &self.told[self.heard..];
        self.heard = self.told.len();
        new.iter().filter_map(|task| self.entries[*task].event.clone()).collect()
    }

    /// Closes the book. What is still under way is given up.
    pub fn close(mut self, started: SystemTime, wall: Duration, workers: usize) -> (Vec<TaskEvent>, RunReport) {
        if !self.is_over() {
            self.give_up(TaskError::new("lost", "the run ended before it did"), true, wall);
        }
        let events = self.take_events();
        let (node_rows, c_out) = self.node_rows.finish();
        let mut report = RunReport {
            tasks: self.entries.into_iter().filter_map(|entry| entry.event).collect(),
            stages: self.stages,
            started,
            wall,
            workers,
            node_rows,
            c_out,
            ..RunReport::default()
        };
        report.link(|task| self.dag.producers(TaskId::new(task)).into_iter().map(TaskId::index));
        (events, report)
    }

    pub(super) fn has_ended(&self, task: usize) -> bool {
        self.entries[task].has_ended()
    }

    /// Passes a message on, and enters what follows.
    pub(super) fn tell(&mut self, message: Message, now: Duration, word: Word) -> Result<(), Ignored> {
        let mut effects = std::mem::take(&mut self.effects);
        let heard = self.lifecycle.receive(message, &mut effects);
        self.follow(&effects, now, word);
        effects.clear();
        self.effects = effects;
        heard
    }

    fn follow(&mut self, effects: &[Effect], now: Duration, mut word: Word) {
        for effect in effects {
            match *effect {
                Effect::Ready { task } => self.entries[task].ready = Some(now),
                Effect::Again { task, attempt } => {
                    let entry = &mut self.entries[task];
                    let known = entry.current.take().unwrap_or_default();
                    let replaced = || (now, TaskError::new("replaced", "another execution took its place"));
                    let (ended, error) = entry.pending.take().map_or_else(replaced, Pending::into_error);
                    let error = Arc::new(error);
                    self.pending.remove(&task);
                    let Execution { id, worker, host, started, observed } = known;
                    entry.earlier.push(id);
                    entry.attempts.push(TaskAttempt { number: attempt, worker, host, started, ended, error, observed });
                }
                Effect::Ended { task, state, attempt, .. } => {
                    let unsaid = || Closing { ended: now, ..Closing::default() };
                    let closing = match &mut word {
                        Word::Of(known, closing) if *known == task => std::mem::take(closing),
                        Word::Future(error) if matches!(state, TaskState::Failed | TaskState::Lost) => {
                            Closing { error: Some(error.clone()), ..unsaid() }
                        }
                        _ => unsaid(),
                    };
                    self.end(task, state, attempt, closing);
                }
                // Data and futures are the engine's and the driver's: they hold them until the outputs are there,
                // since a worker that dies makes tasks run again.
                Effect::Release(_) | Effect::Stop | Effect::Over => {}
            }
        }
    }

    fn end(&mut self, task: usize, state: TaskState, attempt: u32, closing: Closing) {
        let Closing { ended, transfer, bytes_in, peak_memory, given, error } = closing;
        let node = &self.dag[task];
        match &given {
            Some(given) => self.node_rows.add(&self.dag, TaskId::new(task), &given.node_rows),
            None if state != TaskState::Skipped => self.node_rows.unknown(&node.fragment),
            None => {}
        }
        let rows = given.as_ref().map(|given| given.rows);
        let given = given.unwrap_or_default();
        let entry = &mut self.entries[task];
        entry.pending = None;
        self.pending.remove(&task);
        let ran = entry.current.clone().unwrap_or_default();
        let event = TaskEvent {
            task,
            stage: node.stage,
            partition: node.partition,
            label: self.labels[&node.stage].clone(),
            state,
            worker: ran.worker,
            host: ran.host,
            attempt,
            attempts: std::mem::take(&mut entry.attempts),
            submitted: Duration::ZERO,
            ready: entry.ready.map(|ready| ran.started.map_or(ready, |started| ready.min(started))),
            started: ran.started,
            ended: ran.started.map_or(ended, |started| ended.max(started)),
            transfer,
            rows: given.rows,
            bytes_in,
            bytes_out: given.bytes,
            peak_memory,
            peak_execution_memory: given.peak_execution_memory,
            spilled_bytes: 0,
            observed: ran.observed,
            error,
        };
        debug_assert!(entry.event.is_none(), "a task ends once");
        entry.rows = rows;
        entry.event = Some(event);
        self.told.push(task);
        if self.has_limits() {
            for (reader, to) in self.dag.consumers(TaskId::new(task)) {
                self.sending.ended(task, reader.index(), to.slot as usize);
            }
        }
    }
}
