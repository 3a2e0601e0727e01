use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Rows, SpilledRows};
use crate::run::{MemoryBudget, MemoryReservation};

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
    /// What tasks read that run now. Without a limit nobody asks.
    pins: FxHashMap<u32, Pin>,
    /// The bytes of all rows in memory that are kept for readers; nothing without a limit.
    reserved: Option<MemoryReservation>,
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

/// Rows that a running task holds: in a file they would be in memory all the same.
#[derive(Default)]
struct Pin {
    tasks: usize,
    /// With which priority they become a victim again, if they were found among those.
    priority: Option<i64>,
}

/// Rows that are to go to a file. They can be read where they are until they are there.
pub(in crate::run) struct Victim {
    port: usize,
    priority: i64,
    pub(in crate::run) rows: Rows,
}

impl Store {
    pub(in crate::run) fn new(ports: usize, memory: &MemoryBudget) -> Self {
        Store {
            ports: vec![None; ports],
            victims: BinaryHeap::new(),
            pins: FxHashMap::default(),
            reserved: memory.limit().map(|_| memory.reserve(0)),
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

    /// Keeps what a port gave. Room for it was taken before, if there is a limit; rows for which none was are there in any
    /// case.
    pub(in crate::run) fn put(&mut self, port: usize, held: Held, purpose: Use, room: &mut Option<MemoryReservation>) {
        if let (Held::Rows(rows), Use::Readers(priority), Some(reserved)) = (&held, purpose, &mut self.reserved) {
            match room {
                Some(room) => reserved.take_over(room, rows.bytes),
                None => reserved.grow(rows.bytes),
            }
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

    /// A task runs that reads a port.
    pub(in crate::run) fn pin(&mut self, port: usize) {
        if self.reserved.is_some() {
            self.pins.entry(port as u32).or_default().tasks += 1;
        }
    }

    /// It runs no more.
    pub(in crate::run) fn unpin(&mut self, port: usize) {
        let Some(pin) = self.pins.get_mut(&(port as u32)) else { return };
        pin.tasks -= 1;
        if pin.tasks == 0
            && let Some(Pin { priority: Some(priority), .. }) = self.pins.remove(&(port as u32))
        {
            self.victims.push((Reverse(priority), port as u32));
        }
    }

    /// The rows that are read last of those that could go to a file, and that no task reads now.
    pub(in crate::run) fn victim(&mut self) -> Option<Victim> {
        while let Some((Reverse(priority), port)) = self.victims.pop() {
            let Some(Held::Rows(rows)) = &self.ports[port as usize] else { continue };
            match self.pins.get_mut(&port) {
                Some(pin) => pin.priority = Some(priority),
                None => return Some(Victim { port: port as usize, priority, rows: rows.clone() }),
            }
        }
        None
    }

    /// A victim is in a file now. If its readers ended meanwhile, nobody needs it there; if one of them began, it stays
    /// where it is. Gives what can go.
    pub(in crate::run) fn spilled(&mut self, victim: &Victim, rows: SpilledRows) -> Held {
        let written = rows.length;
        let held = Held::Spilled(Arc::new(rows));
        if self.pins.contains_key(&(victim.port as u32)) {
            self.unspilled(victim);
            return held;
        }
        let Some(kept @ Held::Rows(_)) = &mut self.ports[victim.port] else { return held };
        let before = std::mem::replace(kept, held);
        self.kept_bytes -= victim.rows.bytes;
        self.count_spilled(written);
        self.discount(victim.rows.bytes, Use::Readers(victim.priority));
        before
    }

    /// A victim is where it was: it may be one again.
    pub(in crate::run) fn unspilled(&mut self, victim: &Victim) {
        let Victim { port, priority, .. } = *victim;
        if let Some(Held::Rows(_)) = self.ports[port] {
            match self.pins.get_mut(&(port as u32)) {
                Some(pin) => pin.priority = Some(priority),
                None => self.victims.push((Reverse(priority), port as u32)),
            }
        }
    }

    fn discount(&mut self, bytes: u64, purpose: Use) {
        if let (Some(reserved), Use::Readers(_)) = (&mut self.reserved, purpose) {
            reserved.shrink(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, RecordBatch};
    use proptest::prelude::*;

    use super::super::{SpillLog, TemporaryFolder};
    use super::*;

    const PORTS: usize = 6;
    /// Less than all of them need.
    const LIMIT: u64 = 100;

    /// 8 bytes for the first port, 16 for the second, and so on.
    fn rows(port: usize) -> Rows {
        let numbers = Int64Array::from_iter_values(0..=port as i64);
        Rows::from(vec![RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap()])
    }

    struct World {
        memory: MemoryBudget,
        log: SpillLog,
        store: Store,
        pins: [usize; PORTS],
    }

    impl World {
        fn new() -> Self {
            let memory = MemoryBudget::limited(LIMIT);
            let (log, store) = (SpillLog::new(Arc::new(TemporaryFolder::default())), Store::new(PORTS, &memory));
            World { memory, log, store, pins: [0; PORTS] }
        }

        fn in_memory(&self, port: usize) -> bool {
            matches!(self.store.get(port), Some(Held::Rows(_)))
        }

        fn pin(&mut self, port: usize) {
            self.store.pin(port);
            self.pins[port] += 1;
        }

        fn unpin(&mut self, port: usize) {
            self.store.unpin(port);
            self.pins[port] -= 1;
        }

        /// Writes a victim to a file, while which a task may begin to read it.
        fn spill(&mut self, read_meanwhile: bool) -> bool {
            let Some(victim) = self.store.victim() else { return false };
            let port = victim.port;
            assert_eq!(self.pins[port], 0, "a running task reads it");
            let written = self.log.write(&victim.rows).unwrap();
            if read_meanwhile {
                self.pin(port);
            }
            drop(self.store.spilled(&victim, written));
            assert_eq!(self.in_memory(port), read_meanwhile);
            true
        }

        fn step(&mut self, step: u8, port: usize) {
            match step {
                0 if self.store.get(port).is_none() => {
                    let rows = rows(port);
                    if let Ok(room) = self.memory.try_reserve(rows.bytes) {
                        self.store.put(port, Held::Rows(rows), Use::Readers(port as i64), &mut Some(room));
                    }
                }
                1 if self.store.get(port).is_some() => self.pin(port),
                2 if self.pins[port] > 0 => self.unpin(port),
                3 => drop(self.spill(port.is_multiple_of(2))),
                // A disk that is full.
                4 => {
                    if let Some(victim) = self.store.victim() {
                        self.store.unspilled(&victim);
                    }
                }
                5 if self.pins[port] == 0 => drop(self.store.release(port, Use::Readers(0))),
                _ => {}
            }
            let kept: u64 = (0..PORTS).filter(|port| self.in_memory(*port)).map(|port| rows(port).bytes).sum();
            assert!(self.memory.used() == kept && kept <= LIMIT, "{} counted, {kept} kept", self.memory.used());
        }
    }

    proptest! {
        #[test]
        fn law_m2_what_is_kept_counts_and_what_is_read_goes_to_no_file(
            steps in prop::collection::vec((0..6u8, 0..PORTS), 0..80)
        ) {
            let mut world = World::new();
            steps.into_iter().for_each(|(step, port)| world.step(step, port));
            for port in 0..PORTS {
                (0..world.pins[port]).for_each(|_| world.unpin(port));
            }
            // Now all of it can go.
            while world.spill(false) {}
            prop_assert!((0..PORTS).all(|port| !world.in_memory(port)));
            prop_assert_eq!(world.memory.used(), 0);
        }
    }

    #[test]
    fn what_goes_first_is_read_last() {
        let mut world = World::new();
        (0..4).for_each(|port| world.step(0, port));
        world.pin(0);
        let mut order = Vec::new();
        while let Some(victim) = world.store.victim() {
            order.push(victim.port);
        }
        assert_eq!(order, [1, 2, 3]);
        world.unpin(0);
        assert_eq!(world.store.victim().map(|victim| victim.port), Some(0));
    }

    #[test]
    fn rows_that_somebody_else_holds_count_though_there_is_no_room() {
        let mut world = World::new();
        let _full = world.memory.reserve(LIMIT);
        world.store.put(1, Held::Rows(rows(1)), Use::Readers(0), &mut None);
        assert_eq!(world.memory.used(), LIMIT + 16);
        drop(world.store);
        assert_eq!(world.memory.used(), LIMIT);
    }
}
