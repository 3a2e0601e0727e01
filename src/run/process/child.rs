use std::collections::HashSet;
use std::io::{Read, Write};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::ClockOffset;
use super::frame::{Frame, FrameKind, FrameReader, Outgoing};
use super::kept_stages::KeptStages;
use super::link::{Link, TICK};
use super::listener::Listener;
use super::message::{DropMessage, Hello, PongMessage, read, write};
use super::parcel::KeptRows;
use super::process_group::ProcessGroup;
use super::stderr::LastWords;
use super::{ProcessOptions, ProtocolError};
use crate::token::Token;

/// Rounds in which the clocks are compared.
const ROUNDS: usize = 5;

/// How long a process whose connection has ended may take to be gone, before it is killed.
const LEAVING: Duration = Duration::from_secs(1);

/// A worker process, seen from the driver. It is killed and reaped with this, and so is what it has started.
pub(super) struct ChildProcess {
    group: ProcessGroup,
    pub(super) frames: FrameReader<Box<dyn Read + Send>>,
    /// Until the process is told to leave, which is the end of this stream.
    writer: Option<Box<dyn Write + Send>>,
    pub(super) outgoing: Outgoing,
    pump: Option<Listener>,
    last_words: LastWords,
    pub(super) clock: ClockOffset,
    pub(super) host: Arc<str>,
    /// The work-side observers that it knows.
    pub(super) observers: Vec<Arc<str>>,
    /// The fragments that it knows.
    pub(super) fragments: HashSet<Token>,
    /// The rows that it keeps.
    pub(super) kept: KeptRows,
    /// The stages of which it keeps something.
    pub(super) stages: KeptStages,
    /// The number of the last attempt.
    pub(super) attempt: u64,
}

/// Why a process is no worker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Silence {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// Nothing came for this long.
    #[error("it gave no sign of life for {0:?}")]
    TooLong(Duration),
    /// Whoever waited was told to stop.
    #[error("it did not stop within {0:?} of being asked to")]
    Stopped(Duration),
}

impl ChildProcess {
    /// Starts a process, and makes its acquaintance; nothing, if that was cancelled meanwhile. The error says in words
    /// what it was. Nothing is left of the process then.
    pub(super) fn start(
        command: Command,
        options: &ProcessOptions,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<ChildProcess>, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let refused = |error: std::io::Error| format!("{program} cannot be started: {error}");
        let Link { process: mut group, reader, writer, pump } = Link::start(command, options).map_err(refused)?;
        let last_words = match group.take_stderr().map(LastWords::of) {
            Some(Ok(last_words)) => last_words,
            failed => {
                group.end();
                let error = failed.and_then(Result::err).map_or_else(String::new, |error| error.to_string());
                return Err(format!("nobody can listen to {program}: {error}"));
            }
        };
        let now = Instant::now();
        let mut process = ChildProcess {
            group,
            frames: FrameReader::new(reader),
            writer: Some(writer),
            outgoing: Outgoing::default(),
            pump,
            last_words,
            clock: ClockOffset::of_round_trip(now, Duration::ZERO, now),
            host: "".into(),
            observers: Vec::new(),
            fragments: HashSet::new(),
            kept: KeptRows::default(),
            stages: KeptStages::default(),
            attempt: 0,
        };
        match process.introduce(options.start, options.silence / 10, cancelled) {
            Ok(()) => Ok(Some(process)),
            Err(Silence::Stopped(_)) => {
                process.reap();
                Ok(None)
            }
            Err(silence) => Err(format!("{program} is no worker: {}", process.give_up(&silence))),
        }
    }

    /// The operating system's number of it.
    pub(super) fn id(&self) -> u32 {
        self.group.id()
    }

    /// Compares versions and clocks.
    fn introduce(&mut self, limit: Duration, heartbeat: Duration, cancelled: &dyn Fn() -> bool) -> Result<(), Silence> {
        let heartbeat_us = heartbeat.as_micros() as u64;
        self.say(FrameKind::Hello, &write(&Hello { heartbeat_us, ..Hello::new("driver") })?)?;
        let hello = Hello::read(&self.wait(FrameKind::Hello, limit, cancelled)?, "worker")?;
        self.host = hello.host.as_str().into();
        self.observers = hello.observers;
        for round in 0..ROUNDS {
            let asked = Instant::now();
            self.say(FrameKind::Ping, &[])?;
            let pong: PongMessage = read(&self.wait(FrameKind::Pong, limit, cancelled)?)?;
            let estimate = ClockOffset::of_round_trip(asked, Duration::from_nanos(pong.now_ns), Instant::now());
            self.clock = if round == 0 { estimate } else { self.clock.better(estimate) };
        }
        Ok(())
    }

    fn wait(&mut self, kind: FrameKind, limit: Duration, cancelled: &dyn Fn() -> bool) -> Result<Frame, Silence> {
        let tick = |_: &mut Self| if cancelled() { Err(Silence::Stopped(Duration::ZERO)) } else { Ok(()) };
        let frame = self.next(limit, tick)?;
        match frame.kind == kind {
            true => Ok(frame),
            false => Err(ProtocolError::Invalid(format!("it says `{:?}` instead of `{kind:?}`", frame.kind)).into()),
        }
    }

    /// The next frame. Calls `tick` now and then while there is none.
    pub(super) fn next(
        &mut self,
        limit: Duration,
        mut tick: impl FnMut(&mut Self) -> Result<(), Silence>,
    ) -> Result<Frame, Silence> {
        let (mut heard, mut received) = (Instant::now(), self.frames.received());
        loop {
            if let Some(frame) = self.frames.next()? {
                return Ok(frame);
            }
            tick(self)?;
            if self.frames.received() > received {
                (heard, received) = (Instant::now(), self.frames.received());
            } else if heard.elapsed() > limit {
                return Err(Silence::TooLong(limit));
            }
        }
    }

    /// Says one thing at once.
    pub(super) fn say(&mut self, kind: FrameKind, body: &[u8]) -> Result<(), ProtocolError> {
        self.put(kind, &[body])?;
        self.flush()
    }

    /// Says something with the next [`flush`](ChildProcess::flush), or before.
    pub(super) fn put(&mut self, kind: FrameKind, parts: &[&[u8]]) -> Result<(), ProtocolError> {
        let Some(writer) = &mut self.writer else { return Err(ProtocolError::Closed) };
        self.outgoing.put(kind, parts, writer)
    }

    pub(super) fn flush(&mut self) -> Result<(), ProtocolError> {
        let Some(writer) = &mut self.writer else { return Err(ProtocolError::Closed) };
        self.outgoing.flush(writer)
    }

    /// Tells it of rows that no task will read any more, and of stages that have ended, with the next [`flush`](ChildProcess::flush). False if there are none.
    pub(super) fn drop_kept(&mut self) -> Result<bool, ProtocolError> {
        let (rows, stages) = (self.kept.gone(), self.stages.gone());
        if rows.is_empty() && stages.is_empty() {
            return Ok(false);
        }
        self.put(FrameKind::Drop, &[&write(&DropMessage { rows, stages })?]).map(|()| true)
    }

    /// Ends a process that is no good any more. Says what is known of why.
    pub(super) fn give_up(mut self, silence: &Silence) -> String {
        // A process that went away has its own reason; any other is killed, and that is none.
        let left = match silence {
            Silence::Protocol(ProtocolError::Closed | ProtocolError::CutOff) => {
                self.writer = None;
                self.left_by(Instant::now() + LEAVING)
            }
            _ => false,
        };
        let (status, words) = self.reap();
        let mut cause = match status.filter(|_| left) {
            Some(status) if *silence == Silence::Protocol(ProtocolError::CutOff) => {
                format!("its process ended ({status}) in the middle of a message")
            }
            Some(status) => format!("its process ended ({status})"),
            None => silence.to_string(),
        };
        if !words.is_empty() {
            cause.push_str("; it said: ");
            cause.push_str(&words);
        }
        cause
    }

    /// Waits for the process to end by itself. Says whether it has.
    fn left_by(&mut self, deadline: Instant) -> bool {
        let mut pause = Duration::from_micros(200);
        loop {
            if self.group.has_left() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(pause);
            pause = (2 * pause).min(TICK);
        }
    }

    /// Kills what has not ended, and waits until nothing is left of it. Says how the process has ended, and its last words.
    fn reap(&mut self) -> (Option<ExitStatus>, String) {
        self.writer = None;
        let status = self.group.end();
        // A pump that waits for somebody to take what it has read waits no longer.
        self.frames = FrameReader::new(Box::new(std::io::empty()));
        if let Some(pump) = &mut self.pump {
            pump.join();
        }
        (status, self.last_words.take())
    }
}

impl Drop for ChildProcess {
    /// An idle worker leaves by itself when its driver does.
    fn drop(&mut self) {
        self.writer = None;
        self.frames = FrameReader::new(Box::new(std::io::empty()));
        self.left_by(Instant::now() + LEAVING);
        self.reap();
    }
}
