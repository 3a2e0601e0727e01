use std::time::Duration;

use super::annotations::Name;
use super::fields::packet::{TIMESTAMP, TRACK_EVENT};
use super::fields::trace::PACKET;
use super::fields::{event_type, track_event};
use super::interned::{Interned, category};
use super::proto::{Open, Proto};
use crate::run::TaskAttempt;
use crate::run::report::kind::Kind;
use crate::run::report::recorded_event::RecordedEvent;
use crate::run::report::times::nanos;

/// The events of one track that stand for tasks. What is the same for most that follow each other is encoded once.
pub(super) struct Slices<'a> {
    interned: &'a Interned<'a>,
    event_type: u64,
    track: u64,
    kind: Option<Kind<'a>>,
    /// What stands behind the time of a packet that begins one, up to the annotations of the task.
    begin: Piece,
    /// Where in it the length of the event stands.
    length_at: usize,
    /// What stands behind the time of a packet that ends one.
    end: Piece,
}

/// Bytes that are written again and again.
#[derive(Default)]
struct Piece {
    /// With zeros behind them, up to [`SHORT`].
    padded: Vec<u8>,
    length: usize,
}

/// Most pieces are no longer.
const SHORT: usize = 48;

impl Piece {
    fn new(mut bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        bytes.resize(length.max(SHORT), 0);
        Piece { padded: bytes, length }
    }

    #[inline]
    fn put(&self, text: &mut Proto<'_>) {
        match self.padded.first_chunk::<SHORT>().filter(|_| self.length <= SHORT) {
            Some(short) => _ = text.put(*short, self.length),
            None => text.0.extend_from_slice(&self.padded),
        }
    }
}

impl<'a> Slices<'a> {
    /// Attempts of tasks, which begin and end.
    pub(super) fn new(track: u64, interned: &'a Interned<'a>) -> Self {
        let mut end = Vec::new();
        Proto(&mut end).end(track);
        Slices {
            interned,
            event_type: event_type::SLICE_BEGIN,
            track,
            kind: None,
            begin: Piece::default(),
            length_at: 0,
            end: Piece::new(end),
        }
    }

    /// Instants.
    pub(super) fn instants(track: u64, interned: &'a Interned<'a>) -> Self {
        Slices { event_type: event_type::INSTANT, ..Slices::new(track, interned) }
    }

    /// The packet that begins an attempt of a task, or is its instant; `write` says the rest of it.
    #[inline]
    pub(super) fn begin(
        &mut self,
        at: Duration,
        event: RecordedEvent<'a>,
        attempt: Option<&TaskAttempt>,
        text: &mut Proto<'_>,
        write: impl FnOnce(&mut Proto<'_>),
    ) {
        let kind = Kind::of(event, attempt);
        if self.kind != Some(kind) {
            self.encode(event, kind);
        }
        let packet = text.open(PACKET);
        text.uint(TIMESTAMP, nanos(at));
        let of_event = Open(text.0.len() + self.length_at);
        self.begin.put(text);
        write(text);
        text.close(of_event).close(packet);
    }

    /// The packet that ends what began last.
    #[inline]
    pub(super) fn end(&self, at: Duration, text: &mut Proto<'_>) {
        let packet = text.open(PACKET);
        text.uint(TIMESTAMP, nanos(at));
        self.end.put(text);
        text.close(packet);
    }

    fn encode(&mut self, event: RecordedEvent<'a>, kind: Kind<'a>) {
        let mut begin = Vec::new();
        let mut text = Proto(&mut begin);
        self.length_at = text.of_interned().open(TRACK_EVENT).0;
        text.event(self.event_type, self.track).uint(track_event::CATEGORY_IIDS, category(kind.category));
        match self.interned.name(event.name()) {
            Some(number) => text.uint(track_event::NAME_IID, number),
            None => text.text(track_event::NAME, event.name()),
        };
        text.number(Name::Stage, kind.stage as u64);
        text.number(Name::Attempt, kind.attempt.into());
        (self.begin, self.kind) = (Piece::new(begin), Some(kind));
    }
}
