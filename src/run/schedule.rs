use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::data::{Promised, Rows};
use super::{Outcome, RunCause, RunError, RunReport, TaskEvent, TaskState};
use crate::leaf::{FutureHandle, Generation};
use crate::lower::{FragmentOp, Task, TaskGraph, TaskInput};

/// What has to be dropped once the lock is free: foreign code may run when data or futures go.
#[derive(Default)]
pub(super) struct Garbage {
    rows: Vec<Rows>,
    futures: Vec<FutureHandle>,
    inputs: Vec<Vec<Vec<TaskInput>>>,
}

/// A future that tasks wait for, and its data when it has come.
struct Awaited {
    handle: Option<FutureHandle>,
    promised: Vec<Promised>,
    /// The tasks that read it, once for each time they do.
    readers: Vec<usize>,
    unread: usize,
    rows: Option<Rows>,
}

/// One port of a task that is done.
#[derive(Default)]
struct Port {
    rows: Option<Rows>,
    unread: usize,
}

/// What is known of a task.
struct Progress {
    /// The inputs that are not there yet.
    unmet: usize,
    /// The tasks that read it, once for each time they do.
    consumers: Vec<usize>,
    ports: Vec<Port>,
    label: Arc<str>,
    ready: Option<Duration>,
    event: Option<TaskEvent>,
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
    pub(super) graph: TaskGraph,
    tasks: Vec<Progress>,
    /// Producers before their consumers.
    topological: Vec<usize>,
    producers: Vec<Vec<usize>>,
    awaited: Vec<Awaited>,
    by_generation: HashMap<Generation, usize>,
    ready: BinaryHeap<(i64, Reverse<usize>)>,
    /// Futures that are done, and whose data nobody has looked at.
    pub(super) arrived: Vec<usize>,
    unfinished: usize,
    /// The first failure, by task; and whether no further task may start.
    failure: Option<(usize, RunCause)>,
    pub(super) stopping: bool,
    kept_ports: usize,
    kept_bytes: u64,
    report: RunReport,
    joins_counted: bool,
    pub(super) workers_left: usize,
    pub(super) result: Option<Result<Outcome, Box<RunError>>>,
}

impl Schedule {
    /// The schedule of a graph before anything has run.
    pub(super) fn new(graph: TaskGraph) -> Self {
        let tasks: Vec<&Task> = graph.graph.node_weights().collect();
        let progress = tasks.iter().map(|task| Progress {
            unmet: 0,
            consumers: Vec::new(),
            ports: (0..task.fragment.output.ports()).map(|_| Port::default()).collect(),
            label: task.fragment.label.as_str().into(),
            ready: None,
            event: None,
        });
        let mut schedule = Schedule {
            tasks: progress.collect(),
            topological: Vec::new(),
            producers: vec![Vec::new(); tasks.len()],
            awaited: Vec::new(),
            by_generation: HashMap::new(),
            ready: BinaryHeap::new(),
            arrived: Vec::new(),
            unfinished: tasks.len(),
            failure: None,
            stopping: false,
            kept_ports: 0,
            kept_bytes: 0,
            report: RunReport::default(),
            joins_counted: true,
            workers_left: 0,
            result: None,
            graph,
        };
        match schedule.connect() {
            Ok(()) => {
                let sources: Vec<usize> =
                    (0..schedule.tasks.len()).filter(|at| schedule.tasks[*at].unmet == 0).collect();
                sources.into_iter().for_each(|task| schedule.make_ready(task, Duration::ZERO));
            }
            Err(reason) => schedule.fail(0, RunCause::Graph(reason)),
        }
        schedule
    }

    /// Counts what each task waits for, from its inputs alone.
    fn connect(&mut self) -> Result<(), String> {
        for at in 0..self.tasks.len() {
            for source in self.graph[at].inputs.iter().flatten() {
                match source {
                    TaskInput::Task { task, port } => {
                        let producer = task.index();
                        let ports = self.tasks.get_mut(producer).map(|producer| &mut producer.ports);
                        let Some(port) = ports.and_then(|ports| ports.get_mut(*port)) else {
                            return Err(format!("task {at} reads port {port} of task {producer}, which is not there"));
                        };
                        port.unread += 1;
                        self.tasks[producer].consumers.push(at);
                        self.producers[at].push(producer);
                        self.tasks[at].unmet += 1;
                    }
                    TaskInput::Future { handle, leaf, partition, schema } => {
                        let next = self.awaited.len();
                        let index = *self.by_generation.entry(handle.generation()).or_insert(next);
                        if index == next {
                            let handle = Some(handle.clone());
                            let (promised, readers) = (Vec::new(), Vec::new());
                            self.awaited.push(Awaited { handle, promised, readers, unread: 0, rows: None });
                        }
                        let awaited = &mut self.awaited[index];
                        awaited.readers.push(at);
                        awaited.unread += 1;
                        let known = |known: &Promised| Arc::ptr_eq(&known.schema, schema) && known.leaf == *leaf;
                        if !awaited.promised.iter().any(known) {
                            let (leaf, schema) = (leaf.clone(), schema.clone());
                            awaited.promised.push(Promised { leaf, partition: *partition, schema });
                        }
                        self.tasks[at].unmet += 1;
                    }
                    TaskInput::Data(_) => {}
                }
            }
            self.producers[at].sort_unstable();
            self.producers[at].dedup();
        }
        for output in &self.graph.outputs {
            let port = self.tasks.get_mut(output.index()).and_then(|task| task.ports.first_mut());
            port.ok_or_else(|| format!("task {} should give the result, and is not there", output.index()))?.unread +=
                1;
        }
        let mut unmet: Vec<usize> = self.producers.iter().map(Vec::len).collect();
        let mut next: Vec<usize> = (0..unmet.len()).filter(|task| unmet[*task] == 0).collect();
        while let Some(task) = next.pop() {
            self.topological.push(task);
            let mut consumers = self.tasks[task].consumers.clone();
            consumers.sort_unstable();
            consumers.dedup();
            for consumer in consumers {
                unmet[consumer] -= 1;
                if unmet[consumer] == 0 {
                    next.push(consumer);
                }
            }
        }
        match self.topological.len() == self.tasks.len() {
            true => Ok(()),
            false => Err("its tasks wait for each other in a circle".to_owned()),
        }
    }

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

    /// The future behind an arrival, and what was promised of it.
    pub(super) fn arrival(&self, index: usize) -> Option<(FutureHandle, Vec<Promised>)> {
        let awaited = &self.awaited[index];
        awaited.handle.clone().map(|handle| (handle, awaited.promised.clone()))
    }

    /// The rows of all slots of a task whose inputs are there. Data at hand have no sizes yet.
    pub(super) fn inputs(&self, task: usize) -> Vec<Vec<Source>> {
        let source = |source: &TaskInput| match source {
            TaskInput::Task { task, port } => Source::Kept(self.tasks[task.index()].ports[*port].rows.clone()),
            TaskInput::Future { handle, .. } => {
                Source::Kept(self.awaited[self.by_generation[&handle.generation()]].rows.clone())
            }
            TaskInput::Data(data) => Source::AtHand(data.clone()),
        };
        self.graph[task].inputs.iter().map(|slot| slot.iter().map(source).collect()).collect()
    }

    /// The data of a future has come, or it never will.
    pub(super) fn arrive(
        &mut self,
        index: usize,
        result: Result<Rows, (TaskState, RunCause)>,
        now: Duration,
    ) -> Vec<TaskEvent> {
        let readers = self.awaited[index].readers.clone();
        match result {
            Ok(rows) => {
                self.awaited[index].rows = Some(rows);
                readers.into_iter().for_each(|reader| self.meet(reader, now));
                Vec::new()
            }
            Err((state, cause)) => {
                let mut events = Vec::new();
                for reader in readers {
                    if self.tasks[reader].event.is_none() {
                        let event = self.unstarted(reader, state, now, Some(cause.to_string()));
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
        let event = self.started(task, state, ran, cause.as_ref().map(RunCause::to_string));
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

    /// Ends what has not ended, and makes the result. Returns the events of the tasks that never ran.
    pub(super) fn finish(&mut self, now: Duration, workers: usize, garbage: &mut Garbage) -> Vec<TaskEvent> {
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
        report.wall = now;
        report.workers = workers;
        for (alias, known) in &self.graph.aliases {
            if let Some(rows) = report.node_rows.get(known).copied() {
                report.node_rows.insert(*alias, rows);
            }
        }
        report.c_out = self.joins_counted.then(|| self.joined_rows(&report.node_rows));
        report.critical_path = self.critical_path(&report.tasks);
        let outputs = self.graph.outputs.iter().map(|output| self.tasks[output.index()].ports[0].rows.as_ref());
        let partitions: Option<Vec<_>> = match self.failure {
            None => outputs.map(|rows| rows.map(|rows| rows.data.clone())).collect(),
            Some(_) => None,
        };
        let schema = self.graph.schema.clone();
        self.result = Some(match (partitions, self.failure.take()) {
            (Some(partitions), _) if report.is_ok() => Ok(Outcome { schema, partitions, report }),
            (_, Some((_, cause))) => Err(Box::new(RunError { cause, report })),
            (_, None) => Err(Box::new(RunError { cause: RunCause::Cancelled, report })),
        });
        for task in 0..self.tasks.len() {
            garbage.inputs.push(std::mem::take(&mut self.graph[task].inputs));
            garbage.rows.extend(self.tasks[task].ports.iter_mut().filter_map(|port| port.rows.take()));
        }
        for awaited in &mut self.awaited {
            garbage.futures.extend(awaited.handle.take());
            garbage.rows.extend(awaited.rows.take());
        }
        events
    }

    /// One more input of a task is there.
    fn meet(&mut self, task: usize, now: Duration) {
        self.tasks[task].unmet -= 1;
        if self.tasks[task].unmet == 0 && self.tasks[task].event.is_none() {
            self.make_ready(task, now);
        }
    }

    fn make_ready(&mut self, task: usize, now: Duration) {
        self.tasks[task].ready = Some(now);
        self.ready.push((self.graph[task].priority, Reverse(task)));
    }

    /// Lets go of what a task has read: its futures at once, a port with its last reader.
    fn let_go(&mut self, task: usize, garbage: &mut Garbage) {
        let inputs = std::mem::take(&mut self.graph[task].inputs);
        for source in inputs.iter().flatten() {
            match source {
                TaskInput::Task { task, port } => {
                    let port = &mut self.tasks[task.index()].ports[*port];
                    port.unread -= 1;
                    if port.unread == 0
                        && let Some(rows) = port.rows.take()
                    {
                        self.kept_ports -= 1;
                        self.kept_bytes -= rows.bytes;
                        garbage.rows.push(rows);
                    }
                }
                TaskInput::Future { handle, .. } => {
                    let awaited = &mut self.awaited[self.by_generation[&handle.generation()]];
                    awaited.unread -= 1;
                    if awaited.unread == 0 {
                        garbage.futures.extend(awaited.handle.take());
                        garbage.rows.extend(awaited.rows.take());
                    }
                }
                TaskInput::Data(_) => {}
            }
        }
        garbage.inputs.push(inputs);
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

    fn joined_rows(&self, node_rows: &BTreeMap<usize, u64>) -> u64 {
        let nodes = self.graph.graph.node_weights().flat_map(|task| &task.fragment.nodes);
        let joins = nodes.filter(|node| is_join(&node.op)).filter_map(|node| node.plan_node);
        let joins: std::collections::BTreeSet<usize> = joins.collect();
        joins.iter().filter_map(|join| node_rows.get(join)).sum()
    }

    /// From the task that ended last, back to what each waited for longest.
    fn critical_path(&self, events: &[TaskEvent]) -> Vec<usize> {
        let ran = |task: &usize| events[*task].started.is_some();
        let last = |tasks: &mut dyn Iterator<Item = usize>| {
            tasks.filter(ran).max_by_key(|task| (events[*task].ended, Reverse(*task)))
        };
        let mut path: Vec<usize> = last(&mut (0..events.len())).into_iter().collect();
        while let Some(before) = path.last().and_then(|task| last(&mut self.producers[*task].iter().copied())) {
            path.push(before);
        }
        path.reverse();
        path
    }

    /// Records the one event of a task.
    fn end(&mut self, task: usize, event: TaskEvent) -> TaskEvent {
        debug_assert!(self.tasks[task].event.is_none(), "a task ends once");
        self.tasks[task].event = Some(event.clone());
        self.unfinished -= 1;
        event
    }

    fn started(&self, task: usize, state: TaskState, ran: Ran, error: Option<String>) -> TaskEvent {
        TaskEvent {
            worker: Some(ran.worker),
            attempt: 1,
            started: Some(ran.started),
            bytes_in: ran.bytes_in,
            ..self.unstarted(task, state, ran.ended, error)
        }
    }

    fn unstarted(&self, task: usize, state: TaskState, now: Duration, error: Option<String>) -> TaskEvent {
        TaskEvent {
            task,
            stage: self.graph[task].stage,
            partition: self.graph[task].partition,
            label: self.tasks[task].label.clone(),
            state,
            worker: None,
            attempt: 0,
            submitted: Duration::ZERO,
            ready: self.tasks[task].ready,
            started: None,
            ended: now,
            rows: 0,
            bytes_in: 0,
            bytes_out: 0,
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

fn is_join(op: &FragmentOp) -> bool {
    matches!(op, FragmentOp::Compute { op, .. } if op.is_join())
}
