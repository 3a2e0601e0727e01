use std::io::{ErrorKind, Read, Write};

use arrow_buffer::{Buffer, MutableBuffer};

use super::ProtocolError;

/// What a frame carries. The numbers are part of the protocol, and none is a character of ASCII: whoever
/// prints where a worker should speak is noticed at the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FrameKind {
    /// First frame of either side: who it is, and which versions it speaks.
    Hello = 0x81,
    /// Driver: what time is it?
    Ping = 0x82,
    /// Worker: so late.
    Pong = 0x83,
    /// Driver: a fragment, which later tasks name by its token.
    Fragment = 0x84,
    /// Driver: the fragments so far are no longer needed.
    Forget = 0x85,
    /// Driver: run this; its inputs follow as data.
    Task = 0x86,
    /// An Arrow IPC stream that belongs to the task or the answer before it.
    Data = 0x87,
    /// Driver: stop this attempt.
    Cancel = 0x88,
    /// Worker: still at it.
    Heartbeat = 0x89,
    /// Worker: how an attempt ended; the rows follow as data.
    Answer = 0x8a,
    /// Driver: rows that were to be kept, and that no task will read any more.
    Drop = 0x8b,
}

impl FrameKind {
    const ALL: [FrameKind; 11] = [
        FrameKind::Hello,
        FrameKind::Ping,
        FrameKind::Pong,
        FrameKind::Fragment,
        FrameKind::Forget,
        FrameKind::Task,
        FrameKind::Data,
        FrameKind::Cancel,
        FrameKind::Heartbeat,
        FrameKind::Answer,
        FrameKind::Drop,
    ];

    fn of(byte: u8) -> Option<FrameKind> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// How long the body may be. What is no data or fragment is a short text, so a few wrong bytes cannot
    /// ask for much memory.
    fn limit(self) -> u64 {
        match self {
            FrameKind::Data => 1 << 40,
            FrameKind::Fragment | FrameKind::Task | FrameKind::Answer | FrameKind::Drop => 1 << 30,
            _ => 1 << 16,
        }
    }
}

/// One frame: its kind, and a body that starts on a cache line, so that Arrow reads it in place.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) body: Buffer,
}

/// Kind, and length of the body, little-endian.
pub(super) const HEAD: usize = 9;

/// The head of a frame.
pub(super) fn head(kind: FrameKind, length: usize) -> [u8; HEAD] {
    let mut head = [kind as u8; HEAD];
    head[1..].copy_from_slice(&(length as u64).to_le_bytes());
    head
}

/// Frames on their way out, one after the other, in as few writes as their sizes allow.
#[derive(Default)]
pub(super) struct Outgoing(Vec<u8>);

/// A body as large as this is written from where it lies.
const COPIED: usize = 1 << 16;

impl Outgoing {
    pub(super) fn put(
        &mut self,
        kind: FrameKind,
        parts: &[&[u8]],
        writer: &mut (impl Write + ?Sized),
    ) -> Result<(), ProtocolError> {
        self.0.extend_from_slice(&head(kind, parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            if self.0.len() + part.len() <= COPIED {
                self.0.extend_from_slice(part);
            } else {
                self.flush(writer)?;
                writer.write_all(part)?;
            }
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, writer: &mut (impl Write + ?Sized)) -> Result<(), ProtocolError> {
        if !self.0.is_empty() {
            writer.write_all(&self.0)?;
            self.0.clear();
        }
        Ok(writer.flush()?)
    }
}

/// Takes a stream of bytes apart, and keeps its place when the stream makes it wait.
pub(super) struct FrameReader<R> {
    reader: R,
    /// What was read, and not used, of which `start..end` counts.
    ahead: Box<[u8]>,
    start: usize,
    end: usize,
    /// The frame that is not complete yet.
    partial: Option<Partial>,
    /// Bytes that have come so far.
    received: u64,
}

struct Partial {
    kind: FrameKind,
    length: usize,
    body: MutableBuffer,
    filled: usize,
}

/// What a body gets before any of it has come; then it grows with what comes.
const TRUSTED: usize = 1 << 24;

impl<R: Read> FrameReader<R> {
    pub(super) fn new(reader: R) -> Self {
        FrameReader { reader, ahead: vec![0; COPIED].into(), start: 0, end: 0, partial: None, received: 0 }
    }

    /// How many bytes have come so far: a sign of life in the middle of a large frame.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// The next frame; `None` when the stream has nothing more for now, which only a stream with a read
    /// timeout says.
    ///
    /// # Errors
    /// The end of the stream, and what is no frame.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, ProtocolError> {
        loop {
            match &mut self.partial {
                None if self.end - self.start >= HEAD => self.begin()?,
                Some(partial) if partial.filled == partial.length => {
                    let Some(Partial { kind, body, .. }) = self.partial.take() else { continue };
                    return Ok(Some(Frame { kind, body: body.into() }));
                }
                Some(partial) if self.end > self.start => {
                    let count = (partial.length - partial.filled).min(self.end - self.start);
                    let taken = &self.ahead[self.start..self.start + count];
                    partial.room(count)[..count].copy_from_slice(taken);
                    partial.filled += count;
                    self.start += count;
                }
                _ => {
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn begin(&mut self) -> Result<(), ProtocolError> {
        let head = &self.ahead[self.start..self.start + HEAD];
        let kind = FrameKind::of(head[0]).ok_or(ProtocolError::Kind(head[0]))?;
        let length = head[1..].try_into().map_or(u64::MAX, u64::from_le_bytes);
        if length > kind.limit() {
            return Err(ProtocolError::Length { length, limit: kind.limit() });
        }
        let length = length as usize;
        self.start += HEAD;
        let body = MutableBuffer::from_len_zeroed(length.min(TRUSTED));
        self.partial = Some(Partial { kind, length, body, filled: 0 });
        Ok(())
    }

    /// Reads something, a large body straight to its place. False when nothing comes for now.
    fn fill(&mut self) -> Result<bool, ProtocolError> {
        let read = match &mut self.partial {
            Some(partial) if partial.length - partial.filled > COPIED => {
                let read = self.reader.read(partial.room(COPIED));
                partial.filled += *read.as_ref().unwrap_or(&0);
                read
            }
            _ => {
                self.ahead.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
                let read = self.reader.read(&mut self.ahead[self.end..]);
                self.end += *read.as_ref().unwrap_or(&0);
                read
            }
        };
        match read {
            Ok(0) if self.partial.is_none() && self.start == self.end => Err(ProtocolError::Closed),
            Ok(0) => Err(ProtocolError::CutOff),
            Ok(count) => {
                self.received += count as u64;
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

impl Partial {
    /// The room behind what is filled, for this many bytes at least.
    fn room(&mut self, count: usize) -> &mut [u8] {
        let end = self.filled + count;
        if end > self.body.len() {
            let doubled = (2 * self.body.len()).clamp(end, self.length);
            self.body.resize(doubled, 0);
        }
        &mut self.body.as_slice_mut()[self.filled..]
    }
}
