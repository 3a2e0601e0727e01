//! A lifecycle, and a witness who knows the laws and sees every message and effect.

use std::hash::{Hash, Hasher};

use leafhold::run::TaskState;
use leafhold::run::lifecycle::{Answer, Effect, Ignored, Lifecycle, Message, Phase, Resource, Side, Topology};

/// A graph by hand.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Ports and reads of each task.
    pub tasks: Vec<(usize, Vec<Resource>)>,
    pub futures: usize,
    pub outputs: Vec<usize>,
}

impl Shape {
    pub fn topology(&self) -> Topology {
        let mut builder = Topology::builder();
        for _ in 0..self.futures {
            builder.future();
        }
        for (ports, reads) in &self.tasks {
            builder.task(*ports, reads.iter().copied());
        }
        builder.finish(self.outputs.iter().copied()).unwrap()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    pub life: Lifecycle,
    pub retries: u32,
    /// How each task ended, and who said so.
    pub ended: Vec<Option<(TaskState, Side)>>,
    /// The attempts that somebody was given.
    pub submitted: Vec<u32>,
    /// Futures that have come.
    pub resolved: Vec<bool>,
    released: Vec<Resource>,
    pub stopped: bool,
    pub over: bool,
}

impl Hash for World {
    /// The graph is the same in all worlds that are compared.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (0..self.tasks()).for_each(|task| self.life.phase(task).hash(state));
        (&self.submitted, &self.resolved, &self.released, self.stopped).hash(state);
    }
}

impl World {
    pub fn new(shape: &Shape, retries: u32) -> Self {
        let tasks = shape.tasks.len();
        let mut world = World {
            life: Lifecycle::new(shape.topology(), retries),
            retries,
            ended: vec![None; tasks],
            submitted: vec![0; tasks],
            resolved: vec![false; shape.futures],
            released: Vec::new(),
            stopped: false,
            over: false,
        };
        let mut effects = Vec::new();
        world.life.start(&mut effects);
        world.witness(None, &effects);
        world
    }

    pub fn tasks(&self) -> usize {
        self.ended.len()
    }

    pub fn submit(&mut self, task: usize) -> Result<u32, Ignored> {
        let given = self.life.submit(task);
        if let Ok(attempt) = given {
            assert!(!self.stopped, "task {task} was submitted after the run had stopped");
            assert!(self.ended[task].is_none(), "task {task} was submitted after its end");
            assert_eq!(attempt, self.submitted[task] + 1);
            assert!(attempt <= self.retries + 1, "attempt {attempt} of task {task}");
            self.submitted[task] = attempt;
        }
        given
    }

    /// Sends a message; says whether it counted.
    pub fn send(&mut self, message: Message) -> bool {
        let before = self.life.clone();
        let counted = self.tell(message);
        assert!(counted || before == self.life, "{message:?} was ignored, and changed something");
        counted
    }

    /// The same for whoever sees himself that what is ignored changes nothing.
    pub fn tell(&mut self, message: Message) -> bool {
        let mut effects = Vec::new();
        let before: Vec<Phase> = (0..self.tasks()).map(|task| self.life.phase(task)).collect();
        let heard = self.life.receive(message, &mut effects);
        if heard.is_err() {
            assert_eq!(effects, [], "{message:?} was ignored");
            return false;
        }
        if let Message::Resolved { future } = message {
            self.resolved[future] = true;
        }
        if let Message::Answered { task, attempt, .. } | Message::Lost { task, attempt } = message {
            assert_eq!(attempt, self.submitted[task], "an attempt that is not the current one counted");
            assert!(self.ended[task].is_none(), "an attempt counted after the end of its task");
        }
        let live = match message {
            Message::FutureFailed { future, .. } => {
                // Whoever works has read what was there.
                self.live_readers(Resource::Future(future), !self.resolved[future], &before)
            }
            Message::RowsGone { task, .. } => {
                assert!(self.made(task), "task {task} gave nothing to lose");
                let ports = (0..self.life.topology().ports(task)).map(|port| Resource::Port { task, port });
                ports.flat_map(|port| self.live_readers(port, false, &before)).collect()
            }
            _ => Vec::new(),
        };
        assert!(!live.is_empty() || !matches!(message, Message::FutureFailed { .. } | Message::RowsGone { .. }));
        self.witness(Some(message), &effects);
        for reader in live {
            let expected = match message {
                Message::FutureFailed { lost: true, .. } | Message::RowsGone { lost: true, .. } => TaskState::Lost,
                _ => TaskState::Failed,
            };
            assert_eq!(self.ended[reader], Some((expected, Side::Driver)), "task {reader}, by {message:?}");
        }
        for task in (0..self.tasks()).filter(|task| before[*task].is_in_flight()) {
            let gone = self.ended[task].is_some_and(|(state, side)| {
                matches!(state, TaskState::Failed | TaskState::Lost) && side == Side::Driver
            });
            assert!(!gone || !matches!(message, Message::RowsGone { .. }), "task {task} had read its rows");
        }
        true
    }

    fn witness(&mut self, message: Option<Message>, effects: &[Effect]) {
        for effect in effects {
            match *effect {
                Effect::Ready { task } => {
                    assert!(self.ended[task].is_none() && !self.stopped);
                    for read in self.life.topology().reads(task) {
                        assert!(self.is_there(read), "task {task} is ready without {read:?}");
                    }
                }
                Effect::Again { task, attempt } => {
                    assert_eq!(attempt, self.submitted[task]);
                    assert!(self.ended[task].is_none() && attempt <= self.retries);
                }
                Effect::Ended { task, state, side, attempt } => {
                    assert_eq!(self.ended[task], None, "task {task} ended twice");
                    assert_eq!(attempt, self.submitted[task]);
                    self.ended[task] = Some((state, side));
                    self.check_end(task, state, side, message);
                }
                Effect::Release(resource) => {
                    assert!(!self.released.contains(&resource), "{resource:?} was released twice");
                    for reader in self.life.topology().readers(resource) {
                        assert!(
                            self.ended[*reader as usize].is_some(),
                            "{resource:?} goes before task {reader} has ended"
                        );
                    }
                    if let Resource::Port { task, .. } = resource {
                        assert!(self.made(task), "task {task} gave nothing to release");
                    }
                    self.released.push(resource);
                }
                Effect::Stop => {
                    assert!(!self.stopped);
                    self.stopped = true;
                }
                Effect::Over => {
                    assert!(!self.over);
                    self.over = true;
                }
            }
        }
        self.released.sort_unstable();
        assert_eq!(self.over, self.life.is_over());
        assert_eq!(self.over, self.ended.iter().all(Option::is_some));
        if self.over {
            self.check_books();
        }
    }

    fn check_end(&self, task: usize, state: TaskState, side: Side, message: Option<Message>) {
        let told = match message {
            Some(Message::Answered { task, .. }) => Some(task),
            _ => None,
        };
        match state {
            TaskState::Ok => assert_eq!((told, side), (Some(task), Side::Worker)),
            TaskState::Failed if side == Side::Driver => {
                let gone = matches!(message, Some(Message::RowsGone { lost: false, .. }));
                assert!(gone || matches!(message, Some(Message::FutureFailed { lost: false, .. })));
            }
            TaskState::Failed => assert_eq!(told, Some(task)),
            TaskState::Lost => {
                assert_eq!(side, Side::Driver);
                let gone = matches!(message, Some(Message::RowsGone { lost: true, .. }));
                assert!(
                    gone || matches!(message, Some(Message::Lost { .. } | Message::FutureFailed { lost: true, .. }))
                );
            }
            TaskState::Cancelled if side == Side::Worker => assert!(self.stopped && told == Some(task)),
            TaskState::Cancelled | TaskState::UpstreamFailed => {
                assert!(self.stopped && side == Side::Driver);
                let failed = |task: usize| self.ended[task].is_some_and(|(state, _)| state.is_failure());
                let below = self.life.topology().producers(task).any(failed);
                assert_eq!(below, state == TaskState::UpstreamFailed, "task {task} {state:?}");
            }
            TaskState::Cached => assert_eq!(message, Some(Message::Cached { task })),
            TaskState::Skipped => {
                assert_eq!(side, Side::Driver);
                let needed = |reader: &u32| self.ended[*reader as usize].is_none();
                let ports = (0..self.life.topology().ports(task)).map(|port| Resource::Port { task, port });
                let read = ports.flat_map(|port| self.life.topology().readers(port)).any(needed);
                assert!(!read || message == Some(Message::Unneeded { task }), "task {task} was needed");
            }
        }
    }

    /// Every future is released once; every port that was made as well, or it is the result of a run that went well.
    fn check_books(&self) {
        let well = self.ended.iter().flatten().all(|(state, _)| state.is_well());
        assert_eq!(well, self.life.is_well());
        for future in 0..self.resolved.len() {
            assert!(self.released.contains(&Resource::Future(future)), "future {future} was never released");
        }
        for task in 0..self.tasks() {
            for port in 0..self.life.topology().ports(task) {
                let kept = self.made(task) && !(well && port == 0 && self.life.is_output(task));
                let released = self.released.contains(&Resource::Port { task, port });
                assert_eq!(released, kept, "port {port} of task {task}");
            }
        }
        assert_eq!(self.life.working(), 0);
    }

    /// Those who read something and have not ended; those that somebody worked on `before` among them, or not.
    fn live_readers(&self, read: Resource, in_flight: bool, before: &[Phase]) -> Vec<usize> {
        let readers = self.life.topology().readers(read).iter().map(|reader| *reader as usize);
        readers.filter(|at| self.ended[*at].is_none() && (in_flight || !before[*at].is_in_flight())).collect()
    }

    fn made(&self, task: usize) -> bool {
        matches!(self.ended[task], Some((TaskState::Ok | TaskState::Cached, _)))
    }

    fn is_there(&self, read: Resource) -> bool {
        match read {
            Resource::Port { task, .. } => self.ended[task].is_some_and(|(state, _)| state.is_well()),
            Resource::Future(future) => self.resolved[future],
        }
    }

    /// Tasks that somebody works on.
    pub fn in_flight(&self) -> impl Iterator<Item = usize> {
        (0..self.tasks()).filter(|task| self.life.phase(*task).is_in_flight())
    }

    pub fn ready(&self) -> impl Iterator<Item = usize> {
        (0..self.tasks()).filter(|task| self.life.phase(*task) == Phase::Ready)
    }
}

pub const ANSWERS: [Answer; 4] =
    [Answer::Ok, Answer::Failed { retry: false }, Answer::Failed { retry: true }, Answer::Cancelled];
