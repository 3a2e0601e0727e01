//! Laws L1 to L3 of the table of live instances, model-checked: the very source of the registry, compiled over
//! the types of `shuttle`, runs under every schedule of two threads (depth-first, exhaustively) and under ten
//! thousand schedules of three threads, at random and by probabilistic concurrency testing (PCT).
//!
//! Shuttle models locks, but its `Arc` and `Weak` are the standard library's. `sync` below wraps them with a
//! scheduling point before every operation that other threads can tell. The last drop runs the entry's own
//! drop after its step, as the real one does.

use std::sync::atomic::{AtomicUsize, Ordering};

use exploring::{Work, exhaustively, threads, widely};
use instance_table::{Entry, InstanceTable};
use sync::Arc;

#[path = "common/exploring.rs"]
mod exploring;
#[path = "../src/leaf/instance_table.rs"]
mod instance_table;
/// What the table under test is made of.
#[path = "common/model_sync.rs"]
mod sync;

/// A table, and what its engine sees: references taken over, discarded and released.
#[derive(Clone)]
struct World(std::sync::Arc<Parts>);

struct Parts {
    table: InstanceTable<Instance>,
    adopted: AtomicUsize,
    discarded: AtomicUsize,
    released: AtomicUsize,
}

struct Instance {
    slot: Option<u8>,
    counter: u64,
    world: World,
}

impl Entry for Instance {
    type Slot = u8;

    fn slot(&self) -> Option<u8> {
        self.slot
    }

    fn counter(&self) -> u64 {
        self.counter
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let world = self.world.clone();
        world.0.table.forget(self);
        world.0.released.fetch_add(1, Ordering::SeqCst);
    }
}

impl World {
    fn new() -> Self {
        let (adopted, discarded, released) = Default::default();
        World(std::sync::Arc::new(Parts { table: InstanceTable::new(), adopted, discarded, released }))
    }

    /// What `FutureHandle::new` does.
    fn adopt(&self, slot: Option<u8>) -> Arc<Instance> {
        let world = self.clone();
        match self.0.table.adopt(slot, world, |world, counter| Instance { slot, counter, world }) {
            Ok(instance) => {
                self.0.adopted.fetch_add(1, Ordering::SeqCst);
                instance
            }
            Err((instance, _)) => {
                self.0.discarded.fetch_add(1, Ordering::SeqCst);
                instance
            }
        }
    }

    /// Nobody holds anything any more.
    fn is_empty(&self, counters: &[u64]) {
        let adopted = self.0.adopted.load(Ordering::SeqCst);
        assert_eq!(self.0.released.load(Ordering::SeqCst), adopted, "released once each (L2)");
        assert!(self.0.table.find(&1).is_none(), "an entry outlived its instance (L2)");
        assert!(counters.iter().all(|counter| self.0.table.counted(*counter).is_none()));
    }
}

#[test]
fn law_l3_live_references_to_one_instance_are_one() {
    fn race(count: usize) {
        let world = World::new();
        let work =
            (0..count).map(|_| Box::new(|world: World| world.adopt(Some(1))) as Work<World, Arc<Instance>>).collect();
        let handles = threads(&world, work);
        assert!(handles.iter().all(|handle| Arc::ptr_eq(handle, &handles[0])), "two live ones of one instance (L3)");
        assert_eq!(world.0.adopted.load(Ordering::SeqCst), 1);
        assert_eq!(world.0.discarded.load(Ordering::SeqCst), count - 1);
        assert_eq!(world.0.released.load(Ordering::SeqCst), 0, "released while held (L1)");
        let counter = handles[0].counter;
        assert!(world.0.table.counted(counter).is_some_and(|found| Arc::ptr_eq(&found, &handles[0])));
        drop(handles);
        world.is_empty(&[counter]);
    }
    exhaustively("L3", 10, || race(2));
    widely("L3", || race(3));
}

#[test]
fn law_l3_an_adoption_beside_the_last_drop_is_the_old_one_alive_or_a_new_one() {
    fn race(count: usize) {
        let world = World::new();
        let dying = world.adopt(Some(1));
        let before = dying.counter;
        let mut work: Vec<Work<World, Option<Arc<Instance>>>> = vec![Box::new(|_| {
            drop(dying);
            None
        })];
        work.extend((1..count).map(|_| Box::new(|world: World| Some(world.adopt(Some(1)))) as Work<World, _>));
        let handles: Vec<_> = threads(&world, work).into_iter().flatten().collect();
        assert!(handles.iter().all(|handle| Arc::ptr_eq(handle, &handles[0])), "two live ones of one instance (L3)");
        // The old one's end has taken nothing of what is alive.
        let found = world.0.table.find(&1).expect("it is alive");
        assert!(Arc::ptr_eq(&found, &handles[0]));
        let old = found.counter == before;
        assert_eq!(world.0.released.load(Ordering::SeqCst), usize::from(!old), "a dead one came back (L3)");
        assert_eq!(world.0.table.counted(before).is_some(), old);
        let after = found.counter;
        drop((found, handles));
        world.is_empty(&[before, after]);
    }
    exhaustively("L3", 10, || race(2));
    widely("L3", || race(3));
}

#[test]
fn law_l2_whoever_looks_takes_and_lets_go_the_last_one_releases_once() {
    fn race(count: usize) {
        let world = World::new();
        let handle = world.adopt(Some(1));
        let counter = handle.counter;
        let mut work: Vec<Work<World, ()>> = vec![Box::new(move |_| drop(handle))];
        work.extend((1..count).map(|at| {
            Box::new(move |world: World| match at % 2 {
                0 => drop(world.0.table.find(&1)),
                _ => drop(world.0.table.counted(counter)),
            }) as Work<World, _>
        }));
        threads(&world, work);
        world.is_empty(&[counter]);
    }
    exhaustively("L2", 10, || race(2));
    widely("L2", || race(3));
}

#[test]
fn law_l2_l3_holds_while_others_come_and_go() {
    fn race() {
        let world = World::new();
        let work = (0..3).map(|at| {
            Box::new(move |world: World| {
                drop(world.adopt(Some(1)));
                let one = world.adopt(Some(1));
                let other = world.adopt((at == 0).then_some(2));
                assert!(Arc::ptr_eq(&one, &world.adopt(Some(1))), "two live ones of one instance (L3)");
                assert!(!Arc::ptr_eq(&one, &other) && one.counter != other.counter);
                one.counter
            }) as Work<World, _>
        });
        let counters = threads(&world, work.collect());
        world.is_empty(&counters);
    }
    widely("L2, L3", race);
}
