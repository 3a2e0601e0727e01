use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::mpsc::Sender;
use std::time::Instant;

use arrow_buffer::Buffer;
use parking_lot::Mutex;

use super::ProtocolError;
use super::frame::{Frame, FrameKind, FrameReader};
use super::message::{AttemptMessage, DropMessage, PongMessage, TaskMessage, read, write};
use super::outbox::Outbox;
use crate::run::CancelFlag;
use crate::token::Token;

/// What a worker has to do, in the order in which it was said.
pub(super) enum Job {
    Fragment {
        token: Token,
        document: Buffer,
    },
    Forget,
    /// Rows that need not be kept.
    Drop(DropMessage),
    Task {
        task: Box<TaskMessage>,
        streams: Vec<Buffer>,
    },
}

/// What a worker hears.
#[derive(Default)]
pub(super) struct Inbox(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    running: Option<(u64, CancelFlag)>,
    /// Attempts that were cancelled before they began.
    cancelled: BTreeSet<u64>,
    gone: bool,
}

impl Inbox {
    /// An attempt begins. Gives what cancels it; nothing when there is nobody left to run it for.
    pub(super) fn begin(&self, attempt: u64) -> Option<CancelFlag> {
        let mut heard = self.0.lock();
        let cancelled = CancelFlag::default();
        if heard.cancelled.remove(&attempt) {
            cancelled.set();
        }
        heard.running = Some((attempt, cancelled.clone()));
        (!heard.gone).then_some(cancelled)
    }

    /// The attempt has ended.
    pub(super) fn end(&self) {
        self.0.lock().running = None;
    }

    /// Whether nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        self.0.lock().running.is_none()
    }

    /// Listens until the driver is gone, and cancels what runs then.
    pub(super) fn listen<R: Read, W: Write>(
        &self,
        mut frames: FrameReader<R>,
        jobs: Sender<Job>,
        outbox: &Outbox<W>,
        clock: Instant,
    ) -> Result<(), ProtocolError> {
        let heard = loop {
            match self.hear(&mut frames, outbox, clock) {
                Ok(Some(job)) => {
                    // Nobody takes jobs any more: the worker could not answer.
                    if jobs.send(job).is_err() {
                        break Ok(());
                    }
                }
                Ok(None) => {}
                Err(ProtocolError::Closed) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let mut all = self.0.lock();
        all.gone = true;
        if let Some((_, cancelled)) = &all.running {
            cancelled.set();
        }
        heard
    }

    fn hear<R: Read, W: Write>(
        &self,
        frames: &mut FrameReader<R>,
        outbox: &Outbox<W>,
        clock: Instant,
    ) -> Result<Option<Job>, ProtocolError> {
        let Some(frame) = frames.next()? else { return Ok(None) };
        Ok(match frame.kind {
            FrameKind::Ping => {
                let now_ns = clock.elapsed().as_nanos() as u64;
                outbox.send(FrameKind::Pong, &write(&PongMessage { now_ns })?)?;
                None
            }
            FrameKind::Cancel => {
                self.cancel(read::<AttemptMessage>(&frame)?.attempt);
                None
            }
            FrameKind::Fragment => Some(fragment(&frame)?),
            FrameKind::Forget => Some(Job::Forget),
            FrameKind::Drop => Some(Job::Drop(read(&frame)?)),
            FrameKind::Task => {
                let task: Box<TaskMessage> = Box::new(read(&frame)?);
                let count =
                    task.inputs.iter().flatten().fold(0, |sum: usize, source| sum.saturating_add(source.streams()));
                let streams = streams(frames, count)?;
                Some(Job::Task { task, streams })
            }
            kind => {
                return Err(ProtocolError::Invalid(format!("a driver has no frame of kind `{kind:?}` to send here")));
            }
        })
    }

    fn cancel(&self, attempt: u64) {
        let mut heard = self.0.lock();
        match &heard.running {
            Some((running, cancelled)) if *running == attempt => cancelled.set(),
            // Of an attempt that is over, and not to come, only the number stays.
            Some((running, _)) if *running > attempt => {}
            _ => {
                heard.cancelled.insert(attempt);
            }
        }
    }
}

/// Token, and document.
fn fragment(frame: &Frame) -> Result<Job, ProtocolError> {
    let Some((token, _)) = frame.body.split_first_chunk::<32>() else {
        return Err(ProtocolError::Invalid("a fragment without a token".into()));
    };
    Ok(Job::Fragment { token: Token::from_bytes(*token), document: frame.body.slice(32) })
}

/// The streams that follow a task.
fn streams<R: Read>(frames: &mut FrameReader<R>, count: usize) -> Result<Vec<Buffer>, ProtocolError> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let frame = loop {
            if let Some(frame) = frames.next()? {
                break frame;
            }
        };
        match frame.kind {
            FrameKind::Data => streams.push(frame.body),
            kind => return Err(ProtocolError::Invalid(format!("a frame of kind `{kind:?}` in the middle of rows"))),
        }
    }
    Ok(streams)
}
