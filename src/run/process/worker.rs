use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ProcessOptions;
use super::child::{ChildProcess, Silence};
use super::exchange::Answer;
use super::message::MemoryMessage;
use crate::expr::wire::Codec;
use crate::run::this_thread::ThisThread;
use crate::run::work::{Observed, UnknownObserver, WorkObservers};
use crate::run::{Attempt, Envelope, FragmentError, KernelError, Kernels, Measured, Worker, WorkerLost};
use crate::token::Token;

/// Makes the command that starts a worker process.
pub(super) type Program = dyn Fn() -> Command + Send + Sync;

/// What the workers of one executor share.
pub(super) struct Setting {
    pub(super) kernels: Arc<dyn Kernels>,
    pub(super) observers: Arc<WorkObservers>,
    pub(super) codec: Arc<dyn Codec>,
    pub(super) program: Box<Program>,
    pub(super) options: ProcessOptions,
}

/// The pause after a process that could not be started; it doubles with every further one, up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// So many fragments are kept as documents.
const DOCUMENTS: usize = 256;

/// One worker process at a time: started with the first attempt, and again when it is gone.
pub(super) struct ProcessWorker {
    setting: Arc<Setting>,
    /// How many there are, each of which gets a share of what bounds their memory.
    processes: usize,
    name: Arc<str>,
    /// Who runs what cannot be sent: the thread of this slot.
    here: ThisThread,
    process: Option<ChildProcess>,
    /// How many processes in a row could not be started.
    failures: u32,
    /// The fragments as documents; nothing for those that cannot leave this process.
    documents: HashMap<Token, Option<Arc<[u8]>>>,
}

impl Worker for ProcessWorker {
    fn run(&mut self, attempt: Attempt<'_>) -> Result<Envelope, WorkerLost> {
        let begun = Instant::now();
        let Some(document) = self.document(&attempt) else { return self.here.run(attempt) };
        if self.process.is_none() && !self.start(&attempt)? {
            return Ok(self.unsent(&attempt, begun, KernelError::Cancelled.into()));
        }
        let Some(mut process) = self.process.take() else { return Err(self.lost(&attempt, None, String::new())) };
        if let Some(unknown) = self.unknown_observer(&attempt, &process) {
            self.process = Some(process);
            return Ok(self.unsent(&attempt, begun, unknown.into()));
        }
        let parcel = match process.kept.parcel(&attempt) {
            Ok(parcel) => parcel,
            Err(error) => {
                self.process = Some(process);
                let reason = format!("its inputs cannot be sent: {error}");
                let operator = attempt.fragment.label.clone();
                return Ok(self.unsent(&attempt, begun, KernelError::Unsupported { operator, reason }.into()));
            }
        };
        let begun = Instant::now();
        let options = &self.setting.options;
        let told = process.drop_kept().and_then(|_| process.learn(&attempt, || document));
        let memory = MemoryMessage::of(&attempt.context, self.processes);
        let exchange = |()| process.exchange(&attempt, parcel, memory, &self.name, options);
        match told.map_err(Silence::Protocol).and_then(exchange) {
            Ok(answer) => {
                let envelope = self.envelope(&attempt, answer, &process);
                self.process = Some(process);
                Ok(envelope)
            }
            // It had its time to stop; nobody waits for its rows.
            Err(Silence::Stopped(_)) => {
                drop(process.give_up(&Silence::Stopped(options.stop)));
                Ok(self.unsent(&attempt, begun, KernelError::Cancelled.into()))
            }
            Err(silence) => {
                let host = process.host.clone();
                Err(self.lost(&attempt, Some((host, begun)), process.give_up(&silence)))
            }
        }
    }

    fn rest(&mut self) {
        let Some(process) = &mut self.process else { return };
        // A process that cannot be told is found to be gone by the next attempt.
        let _ = process.drop_kept().and_then(|some| if some { process.flush() } else { Ok(()) });
    }
}

impl ProcessWorker {
    /// The worker of one slot of so many.
    pub(super) fn new(setting: Arc<Setting>, slot: usize, processes: usize, name: Arc<str>) -> Self {
        let (kernels, observers) = (setting.kernels.clone(), setting.observers.clone());
        let here = ThisThread::new(kernels, observers, format!("driver-{slot}").into());
        ProcessWorker { setting, processes, name, here, process: None, failures: 0, documents: HashMap::new() }
    }

    /// The document of the fragment; nothing when something in it cannot leave this process.
    fn document(&mut self, attempt: &Attempt<'_>) -> Option<Arc<[u8]>> {
        let fragment = attempt.fragment;
        if let Some(document) = self.documents.get(&fragment.token) {
            return document.clone();
        }
        if self.documents.len() >= DOCUMENTS {
            self.documents.clear();
        }
        let document = fragment.to_bytes(&*self.setting.codec).map(Arc::from);
        if let Err(error) = &document {
            tracing::info!(fragment = %fragment.label, %error, "a fragment runs in the driver: it cannot be sent");
        }
        self.documents.entry(fragment.token).or_insert(document.ok()).clone()
    }

    /// Starts a process. False when the run was cancelled before.
    fn start(&mut self, attempt: &Attempt<'_>) -> Result<bool, WorkerLost> {
        if self.failures > 0 {
            let pause = PAUSE.0.saturating_mul(1 << (self.failures - 1).min(10)).min(PAUSE.1);
            let until = Instant::now() + pause;
            while Instant::now() < until && !attempt.context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        if attempt.context.is_cancelled() {
            return Ok(false);
        }
        let cancelled = || attempt.context.is_cancelled();
        match ChildProcess::start((self.setting.program)(), &self.setting.options, &cancelled) {
            Ok(None) => Ok(false),
            Ok(Some(process)) => {
                tracing::debug!(worker = %self.name, pid = process.id(), "a worker process was started");
                self.failures = 0;
                self.process = Some(process);
                Ok(true)
            }
            Err(cause) => {
                self.failures = self.failures.saturating_add(1);
                Err(self.lost(attempt, None, cause))
            }
        }
    }

    /// An observer that the run wants, and the process does not know: its program is another one than it should be.
    fn unknown_observer(&self, attempt: &Attempt<'_>, process: &ChildProcess) -> Option<UnknownObserver> {
        let unknown = attempt.observers.iter().find(|request| !process.observers.contains(&request.name))?;
        let (name, place, known) = (unknown.name.clone(), self.name.to_string(), process.observers.clone());
        Some(UnknownObserver { name, place, known })
    }

    fn envelope(&self, attempt: &Attempt<'_>, answer: Answer, process: &ChildProcess) -> Envelope {
        let started = attempt.clock.at(answer.started);
        let measured = Measured {
            worker: self.name.clone(),
            host: Some(process.host.clone()),
            started,
            ended: started + (answer.ended - answer.started),
            transfer: answer.transfer,
            peak_memory: answer.peak_memory,
            spilled_bytes: answer.spilled_bytes,
            observed: answer.observed,
        };
        Envelope { result: answer.result, measured, trace: answer.trace }
    }

    /// What the driver says of an attempt of which no worker says anything.
    fn unsent(&self, attempt: &Attempt<'_>, begun: Instant, error: FragmentError) -> Envelope {
        let measured = Measured {
            worker: self.name.clone(),
            host: None,
            started: attempt.clock.at(begun),
            ended: attempt.clock.now(),
            transfer: Duration::ZERO,
            peak_memory: None,
            spilled_bytes: 0,
            observed: Observed::new(),
        };
        Envelope { result: Err(error), measured, trace: None }
    }

    fn lost(&self, attempt: &Attempt<'_>, sent: Option<(Arc<str>, Instant)>, cause: String) -> WorkerLost {
        let (host, begun) = sent.unzip();
        WorkerLost {
            worker: self.name.clone(),
            host,
            cause,
            started: begun.map(|begun| attempt.clock.at(begun)),
            ended: attempt.clock.now(),
        }
    }
}
