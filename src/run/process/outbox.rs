use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::ProtocolError;
use super::frame::{FrameKind, Outgoing};
use super::message::{AttemptMessage, write};
use crate::leaf::ArrowStream;

/// What a worker says: its threads share one stream.
pub(super) struct Outbox<W> {
    writer: Mutex<(Outgoing, W)>,
    /// The attempt that runs; none is 0.
    running: AtomicU64,
    closed: Mutex<bool>,
    closing: Condvar,
}

impl<W: Write> Outbox<W> {
    pub(super) fn new(writer: W) -> Self {
        let writer = Mutex::new((Outgoing::default(), writer));
        Outbox { writer, running: AtomicU64::new(0), closed: Mutex::new(false), closing: Condvar::new() }
    }

    /// Says one thing.
    pub(super) fn send(&self, kind: FrameKind, body: &[u8]) -> Result<(), ProtocolError> {
        let (outgoing, writer) = &mut *self.writer.lock();
        outgoing.put(kind, &[body], writer)?;
        outgoing.flush(writer)
    }

    /// An attempt starts: from here on this worker must give signs of life.
    pub(super) fn begin(&self, attempt: u64) {
        self.running.store(attempt, Ordering::Relaxed);
    }

    /// The attempt's answer, with its rows.
    pub(super) fn answer(&self, answer: &[u8], streams: &[ArrowStream]) -> Result<(), ProtocolError> {
        let (outgoing, writer) = &mut *self.writer.lock();
        self.running.store(0, Ordering::Relaxed);
        outgoing.put(FrameKind::Answer, &[answer], writer)?;
        for stream in streams {
            outgoing.put(FrameKind::Data, &[stream.as_bytes()], writer)?;
        }
        outgoing.flush(writer)
    }

    /// Gives signs of life while an attempt runs, until the end.
    pub(super) fn keep_alive(&self, interval: Duration) {
        let mut closed = self.closed.lock();
        while !*closed {
            self.closing.wait_for(&mut closed, interval);
            let attempt = self.running.load(Ordering::Relaxed);
            if *closed || attempt == 0 {
                continue;
            }
            let said = write(&AttemptMessage { attempt }).and_then(|body| self.send(FrameKind::Heartbeat, &body));
            if said.is_err() {
                // The driver is gone; who listens to it says so.
                return;
            }
        }
    }

    /// Ends [`keep_alive`](Outbox::keep_alive).
    pub(super) fn close(&self) {
        *self.closed.lock() = true;
        self.closing.notify_all();
    }
}
