use std::collections::HashMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

use arrow_buffer::Buffer;

use super::super::ProtocolError;
use super::super::counted_rows::CountedRows;
use super::super::inbox::{Inbox, Job};
use super::super::memory::peak_memory;
use super::super::message::{
    AnswerMessage, ErrorMessage, OutcomeMessage, SourceMessage, StageMessage, TaskMessage, read_rows, write, write_rows,
};
use super::super::outbox::Outbox;
use crate::expr::wire::{ReadContext, WireError};
use crate::leaf::{ArrowStream, IpcError, PartitionData, panic_text};
use crate::lower::Fragment;
use crate::run::panics::panic_trace;
use crate::run::store::SpillMeter;
use crate::run::work::{Observed, WorkObservers};
use crate::run::{
    CancelFlag, FragmentError, KernelError, Kernels, MemoryBudget, SlotData, StageState, TaskContext, TaskOutput,
    TemporaryFolder, run_fragment,
};
use crate::token::Token;

/// What runs tasks.
pub(super) struct Worker<'a, W> {
    kernels: &'a dyn Kernels,
    observers: &'a WorkObservers,
    context: &'a ReadContext<'a>,
    inbox: &'a Inbox,
    outbox: &'a Outbox<W>,
    clock: Instant,
    /// The fragments that the driver has sent: as documents, until they could be read.
    fragments: HashMap<Token, Result<Arc<Fragment>, Buffer>>,
    /// Rows that later tasks will name, or why they cannot be read.
    kept: HashMap<u64, Result<CountedRows, String>>,
    /// What this process holds, under the limit of whichever task runs.
    memory: MemoryBudget,
    /// What tasks of a stage share.
    stages: HashMap<u64, StageState>,
}

impl<'a, W: Write> Worker<'a, W> {
    /// A worker that knows nothing yet, and reads the time from the clock that the listener reads.
    pub(super) fn new(
        kernels: &'a dyn Kernels,
        observers: &'a WorkObservers,
        context: &'a ReadContext<'a>,
        (inbox, outbox): (&'a Inbox, &'a Outbox<W>),
        clock: Instant,
    ) -> Self {
        let (fragments, kept, stages) = (HashMap::new(), HashMap::new(), HashMap::new());
        let memory = MemoryBudget::default();
        Worker { kernels, observers, context, inbox, outbox, clock, fragments, kept, memory, stages }
    }

    /// Does what comes in, until nothing will.
    pub(super) fn work(mut self, queue: Receiver<Job>) -> Result<(), ProtocolError> {
        for job in queue {
            match job {
                Job::Fragment { token, document } => let_go(self.fragments.insert(token, Err(document))),
                Job::Forget => self.fragments.drain().for_each(let_go),
                Job::Drop(dropped) => {
                    dropped.rows.iter().filter_map(|number| self.kept.remove(number)).for_each(let_go);
                    dropped.stages.iter().filter_map(|number| self.stages.remove(number)).for_each(let_go);
                }
                Job::Task { task, streams } => self.answer(&task, streams)?,
            }
        }
        self.fragments.drain().for_each(let_go);
        self.stages.drain().for_each(let_go);
        Ok(())
    }

    fn answer(&mut self, task: &TaskMessage, streams: Vec<Buffer>) -> Result<(), ProtocolError> {
        let Some(cancelled) = self.inbox.begin(task.attempt) else { return Ok(()) };
        self.outbox.begin(task.attempt);
        let mut context = self.task_context(task, cancelled);
        let spilled = SpillMeter::within(&mut context);
        let mut ran = Ran { started: self.clock.elapsed(), ended: None, trace: None, observed: Observed::new() };
        let ports = self.run_contained(task, streams, &context, &mut ran);
        let ended = ran.ended.unwrap_or_else(|| self.clock.elapsed());
        let_go(context);
        let (outcome, streams) = match ports {
            Ok(Written { node_rows, peak_execution_memory, ports }) => {
                let counts = ports.iter().map(Vec::len).collect();
                (
                    OutcomeMessage::Ok { node_rows, peak_execution_memory, ports: counts },
                    ports.into_iter().flatten().collect(),
                )
            }
            Err(error) => {
                let trace = ran.trace;
                match ErrorMessage::of(error) {
                    Some(error) => (OutcomeMessage::Failed { error, trace }, Vec::new()),
                    None => (OutcomeMessage::Cancelled, Vec::new()),
                }
            }
        };
        let answer = AnswerMessage {
            attempt: task.attempt,
            started_ns: nanoseconds(ran.started),
            ended_ns: nanoseconds(ended),
            peak_memory: peak_memory(ended.saturating_sub(ran.started)),
            spilled_bytes: spilled.get(),
            observed: ran.observed,
            outcome,
        };
        self.inbox.end();
        self.outbox.answer(&write(&answer)?, &streams)
    }

    fn task_context(&mut self, task: &TaskMessage, cancelled: CancelFlag) -> TaskContext {
        let started = SystemTime::UNIX_EPOCH + Duration::from_nanos(task.run_started_ns);
        let stage = match &task.stage {
            Some(StageMessage { number, replicated }) => {
                self.stages.entry(*number).or_insert_with(|| StageState::new(replicated.iter().copied())).clone()
            }
            None => StageState::default(),
        };
        let memory = self.memory.under(task.memory.as_ref().map(|memory| memory.limit));
        let folder = task.memory.as_ref().and_then(|memory| memory.folder.clone());
        let spill = Arc::new(folder.map_or_else(TemporaryFolder::default, TemporaryFolder::within));
        TaskContext { partition: task.partition, cancelled, started, memory, spill, stage }
    }

    /// Runs the task. What panics beside the kernels, such as a codec, is an answer, too.
    fn run_contained(
        &mut self,
        task: &TaskMessage,
        streams: Vec<Buffer>,
        context: &TaskContext,
        ran: &mut Ran,
    ) -> Result<Written, FragmentError> {
        let run = AssertUnwindSafe(|| self.run(task, streams, context, ran));
        catch_unwind(run).unwrap_or_else(|panic| {
            let (error, trace) = FragmentError::Panic(panic_text(&*panic)).split_trace();
            ran.trace = trace;
            Err(error)
        })
    }

    /// Runs the task, and writes its rows as streams, by port. Says when it did.
    fn run(
        &mut self,
        task: &TaskMessage,
        streams: Vec<Buffer>,
        context: &TaskContext,
        ran: &mut Ran,
    ) -> Result<Written, FragmentError> {
        let refused =
            |operator: &str, reason: String| KernelError::Unsupported { operator: operator.to_owned(), reason };
        // First, and whatever comes of the task: the driver takes it from here on that what is to be kept is here.
        let inputs = self.slots(&task.inputs, streams);
        let fragment = self.fragment(task.fragment)?;
        let unreadable = |reason: String| refused(&fragment.label, format!("its inputs cannot be read: {reason}"));
        let inputs = inputs.map_err(unreadable)?;
        let work = || {
            ran.started = self.clock.elapsed();
            let output = run_fragment(self.kernels, &fragment, inputs, context);
            ran.ended = Some(self.clock.elapsed());
            output.map_err(|error| {
                let (error, trace) = error.split_trace();
                ran.trace = trace;
                error
            })
        };
        let output = match &task.observe {
            None => work(),
            Some(observe) => {
                let (output, observed) = self.observers.around(&observe.requests, || observe.context.clone(), work);
                ran.observed = observed;
                output
            }
        };
        let output = output?;
        let unwritable = |error: IpcError| refused(&fragment.label, format!("its rows cannot be sent: {error}"));
        let ports: Result<Vec<_>, _> = output.ports.iter().map(|port| write_rows(port)).collect();
        let TaskOutput { node_rows, peak_execution_memory, .. } = output;
        Ok(Written { node_rows, peak_execution_memory, ports: ports.map_err(unwritable)? })
    }

    /// A fragment, which is read with its first task. One that cannot be read is read again with the next: what is wrong
    /// may be a file that it names, and a task that is tried again wants to know whether it still is.
    fn fragment(&mut self, token: Token) -> Result<Arc<Fragment>, KernelError> {
        let refused = |reason: String| KernelError::Unsupported { operator: "a fragment".to_owned(), reason };
        let known = self.fragments.get_mut(&token).ok_or_else(|| refused("this worker was never told of it".into()))?;
        let fragment = match known {
            Ok(fragment) => fragment.clone(),
            Err(document) => Arc::new(Fragment::from_bytes(document, self.context).map_err(|error| match error {
                // The engine's own: a file that is not here, or is another one.
                WireError::Codec { place, source } => {
                    KernelError::Read { source_name: place, message: source.to_string() }
                }
                error => refused(format!("this worker cannot read it: {error}")),
            })?),
        };
        *known = Ok(fragment.clone());
        Ok(fragment)
    }

    /// The rows of every source of every slot. What is behind a source that cannot be read is taken in all the same.
    fn slots(&mut self, sources: &[Vec<SourceMessage>], streams: Vec<Buffer>) -> Result<Vec<SlotData>, String> {
        let mut streams = streams.into_iter();
        let mut source = |source: &SourceMessage| {
            let streams: Vec<Buffer> = streams.by_ref().take(source.streams()).collect();
            self.source(source, &streams)
        };
        let slots: Vec<Vec<_>> = sources.iter().map(|slot| slot.iter().map(&mut source).collect()).collect();
        slots.into_iter().map(|slot| slot.into_iter().collect()).collect()
    }

    /// The rows of one source, whose streams these are.
    fn source(&mut self, source: &SourceMessage, streams: &[Buffer]) -> Result<PartitionData, String> {
        let read = || read_rows(streams).map(Arc::new).map_err(|error| error.to_string());
        match source {
            SourceMessage::Sent(_) => read(),
            SourceMessage::Keep { number, .. } => {
                let rows = read();
                self.kept.insert(*number, rows.clone().map(|rows| CountedRows::new(rows, &self.memory)));
                rows
            }
            SourceMessage::Kept(number) => match self.kept.get(number) {
                Some(Ok(kept)) => Ok(kept.rows.clone()),
                Some(Err(reason)) => Err(reason.clone()),
                None => Err(format!("nothing is kept as number {number}")),
            },
        }
    }
}

/// Drops what is the engine's, at least in part. Should that panic, it is gone all the same, and no task is to blame.
fn let_go<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        let _ = panic_trace();
    }
}

/// What a task gave, ready to be sent.
struct Written {
    node_rows: Vec<Option<u64>>,
    peak_execution_memory: Option<u64>,
    /// The streams of each port.
    ports: Vec<Vec<ArrowStream>>,
}

/// When a task ran, by the worker's clock, and what is known of that.
struct Ran {
    started: Duration,
    ended: Option<Duration>,
    /// Where its error was raised.
    trace: Option<String>,
    /// What observers say of it.
    observed: Observed,
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
