use std::time::Duration;

use super::annotations::{Name, nanos};
use super::fields::packet::{TIMESTAMP, TRACK_EVENT};
use super::fields::trace::PACKET;
use super::fields::{event_type, track_event};
use super::interned::{Interned, category};
use super::proto::{Open, Proto};
use crate::run::report::kind::Kind;
use crate::run::{TaskAttempt, TaskEvent};

/// The events of one track that stand for tasks. What is the same for most that follow each other is encoded once.
pub(super) struct Slices<'a> {
    interned: &'a Interned<'a>,
    event_type: u64,
    track: u64,
    kind: Option<Kind<'a>>,
    /// What stands behind the time of a packet that begins one, up to the annotations of the task.
    begin: Vec<u8>,
    /// Where in it the length of the event stands.
    length_at: usize,
    /// What stands behind the time of a packet that ends one.
    end: Vec<u8>,
}

impl<'a> Slices<'a> {
    /// Tries of tasks, which begin and end.
    pub(super) fn new(track: u64, interned: &'a Interned<'a>) -> Self {
        let mut end = Vec::new();
        Proto(&mut end).end(track);
        Slices {
            interned,
            event_type: event_type::SLICE_BEGIN,
            track,
            kind: None,
            begin: Vec::new(),
            length_at: 0,
            end,
        }
    }

    /// Instants.
    pub(super) fn instants(track: u64, interned: &'a Interned<'a>) -> Self {
        Slices { event_type: event_type::INSTANT, ..Slices::new(track, interned) }
    }

    /// The packet that begins a try of a task, or is its instant; `write` says the rest of it.
    #[inline]
    pub(super) fn begin(
        &mut self,
        at: Duration,
        event: &'a TaskEvent,
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
        text.0.extend_from_slice(&self.begin);
        write(text);
        text.close(of_event).close(packet);
    }

    /// The packet that ends what began last.
    #[inline]
    pub(super) fn end(&self, at: Duration, text: &mut Proto<'_>) {
        let packet = text.open(PACKET);
        text.uint(TIMESTAMP, nanos(at));
        text.0.extend_from_slice(&self.end);
        text.close(packet);
    }

    fn encode(&mut self, event: &TaskEvent, kind: Kind<'a>) {
        self.begin.clear();
        let mut text = Proto(&mut self.begin);
        self.length_at = text.of_interned().open(TRACK_EVENT).0;
        text.event(self.event_type, self.track).uint(track_event::CATEGORY_IIDS, category(kind.category()));
        match self.interned.name(event.name()) {
            Some(number) => text.uint(track_event::NAME_IID, number),
            None => text.text(track_event::NAME, event.name()),
        };
        text.number(Name::Stage, kind.stage as u64);
        text.number(Name::Attempt, kind.attempt.into());
        self.kind = Some(kind);
    }
}
