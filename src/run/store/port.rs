use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::{Rows, SpilledRows};
use crate::run::MemoryBudget;

/// Where the rows of a port are.
#[derive(Clone)]
pub(in crate::run) enum Held {
    /// In memory.
    Rows(Rows),
    /// In a file.
    Spilled(Arc<SpilledRows>),
}

impl Held {
    pub(in crate::run) fn rows(&self) -> u64 {
        match self {
            Held::Rows(rows) => rows.rows,
            Held::Spilled(rows) => rows.rows,
        }
    }

    pub(in crate::run) fn bytes(&self) -> u64 {
        match self {
            Held::Rows(rows) => rows.bytes,
            Held::Spilled(rows) => rows.bytes,
        }
    }
}

/// What a port is kept for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Use {
    /// The caller gets it: it stays in memory, and does not count.
    Result,
    /// The next of its readers has this priority.
    Readers(i64),
}

/// The rows of ports whose readers have not all ended, by the number of the port.
pub(in crate::run) struct Store {
    ports: Vec<Option<Held>>,
    /// What is in memory and could go to a file, what is read last first; also what has gone since.
    victims: BinaryHeap<(Reverse<i64>, u32)>,
    memory: MemoryBudget,
    /// Bytes of `memory` that are this run's.
    counted: u64,
    kept_ports: usize,
    kept_bytes: u64,
    /// Those of `kept_bytes` that the caller gets.
    result_bytes: u64,
    pub(in crate::run) peak_ports: usize,
    pub(in crate::run) peak_bytes: u64,
    /// Those of `peak_bytes` that the caller gets.
    pub(in crate::run) peak_result_bytes: u64,
    pub(in crate::run) spilled_bytes: u64,
}

/// Rows that are to go to a file. They can be read where they are until they are there.
pub(in crate::run) struct Victim {
    pub(in crate::run) port: usize,
    pub(in crate::run) rows: Rows,
}

impl Store {
    pub(in crate::run) fn new(ports: usize, memory: MemoryBudget) -> Self {
        Store {
            ports: vec![None; ports],
            victims: BinaryHeap::new(),
            memory,
            counted: 0,
            kept_ports: 0,
            kept_bytes: 0,
            result_bytes: 0,
            peak_ports: 0,
            peak_bytes: 0,
            peak_result_bytes: 0,
            spilled_bytes: 0,
        }
    }

    pub(in crate::run) fn get(&self, port: usize) -> Option<&Held> {
        self.ports[port].as_ref()
    }

    /// Counts bytes that went to files. Some are a worker's word: a sum must not overflow.
    pub(in crate::run) fn count_spilled(&mut self, bytes: u64) {
        self.spilled_bytes = self.spilled_bytes.saturating_add(bytes);
    }

    /// Keeps what a port gave.
    pub(in crate::run) fn put(&mut self, port: usize, held: Held, purpose: Use) {
        if let (Held::Rows(rows), Use::Readers(priority), true) = (&held, purpose, self.is_limited()) {
            self.counted += rows.bytes;
            self.memory.grow(rows.bytes);
            if rows.bytes > 0 {
                self.victims.push((Reverse(priority), port as u32));
            }
        }
        if let Held::Spilled(rows) = &held {
            self.count_spilled(rows.length);
        } else {
            self.kept_bytes += held.bytes();
            self.result_bytes += if purpose == Use::Result { held.bytes() } else { 0 };
        }
        self.kept_ports += 1;
        self.ports[port] = Some(held);
        self.peak_ports = self.peak_ports.max(self.kept_ports);
        if self.kept_bytes > self.peak_bytes {
            (self.peak_bytes, self.peak_result_bytes) = (self.kept_bytes, self.result_bytes);
        }
    }

    /// Lets a port go, if it was kept.
    pub(in crate::run) fn release(&mut self, port: usize, purpose: Use) -> Option<Held> {
        let held = self.ports[port].take()?;
        self.kept_ports -= 1;
        if let Held::Rows(rows) = &held {
            self.kept_bytes -= rows.bytes;
            self.result_bytes -= if purpose == Use::Result { rows.bytes } else { 0 };
            self.discount(rows.bytes, purpose);
        }
        Some(held)
    }

    /// The rows that are read last of those that could go to a file.
    pub(in crate::run) fn victim(&mut self) -> Option<Victim> {
        while let Some((_, port)) = self.victims.pop() {
            if let Some(Held::Rows(rows)) = &self.ports[port as usize] {
                return Some(Victim { port: port as usize, rows: rows.clone() });
            }
        }
        None
    }

    /// A victim is in a file now. If its readers ended meanwhile, nobody needs it there.
    pub(in crate::run) fn spilled(&mut self, port: usize, rows: SpilledRows) -> Option<Held> {
        let (bytes, written) = (rows.bytes, rows.length);
        match &mut self.ports[port] {
            Some(held @ Held::Rows(_)) => {
                let before = std::mem::replace(held, Held::Spilled(Arc::new(rows)));
                self.kept_bytes -= bytes;
                self.count_spilled(written);
                self.discount(bytes, Use::Readers(0));
                Some(before)
            }
            Some(Held::Spilled(_)) | None => Some(Held::Spilled(Arc::new(rows))),
        }
    }

    fn is_limited(&self) -> bool {
        self.memory.limit().is_some()
    }

    fn discount(&mut self, bytes: u64, purpose: Use) {
        if self.is_limited() && purpose != Use::Result {
            self.counted -= bytes;
            self.memory.shrink(bytes);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.memory.shrink(self.counted);
    }
}
