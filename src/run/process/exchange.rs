//! One attempt on a worker process: the task out, the answer in.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arrow_array::RecordBatch;

use super::child::{ChildProcess, Silence};
use super::frame::FrameKind;
use super::message::{
    AnswerMessage, AttemptMessage, MemoryMessage, ObserveMessage, OutcomeMessage, TaskMessage, read, read_rows, write,
};
use super::parcel::Parcel;
use super::{ProcessOptions, ProtocolError};
use crate::run::work::Observed;
use crate::run::{Attempt, FragmentError, TaskOutput};

/// A process that knows more fragments than this is told to forget them.
const FRAGMENTS: usize = 256;

/// What came of an attempt.
pub(super) struct Answer {
    pub(super) result: Result<TaskOutput, FragmentError>,
    pub(super) trace: Option<String>,
    pub(super) started: Instant,
    pub(super) ended: Instant,
    /// All of the time before and after, which its data took to travel.
    pub(super) transfer: Duration,
    pub(super) peak_memory: Option<u64>,
    pub(super) spilled_bytes: u64,
    pub(super) observed: Observed,
}

impl ChildProcess {
    /// Tells the worker of a fragment, unless it knows it.
    pub(super) fn learn(
        &mut self,
        attempt: &Attempt<'_>,
        document: impl FnOnce() -> Arc<[u8]>,
    ) -> Result<(), ProtocolError> {
        let token = attempt.fragment.token;
        if self.fragments.contains(&token) {
            return Ok(());
        }
        if self.fragments.len() >= FRAGMENTS {
            self.fragments.clear();
            self.put(FrameKind::Forget, &[])?;
        }
        self.fragments.insert(token);
        self.put(FrameKind::Fragment, &[token.as_bytes(), &document()])
    }

    /// Sends a task whose fragment the worker knows, and waits for what comes of it.
    pub(super) fn exchange(
        &mut self,
        attempt: &Attempt<'_>,
        parcel: Parcel,
        memory: Option<MemoryMessage>,
        worker: &Arc<str>,
        options: &ProcessOptions,
    ) -> Result<Answer, Silence> {
        let sent = Instant::now();
        self.attempt += 1;
        let started = attempt.context.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let task = TaskMessage {
            attempt: self.attempt,
            fragment: attempt.fragment.token,
            partition: attempt.context.partition,
            run_started_ns: u64::try_from(started.as_nanos()).unwrap_or(u64::MAX),
            inputs: parcel.sources,
            stage: self.stages.message(&attempt.context.stage),
            memory,
            observe: (!attempt.observers.is_empty()).then(|| ObserveMessage {
                context: attempt.work_context(worker.clone(), Some(self.host.clone())),
                requests: attempt.observers.to_vec(),
            }),
        };
        self.put(FrameKind::Task, &[&write(&task)?])?;
        for stream in &parcel.streams {
            self.put(FrameKind::Data, &[stream.as_bytes()])?;
        }
        self.flush()?;
        drop(parcel.streams);
        let mut waiting = Waiting { attempt, options, cancelled: None };
        let answer = loop {
            let frame = waiting.next(self)?;
            match frame.kind {
                // While one follows the other, nothing else looks.
                FrameKind::Heartbeat => waiting.tick(self)?,
                FrameKind::Answer => break read::<AnswerMessage>(&frame)?,
                kind => return Err(ProtocolError::Invalid(format!("it says `{kind:?}` instead of an answer")).into()),
            }
        };
        if answer.attempt != self.attempt {
            let invalid = format!("it answers attempt {} while {} runs: twice", answer.attempt, self.attempt);
            return Err(ProtocolError::Invalid(invalid).into());
        }
        let (result, trace) = match answer.outcome {
            OutcomeMessage::Ok { node_rows, peak_execution_memory, ports } => {
                let ports = self.ports(&mut waiting, &ports)?;
                (Ok(TaskOutput { ports, node_rows, peak_execution_memory }), None)
            }
            OutcomeMessage::Failed { error, trace } => (Err(error.into_error()), trace),
            OutcomeMessage::Cancelled => (Err(crate::run::KernelError::Cancelled.into()), None),
        };
        let received = Instant::now();
        let ran = (Duration::from_nanos(answer.started_ns), Duration::from_nanos(answer.ended_ns));
        let (started, ended) = self.clock.place(ran, (sent, received));
        let transfer = received.duration_since(sent).saturating_sub(ended - started);
        Ok(Answer {
            result,
            trace,
            started,
            ended,
            transfer,
            peak_memory: answer.peak_memory,
            spilled_bytes: answer.spilled_bytes,
            observed: answer.observed,
        })
    }

    /// The rows that follow an answer.
    fn ports(&mut self, waiting: &mut Waiting<'_>, counts: &[usize]) -> Result<Vec<Vec<RecordBatch>>, Silence> {
        let expected = waiting.attempt.fragment.output.ports();
        if counts.len() != expected || counts.contains(&0) {
            let found = counts.iter().filter(|count| **count > 0).count();
            let invalid = format!("it answers with rows for {found} ports of {} instead of {expected}", counts.len());
            return Err(ProtocolError::Invalid(invalid).into());
        }
        let mut ports = Vec::with_capacity(counts.len());
        for count in counts {
            let mut streams = Vec::new();
            for _ in 0..*count {
                let frame = waiting.next(self)?;
                match frame.kind {
                    FrameKind::Data => streams.push(frame.body),
                    kind => return Err(ProtocolError::Invalid(format!("it says `{kind:?}` instead of rows")).into()),
                }
            }
            ports.push(read_rows(&streams).map_err(ProtocolError::Data)?);
        }
        match ports.iter().all(|port| !port.is_empty()) {
            true => Ok(ports),
            false => Err(ProtocolError::Invalid("it answers with a port without a batch".into()).into()),
        }
    }
}

/// The wait for an answer.
struct Waiting<'a> {
    attempt: &'a Attempt<'a>,
    options: &'a ProcessOptions,
    /// When the worker was told to stop.
    cancelled: Option<Instant>,
}

impl Waiting<'_> {
    fn next(&mut self, process: &mut ChildProcess) -> Result<super::frame::Frame, Silence> {
        process.next(self.options.silence, |process| self.tick(process))
    }

    /// Passes on that the run was cancelled, once.
    fn tick(&mut self, process: &mut ChildProcess) -> Result<(), Silence> {
        match self.cancelled {
            None if self.attempt.context.is_cancelled() => {
                self.cancelled = Some(Instant::now());
                let cancel = AttemptMessage { attempt: process.attempt };
                Ok(process.say(FrameKind::Cancel, &write(&cancel)?)?)
            }
            Some(asked) if asked.elapsed() > self.options.stop => Err(Silence::Stopped(self.options.stop)),
            _ => Ok(()),
        }
    }
}
