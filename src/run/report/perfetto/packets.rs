use std::time::Duration;

use super::fields::packet::{INTERNED_DATA, SEQUENCE, SEQUENCE_FLAGS, TIMESTAMP, TRACK_DESCRIPTOR, TRACK_EVENT};
use super::fields::sequence_flags::{INCREMENTAL_STATE_CLEARED, NEEDS_INCREMENTAL_STATE};
use super::fields::trace::PACKET;
use super::fields::{counter, event_type, process, thread, track_descriptor, track_event};
use super::interned::{Interned, category};
use super::proto::Proto;
use crate::run::RunReport;
use crate::run::report::times::nanos;
use crate::run::report::tracks::Track;

/// All packets are of one sequence: they share what is interned.
const ONLY_SEQUENCE: u64 = 1;

/// Packets of a trace that stand in it once, or are few. Tracks have numbers of their own, from 1.
impl Proto<'_> {
    /// What is interned; it comes before all that refers to it.
    pub(super) fn interned(&mut self, interned: &Interned<'_>) {
        self.message(PACKET, |packet| {
            packet.uint(SEQUENCE, ONLY_SEQUENCE).uint(SEQUENCE_FLAGS, INCREMENTAL_STATE_CLEARED);
            packet.message(INTERNED_DATA, |data| interned.write(data));
        });
    }

    /// Describes a process, or a thread of it.
    pub(super) fn track(&mut self, number: u64, parent: u64, track: &Track) {
        let (pid, tid) = (track.thread.pid as u64, track.thread.tid as u64);
        self.descriptor(number, |descriptor| {
            if track.is_process() {
                descriptor.message(track_descriptor::PROCESS, |of| {
                    of.uint(process::PID, pid).text(process::NAME, &track.name);
                });
            } else {
                descriptor.uint(track_descriptor::PARENT_UUID, parent);
                descriptor.message(track_descriptor::THREAD, |of| {
                    of.uint(thread::PID, pid).uint(thread::TID, tid).text(thread::NAME, &track.name);
                });
            }
        });
    }

    /// Describes a number of tasks over time.
    pub(super) fn counter(&mut self, number: u64, parent: u64, name: &str) -> &mut Self {
        self.descriptor(number, |descriptor| {
            descriptor.uint(track_descriptor::PARENT_UUID, parent).text(track_descriptor::NAME, name);
            descriptor.message(track_descriptor::COUNTER, |of| _ = of.text(counter::UNIT_NAME, "tasks"));
        })
    }

    fn descriptor(&mut self, number: u64, write: impl FnOnce(&mut Proto<'_>)) -> &mut Self {
        self.message(PACKET, |packet| {
            packet.uint(SEQUENCE, ONLY_SEQUENCE);
            packet.message(TRACK_DESCRIPTOR, |descriptor| write(descriptor.uint(track_descriptor::UUID, number)));
        })
    }

    /// The run as a whole.
    pub(super) fn whole_run(&mut self, track: u64, report: &RunReport) {
        self.message(PACKET, |packet| {
            packet.uint(TIMESTAMP, 0).of_interned().message(TRACK_EVENT, |event| {
                event.event(event_type::SLICE_BEGIN, track);
                event.uint(track_event::CATEGORY_IIDS, category("run")).text(track_event::NAME, "run");
                event.run(report);
            });
        });
        self.message(PACKET, |packet| {
            packet.uint(TIMESTAMP, nanos(report.wall)).end(track);
        });
    }

    /// How many there are from a time on.
    pub(super) fn count(&mut self, track: u64, at: Duration, count: usize) {
        self.message(PACKET, |packet| {
            packet.uint(TIMESTAMP, nanos(at)).uint(SEQUENCE, ONLY_SEQUENCE);
            packet.message(TRACK_EVENT, |event| {
                event.event(event_type::COUNTER, track).uint(track_event::COUNTER_VALUE, count as u64);
            });
        });
    }

    /// The arrows that have an end in an event.
    #[inline]
    pub(super) fn arrows(&mut self, field: u32, arrows: &[u32]) {
        arrows.iter().for_each(|arrow| _ = self.fixed64(field, u64::from(*arrow)));
    }

    /// The rest of a packet, behind its time, that ends a slice.
    pub(super) fn end(&mut self, track: u64) -> &mut Self {
        self.uint(SEQUENCE, ONLY_SEQUENCE).message(TRACK_EVENT, |event| _ = event.event(event_type::SLICE_END, track))
    }

    /// Of a packet that refers to what is interned.
    pub(super) fn of_interned(&mut self) -> &mut Self {
        self.uint(SEQUENCE, ONLY_SEQUENCE).uint(SEQUENCE_FLAGS, NEEDS_INCREMENTAL_STATE)
    }

    pub(super) fn event(&mut self, kind: u64, track: u64) -> &mut Self {
        self.uint(track_event::TYPE, kind).uint(track_event::TRACK_UUID, track)
    }
}
