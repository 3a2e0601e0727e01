//! Law M2, model-checked: the account of memory, compiled over the atomics of `shuttle`, under every schedule of two
//! threads that finish tasks at one moment (depth-first, exhaustively) and under ten thousand schedules of three, at random
//! and by probabilistic concurrency testing (PCT).
//!
//! What is kept stands in a list, as in the store of a run: whoever has made rows reserves room for them, sends something of
//! the list to a file while there is none, and hands the reservation over with the rows.

use exploring::{exhaustively, threads, widely};
use leafhold::run::KernelError;
use memory_budget::MemoryBudget;
use memory_reservation::MemoryReservation;
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

#[path = "common/exploring.rs"]
mod exploring;
#[allow(dead_code)]
#[path = "../src/run/memory_budget.rs"]
mod memory_budget;
#[allow(dead_code)]
#[path = "../src/run/memory_reservation.rs"]
mod memory_reservation;

/// What the account under test is made of.
mod sync {
    pub use shuttle::sync::atomic::{AtomicU64, Ordering};
}

const LIMIT: u64 = 10;

/// A run's account, and the sizes of what it keeps, with the reservation for them.
#[derive(Clone)]
struct World {
    memory: MemoryBudget,
    kept: Arc<Mutex<(Vec<u64>, MemoryReservation)>>,
}

impl World {
    fn new(kept: &[u64]) -> Self {
        let memory = MemoryBudget::limited(LIMIT);
        let reserved = memory.try_reserve(kept.iter().sum()).unwrap();
        World { memory, kept: Arc::new(Mutex::new((kept.to_vec(), reserved))) }
    }

    /// Something that is kept goes to a file.
    fn spill_one(&self) -> Result<bool, ()> {
        let Some(victim) = self.kept.lock().unwrap().0.pop() else { return Ok(false) };
        // It is written without the lock, and counts until it is there.
        thread::yield_now();
        self.kept.lock().unwrap().1.shrink(victim);
        Ok(true)
    }

    /// A task has given so many bytes. They are kept, or go to a file.
    fn finish(&self, bytes: u64) {
        let room = self.memory.reserve_freeing(bytes, || self.spill_one()).unwrap();
        self.assert_within(0);
        if let Some(mut room) = room {
            let mut kept = self.kept.lock().unwrap();
            kept.1.take_over(&mut room, bytes);
            kept.0.push(bytes);
            assert_eq!(room.bytes(), 0);
        }
        self.assert_within(0);
    }

    /// A task reads back so many bytes, and ends.
    fn read_back(&self, bytes: u64) {
        let room = self.memory.reserve_freeing(bytes, || self.spill_one()).unwrap();
        let room = room.unwrap_or_else(|| self.memory.reserve(bytes));
        assert!(self.memory.used() >= room.bytes());
        self.assert_within(bytes);
    }

    #[track_caller]
    fn assert_within(&self, beyond: u64) {
        let used = self.memory.used();
        assert!(used <= LIMIT + beyond, "{used} bytes of {LIMIT} are kept or reserved (M2)");
    }

    /// What is counted is what is kept, and nothing when that is gone.
    fn assert_nothing_forgotten(self) {
        let World { memory, kept } = self;
        {
            let kept = kept.lock().unwrap();
            let sum: u64 = kept.0.iter().sum();
            assert_eq!((kept.1.bytes(), memory.used()), (sum, sum));
        }
        drop(kept);
        assert_eq!(memory.used(), 0);
    }
}

/// What one thread does.
type Work = fn(&World);

fn race(kept: &[u64], work: &[Work]) {
    let world = World::new(kept);
    let work = work.iter().map(|work| {
        let work = *work;
        Box::new(move |world: World| work(&world)) as _
    });
    threads::<World, ()>(&world, work.collect());
    world.assert_nothing_forgotten();
}

#[test]
fn law_m2_tasks_that_end_at_one_moment_keep_no_more_than_there_is_room_for() {
    let half: Work = |world| {
        let room = world.memory.reserve_freeing(6, || Ok::<_, ()>(false)).unwrap();
        world.assert_within(0);
        drop(room);
    };
    exhaustively("M2", 50, move || race(&[], &[half, half]));
    widely("M2", || race(&[4, 3], &[|world| world.finish(6), |world| world.finish(5), |world| world.finish(4)]));
    // One of them finds no room, and nothing that could go.
    widely("M2", || race(&[9], &[|world| world.finish(10), |world| world.finish(11), |world| world.finish(1)]));
}

#[test]
fn law_m2_only_what_is_read_back_goes_beyond_and_nobody_waits_for_ever() {
    // What is reserved beside it is within the limit by itself.
    let reserves: Work = |world| {
        let room = world.memory.reserve_freeing(7, || world.spill_one()).unwrap();
        world.assert_within(8);
        drop(room);
    };
    widely("M2", move || race(&[3, 3], &[|world| world.read_back(8), reserves, reserves]));
}
