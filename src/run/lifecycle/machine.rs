use std::sync::Arc;

use super::{Answer, Effect, Ignored, Message, Phase, Resource, Side, Topology};
use crate::run::TaskState;

/// The state of a run under the protocol: see the [module](super) for the phases and the laws.
///
/// Effects are appended to the vector that the caller brings. A message costs O(1), and what it ends O(reads and
/// readers of that).
///
/// ```
/// use leafhold::run::TaskState;
/// use leafhold::run::lifecycle::{Answer, Effect, Lifecycle, Message, Side, Topology};
///
/// let mut builder = Topology::builder();
/// let task = builder.task(1, []);
/// let mut effects = Vec::new();
/// let mut run = Lifecycle::new(builder.finish([task])?, 1);
/// run.start(&mut effects);
/// assert_eq!(effects, [Effect::Ready { task }]);
///
/// let attempt = run.submit(task)?;
/// effects.clear();
/// run.receive(Message::Lost { task, attempt }, &mut effects)?;
/// assert_eq!(effects, [Effect::Again { task, attempt: 1 }, Effect::Ready { task }]);
///
/// let attempt = run.submit(task)?;
/// let late = Message::Answered { task, attempt: 1, answer: Answer::Ok };
/// assert!(run.receive(late, &mut effects).is_err(), "that attempt was given up");
/// effects.clear();
/// run.receive(Message::Answered { task, attempt, answer: Answer::Ok }, &mut effects)?;
/// let ended = Effect::Ended { task, state: TaskState::Ok, side: Side::Worker, attempt: 2 };
/// assert_eq!(effects, [ended, Effect::Over]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lifecycle {
    topology: Arc<Topology>,
    retries: u32,
    tasks: Vec<Life>,
    /// How many readers of each port and future have not ended, the result among them; and [`THERE`].
    unread: Vec<u32>,
    /// Tasks that have not ended.
    live: usize,
    /// Attempts under way whose inputs are there: only these have to answer before a run that stops is over.
    working: usize,
    stopping: bool,
    over: bool,
    /// Whether every task that ended has its rows.
    well: bool,
    /// Tasks whose last reader has ended before they began.
    unneeded: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Life {
    phase: Phase,
    /// Reads that are not there yet.
    unmet: u32,
    attempt: u32,
    /// Reads of its ports by what has not ended, the result among them.
    wanted: u32,
    /// Whether the result reads it.
    is_output: bool,
}

/// Set in the count of a port that was made, and of a future that was heard of.
const THERE: u32 = 1 << 31;

type Heard = Result<(), Ignored>;

impl Lifecycle {
    /// A run in which nothing has happened. A task is tried once, and `retries` times more.
    pub fn new(topology: Topology, retries: u32) -> Self {
        let ports = topology.all_ports();
        let mut unread: Vec<u32> =
            (0..(ports + topology.futures()) as u32).map(|number| topology.readers_of(number).len() as u32).collect();
        let life = |task: usize| Life {
            phase: Phase::Waiting,
            unmet: topology.numbers(task).len() as u32,
            attempt: 0,
            wanted: topology.readers_of_task(task).len() as u32,
            is_output: false,
        };
        let mut tasks: Vec<Life> = (0..topology.tasks()).map(life).collect();
        for output in topology.outputs() {
            unread[*output as usize] += 1;
            if let Some(task) = topology.producer(*output) {
                tasks[task].wanted += 1;
                tasks[task].is_output = true;
            }
        }
        let (live, unneeded) = (tasks.len(), Vec::new());
        Lifecycle {
            topology: Arc::new(topology),
            retries,
            tasks,
            unread,
            live,
            working: 0,
            stopping: false,
            over: false,
            well: true,
            unneeded,
        }
    }

    /// What can be submitted at once. Called once, before anything else.
    pub fn start(&mut self, effects: &mut Vec<Effect>) {
        for future in 0..self.topology.futures() {
            if self.unread[self.topology.future_number(future) as usize] & !THERE == 0 {
                effects.push(Effect::Release(Resource::Future(future)));
            }
        }
        for task in 0..self.tasks.len() {
            if self.tasks[task].unmet == 0 {
                self.tasks[task].phase = Phase::Ready;
                effects.push(Effect::Ready { task });
            }
        }
        self.settle(effects);
    }

    /// Gives a task to somebody. Engines that order tasks themselves may be given what still waits.
    ///
    /// Gives the number of the attempt, from 1.
    ///
    /// # Errors
    /// The task is worked on or has ended, or the run is stopping.
    pub fn submit(&mut self, task: usize) -> Result<u32, Ignored> {
        let life = self.tasks.get_mut(task).ok_or(Ignored::Unknown)?;
        match life.phase {
            Phase::Ended(_) => Err(Ignored::Ended),
            _ if self.stopping => Err(Ignored::Stopping),
            Phase::Submitted | Phase::Running => Err(Ignored::Phase),
            Phase::Waiting | Phase::Ready => {
                life.phase = Phase::Submitted;
                life.attempt += 1;
                self.working += usize::from(life.unmet == 0);
                Ok(life.attempt)
            }
        }
    }

    /// Takes in what happened.
    ///
    /// # Errors
    /// Why the message counts for nothing: it is late, came twice, or fits no phase. Nothing has changed then.
    pub fn receive(&mut self, message: Message, effects: &mut Vec<Effect>) -> Heard {
        match message {
            Message::Resolved { future } => {
                let number = self.first_word_of(future)?;
                for at in 0..self.topology.readers_of(number).len() {
                    let reader = self.topology.readers_of(number)[at] as usize;
                    self.meet(reader, effects);
                }
            }
            Message::FutureFailed { future, lost } => {
                let first = self.first_word_of(future).map(|_| true).or_else(|ignored| match ignored {
                    // Its data were there, and are gone.
                    Ignored::Ended => Ok(false),
                    _ => Err(ignored),
                })?;
                let topology = self.topology.clone();
                let readers = topology.readers_of(topology.future_number(future));
                self.end_readers(readers.iter().map(|reader| *reader as usize), first, lost, effects)?;
            }
            Message::RowsGone { task, lost } => {
                match self.tasks.get(task).ok_or(Ignored::Unknown)?.phase {
                    Phase::Ended(TaskState::Ok | TaskState::Cached) => {}
                    Phase::Ended(_) => return Err(Ignored::Ended),
                    _ => return Err(Ignored::Phase),
                }
                let topology = self.topology.clone();
                let readers = topology.readers_of_task(task).map(|at| topology.reader(at));
                self.end_readers(readers, false, lost, effects)?;
            }
            Message::Started { task, attempt } => {
                self.current(task, attempt)?;
                self.tasks[task].phase = Phase::Running;
            }
            Message::Answered { task, attempt, answer } => {
                self.current(task, attempt)?;
                match answer {
                    Answer::Ok => self.end(task, TaskState::Ok, Side::Worker, effects),
                    Answer::Failed { retry: true } if self.may_retry(task) => self.again(task, effects),
                    Answer::Failed { .. } => self.end(task, TaskState::Failed, Side::Worker, effects),
                    Answer::Cancelled if self.stopping => self.end(task, TaskState::Cancelled, Side::Worker, effects),
                    // Nobody had asked it to.
                    Answer::Cancelled => self.end(task, TaskState::Failed, Side::Worker, effects),
                }
            }
            Message::Lost { task, attempt } => {
                self.current(task, attempt)?;
                match self.may_retry(task) {
                    true => self.again(task, effects),
                    false => self.end(task, TaskState::Lost, Side::Driver, effects),
                }
            }
            Message::Cached { task } => {
                self.untouched(task)?;
                self.end(task, TaskState::Cached, Side::Driver, effects);
            }
            Message::Unneeded { task } => {
                self.untouched(task)?;
                if self.tasks[task].is_output {
                    return Err(Ignored::Phase);
                }
                self.end(task, TaskState::Skipped, Side::Driver, effects);
            }
            Message::Cancel => {
                if self.stopping || self.over {
                    return Err(Ignored::Stopping);
                }
                self.stop(effects);
            }
        }
        self.settle(effects);
        Ok(())
    }

    /// Where a task stands.
    ///
    /// # Panics
    /// There is no such task.
    pub fn phase(&self, task: usize) -> Phase {
        self.tasks[task].phase
    }

    /// The last attempt of a task, from 1; 0 for what was never submitted.
    ///
    /// # Panics
    /// There is no such task.
    pub fn attempt(&self, task: usize) -> u32 {
        self.tasks[task].attempt
    }

    /// How many reads of a port or a future are still to come, the result's among them.
    pub fn reads_left(&self, resource: Resource) -> usize {
        self.topology.number(resource).map_or(0, |number| (self.unread[number as usize] & !THERE) as usize)
    }

    /// Whether the result reads a task.
    pub fn is_output(&self, task: usize) -> bool {
        self.tasks[task].is_output
    }

    /// The graph.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Whether nothing may start any more.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether every task has ended.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether all that has ended so far has its rows, or is not needed.
    pub fn is_well(&self) -> bool {
        self.well
    }

    /// How many attempts are under way.
    pub fn working(&self) -> usize {
        self.working
    }

    fn first_word_of(&mut self, future: usize) -> Result<u32, Ignored> {
        if future >= self.topology.futures() {
            return Err(Ignored::Unknown);
        }
        let number = self.topology.future_number(future);
        match self.unread[number as usize] {
            heard if heard & THERE != 0 => Err(Ignored::Ended),
            // Its readers have ended, and it is let go.
            0 => Err(Ignored::Ended),
            _ => {
                self.unread[number as usize] |= THERE;
                Ok(number)
            }
        }
    }

    /// Ends the readers of what gives nothing. Those that somebody works on have read it, unless nobody ever could.
    fn end_readers(
        &mut self,
        readers: impl Iterator<Item = usize>,
        all: bool,
        lost: bool,
        effects: &mut Vec<Effect>,
    ) -> Heard {
        let state = if lost { TaskState::Lost } else { TaskState::Failed };
        let before = self.live;
        for reader in readers {
            let phase = self.tasks[reader].phase;
            if !phase.has_ended() && (all || !phase.is_in_flight()) {
                self.end(reader, state, Side::Driver, effects);
            }
        }
        if self.live < before { Ok(()) } else { Err(Ignored::Ended) }
    }

    fn current(&self, task: usize, attempt: u32) -> Heard {
        let life = self.tasks.get(task).ok_or(Ignored::Unknown)?;
        match life.phase {
            Phase::Ended(_) => Err(Ignored::Ended),
            Phase::Submitted | Phase::Running if life.attempt == attempt => Ok(()),
            _ if attempt <= life.attempt => Err(Ignored::Late),
            _ => Err(Ignored::Phase),
        }
    }

    fn untouched(&self, task: usize) -> Heard {
        match self.tasks.get(task).ok_or(Ignored::Unknown)?.phase {
            Phase::Ended(_) => Err(Ignored::Ended),
            _ if self.stopping => Err(Ignored::Stopping),
            Phase::Waiting | Phase::Ready => Ok(()),
            Phase::Submitted | Phase::Running => Err(Ignored::Phase),
        }
    }

    fn may_retry(&self, task: usize) -> bool {
        !self.stopping && self.tasks[task].attempt <= self.retries
    }

    fn again(&mut self, task: usize, effects: &mut Vec<Effect>) {
        let life = &mut self.tasks[task];
        effects.push(Effect::Again { task, attempt: life.attempt });
        match life.unmet {
            0 => {
                self.working -= 1;
                life.phase = Phase::Ready;
                effects.push(Effect::Ready { task });
            }
            _ => life.phase = Phase::Waiting,
        }
    }

    /// One more read of a task is there.
    fn meet(&mut self, task: usize, effects: &mut Vec<Effect>) {
        let life = &mut self.tasks[task];
        life.unmet -= 1;
        if life.unmet > 0 {
            return;
        }
        match life.phase {
            Phase::Waiting => {
                life.phase = Phase::Ready;
                if !self.stopping {
                    effects.push(Effect::Ready { task });
                }
            }
            Phase::Submitted | Phase::Running => self.working += 1,
            Phase::Ready | Phase::Ended(_) => {}
        }
    }

    fn end(&mut self, task: usize, state: TaskState, side: Side, effects: &mut Vec<Effect>) {
        let life = &mut self.tasks[task];
        debug_assert!(!life.phase.has_ended(), "a task ends once");
        if life.phase.is_in_flight() && life.unmet == 0 {
            self.working -= 1;
        }
        life.phase = Phase::Ended(state);
        self.live -= 1;
        effects.push(Effect::Ended { task, state, side, attempt: life.attempt });
        if matches!(state, TaskState::Ok | TaskState::Cached) {
            for number in self.topology.port_numbers(task) {
                match &mut self.unread[number as usize] {
                    0 => effects.push(Effect::Release(self.topology.resource(number))),
                    unread => *unread |= THERE,
                }
            }
        }
        for at in 0..self.topology.numbers(task).len() {
            self.let_go(self.topology.numbers(task)[at], effects);
        }
        match state.is_well() {
            true => {
                for at in self.topology.readers_of_task(task) {
                    self.meet(self.topology.reader(at), effects);
                }
            }
            false => {
                self.well = false;
                if state.is_failure() && !self.stopping {
                    self.stop(effects);
                }
            }
        }
    }

    /// A reader of something has ended.
    fn let_go(&mut self, number: u32, effects: &mut Vec<Effect>) {
        let producer = self.topology.producer(number);
        let unread = &mut self.unread[number as usize];
        *unread -= 1;
        if *unread & !THERE == 0 && (producer.is_none() || *unread & THERE != 0) {
            *unread = 0;
            effects.push(Effect::Release(self.topology.resource(number)));
        }
        if let Some(producer) = producer {
            let life = &mut self.tasks[producer];
            life.wanted -= 1;
            if life.wanted == 0 && !self.stopping && matches!(life.phase, Phase::Waiting | Phase::Ready) {
                self.unneeded.push(producer as u32);
            }
        }
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.stopping = true;
        effects.push(Effect::Stop);
    }

    /// Ends what nobody needs or nobody will run; says when all is over.
    fn settle(&mut self, effects: &mut Vec<Effect>) {
        while let Some(task) = self.unneeded.pop() {
            let task = task as usize;
            if !self.stopping && matches!(self.tasks[task].phase, Phase::Waiting | Phase::Ready) {
                self.end(task, TaskState::Skipped, Side::Driver, effects);
            }
        }
        if self.stopping && self.working == 0 && self.live > 0 {
            let failed = |lives: &[Life], task: usize| match lives[task].phase {
                Phase::Ended(state) => state.is_failure(),
                _ => false,
            };
            for at in 0..self.tasks.len() {
                let task = self.topology.in_order(at);
                if self.tasks[task].phase.has_ended() {
                    continue;
                }
                let state = match self.topology.producers(task).any(|producer| failed(&self.tasks, producer)) {
                    true => TaskState::UpstreamFailed,
                    false => TaskState::Cancelled,
                };
                self.end(task, state, Side::Driver, effects);
            }
        }
        if self.live == 0 && !self.over {
            self.over = true;
            if !self.well {
                for at in 0..self.topology.outputs().len() {
                    self.let_go(self.topology.outputs()[at], effects);
                }
            }
            effects.push(Effect::Over);
        }
    }
}
