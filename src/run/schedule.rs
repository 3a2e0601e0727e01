use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::awaited::{Awaited, Place, ReadKey};
use super::data::Rows;
use super::{Outcome, RunCause, RunError, RunReport, TaskError, TaskEvent, TaskState};
use crate::leaf::{FutureHandle, PartitionReader};
use crate::lower::{FragmentOp, Input, LeafInput, TaskDag, TaskId};

/// What has to be dropped once the lock is free: foreign code may run when data or futures go.
#[derive(Default)]
pub(super) struct Garbage {
    pub(super) rows: Vec<Rows>,
    pub(super) futures: Vec<FutureHandle>,
    pub(super) inputs: Vec<LeafInput>,
    pub(super) readers: Vec<PartitionReader>,
}

/// One port of a task that is done.
#[derive(Default)]
pub(super) struct Port {
    pub(super) rows: Option<Rows>,
    pub(super) unread: usize,
}

/// What is known of a task.
pub(super) struct Progress {
    /// The inputs that are not there yet.
    pub(super) unmet: usize,
    /// The tasks that read it, once for each time they do.
    pub(super) consumers: Vec<usize>,
    pub(super) ports: Vec<Port>,
    /// Where its futures are in [`Schedule::awaited`], in the order of its inputs.
    pub(super) futures: Vec<usize>,
    pub(super) label: Arc<str>,
    pub(super) ready: Option<Duration>,
    pub(super) event: Option<TaskEvent>,
}

/// What a worker measured of a task that it ran.
pub(super) struct Ran {
    pub(super) worker: Arc<str>,
    pub(super) started: Duration,
    pub(super) ended: Duration,
    pub(super) bytes_in: u64,
}

/// The state of a run: which tasks can start, and what is kept for whom.
pub(super) struct Schedule {
    pub(super) graph: TaskDag,
    /// Those that some task has yet to read.
    pub(super) leaf_inputs: Vec<Option<LeafInput>>,
    pub(super) tasks: Vec<Progress>,
    /// Producers before their consumers.
    pub(super) topological: Vec<usize>,
    pub(super) producers: Vec<Vec<usize>>,
    pub(super) awaited: Vec<Awaited>,
    pub(super) by_read: HashMap<ReadKey, usize>,
    /// Futures that the result has to keep.
    pub(super) adopted: Vec<FutureHandle>,
    pub(super) ready: BinaryHeap<(i64, Reverse<usize>)>,
    /// Futures that are done, and whose data nobody has looked at.
    pub(super) arrived: Vec<usize>,
    pub(super) unfinished: usize,
    /// The first failure, by task; and whether no further task may start.
    pub(super) failure: Option<(usize, RunCause)>,
    pub(super) stopping: bool,
    pub(super) kept_ports: usize,
    pub(super) kept_bytes: u64,
    pub(super) report: RunReport,
    pub(super) joins_counted: bool,
    pub(super) workers_left: usize,
    pub(super) result: Option<Result<Outcome, Box<RunError>>>,
}

impl Schedule {
    /// The futures to wait for.
    pub(super) fn awaited(&self) -> Vec<FutureHandle> {
        self.awaited.iter().filter_map(|awaited| awaited.handle.clone()).collect()
    }

    /// Whether a worker can go home.
    pub(super) fn is_over(&self) -> bool {
        self.stopping || self.unfinished == 0
    }

    /// The task to run next.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop().map(|(_, Reverse(task))| task)
    }

    /// Who reads the future behind an arrival, unless it is read to its end.
    pub(super) fn arrival(&mut self, index: usize) -> Option<(PartitionReader, Place)> {
        let awaited = &mut self.awaited[index];
        awaited.reader.take().map(|reader| (reader, awaited.place.clone()))
    }

    /// The rows of all slots of a task whose inputs are there. Data at hand have no sizes yet.
    pub(super) fn inputs(&self, task: usize) -> Vec<Vec<Source>> {
        let mut futures = self.tasks[task].futures.iter();
        let mut source = |input: Input| match input {
            Input::Task { task, port } => Source::Kept(self.tasks[task.index()].ports[port].rows.clone()),
            Input::Leaf(at) => match &self.leaf_inputs[at] {
                Some(LeafInput::Data(input)) => Source::AtHand(input.data.clone()),
                Some(LeafInput::Future(_)) | None => {
                    Source::Kept(futures.next().and_then(|future| self.awaited[*future].rows.clone()))
                }
            },
        };
        self.graph.inputs(TaskId::new(task)).map(|slot| slot.map(&mut source).collect()).collect()
    }

    /// The data of a future has come, or it never will.
    pub(super) fn arrive(
        &mut self,
        index: usize,
        result: Result<(Rows, Vec<FutureHandle>), (TaskState, RunCause)>,
        now: Duration,
    ) -> Vec<TaskEvent> {
        let readers = self.awaited[index].readers.clone();
        match result {
            Ok((rows, adopted)) => {
                self.awaited[index].rows = Some(rows);
                self.adopted.extend(adopted);
                readers.into_iter().for_each(|reader| self.meet(reader, now));
                Vec::new()
            }
            Err((state, cause)) => {
                let mut events = Vec::new();
                let error = Arc::new(cause.task_error());
                for reader in readers {
                    if self.tasks[reader].event.is_none() {
                        let event = self.unstarted(reader, state, now, Some(error.clone()));
                        events.push(self.end(reader, event));
                    }
                    self.fail(reader, cause.clone());
                }
                events
            }
        }
    }

    /// A task gave its rows.
    pub(super) fn succeed(
        &mut self,
        task: usize,
        ran: Ran,
        ports: Vec<Rows>,
        node_rows: &[Option<u64>],
        garbage: &mut Garbage,
    ) -> TaskEvent {
        let now = ran.ended;
        let mut event = self.started(task, TaskState::Ok, ran, None);
        event.rows = ports.iter().map(|port| port.rows).sum();
        event.bytes_out = ports.iter().map(|port| port.bytes).sum();
        for (port, rows) in ports.into_iter().enumerate() {
            match self.tasks[task].ports[port].unread {
                0 => garbage.rows.push(rows),
                _ => {
                    self.kept_ports += 1;
                    self.kept_bytes += rows.bytes;
                    self.tasks[task].ports[port].rows = Some(rows);
                }
            }
        }
        self.report.peak_ports = self.report.peak_ports.max(self.kept_ports);
        self.report.peak_bytes = self.report.peak_bytes.max(self.kept_bytes);
        self.count_rows(task, node_rows);
        self.let_go(task, garbage);
        for consumer in std::mem::take(&mut self.tasks[task].consumers) {
            self.meet(consumer, now);
        }
        self.end(task, event)
    }

    /// A task that ran gave nothing. A task that was told to stop is no failure.
    pub(super) fn give_up(
        &mut self,
        task: usize,
        ran: Ran,
        cause: Option<RunCause>,
        garbage: &mut Garbage,
    ) -> TaskEvent {
        let state = if cause.is_some() { TaskState::Failed } else { TaskState::Cancelled };
        let event = self.started(task, state, ran, cause.as_ref().map(|cause| Arc::new(cause.task_error())));
        self.let_go(task, garbage);
        let event = self.end(task, event);
        if let Some(cause) = cause {
            self.fail(task, cause);
        }
        event
    }

    /// No further task may start; of several causes the one of the first task counts.
    pub(super) fn fail(&mut self, task: usize, cause: RunCause) {
        self.stopping = true;
        if self.failure.as_ref().is_none_or(|(first, _)| task < *first) {
            self.failure = Some((task, cause));
        }
    }

    /// One more input of a task is there.
    fn meet(&mut self, task: usize, now: Duration) {
        self.tasks[task].unmet -= 1;
        if self.tasks[task].unmet == 0 && self.tasks[task].event.is_none() {
            self.make_ready(task, now);
        }
    }

    pub(super) fn make_ready(&mut self, task: usize, now: Duration) {
        self.tasks[task].ready = Some(now);
        self.ready.push((self.graph[task].priority, Reverse(task)));
    }

    /// Lets go of what a task has read: its futures at once, a port with its last reader.
    fn let_go(&mut self, task: usize, garbage: &mut Garbage) {
        let id = TaskId::new(task);
        for (producer, port_use) in self.graph.reads(id) {
            let port = &mut self.tasks[producer.index()].ports[port_use.port as usize];
            port.unread -= 1;
            if port.unread == 0
                && let Some(rows) = port.rows.take()
            {
                self.kept_ports -= 1;
                self.kept_bytes -= rows.bytes;
                garbage.rows.push(rows);
            }
        }
        garbage.inputs.extend(self.leaf_inputs[self.graph.leaf_inputs_of(id)].iter_mut().filter_map(Option::take));
        for future in std::mem::take(&mut self.tasks[task].futures) {
            let awaited = &mut self.awaited[future];
            awaited.unread -= 1;
            if awaited.unread == 0 {
                garbage.futures.extend(awaited.handle.take());
                garbage.rows.extend(awaited.rows.take());
            }
        }
    }

    fn count_rows(&mut self, task: usize, node_rows: &[Option<u64>]) {
        let fragment = self.graph[task].fragment.clone();
        for (at, node) in fragment.nodes.iter().enumerate() {
            match (node_rows.get(at).copied().flatten(), node.plan_node) {
                (Some(rows), Some(plan_node)) => *self.report.node_rows.entry(plan_node).or_default() += rows,
                (None, _) if is_join(&node.op) => self.joins_counted = false,
                _ => {}
            }
        }
    }

    /// Records the one event of a task.
    pub(super) fn end(&mut self, task: usize, event: TaskEvent) -> TaskEvent {
        debug_assert!(self.tasks[task].event.is_none(), "a task ends once");
        self.tasks[task].event = Some(event.clone());
        self.unfinished -= 1;
        event
    }

    fn started(&self, task: usize, state: TaskState, ran: Ran, error: Option<Arc<TaskError>>) -> TaskEvent {
        TaskEvent {
            worker: Some(ran.worker),
            attempt: 1,
            started: Some(ran.started),
            bytes_in: ran.bytes_in,
            ..self.unstarted(task, state, ran.ended, error)
        }
    }

    pub(super) fn unstarted(
        &self,
        task: usize,
        state: TaskState,
        now: Duration,
        error: Option<Arc<TaskError>>,
    ) -> TaskEvent {
        TaskEvent {
            task,
            stage: self.graph[task].stage,
            partition: self.graph[task].partition,
            label: self.tasks[task].label.clone(),
            state,
            worker: None,
            host: None,
            attempt: 0,
            attempts: Vec::new(),
            submitted: Duration::ZERO,
            ready: self.tasks[task].ready,
            started: None,
            ended: now,
            transfer: Duration::ZERO,
            rows: 0,
            bytes_in: 0,
            bytes_out: 0,
            peak_memory: None,
            error,
        }
    }
}

/// What a task reads from one source.
pub(super) enum Source {
    /// What another task or a future gave; it is there before the task starts.
    Kept(Option<Rows>),
    /// Data of the graph.
    AtHand(crate::leaf::PartitionData),
}

pub(super) fn is_join(op: &FragmentOp) -> bool {
    matches!(op, FragmentOp::Compute { op, .. } if op.is_join())
}
