//! Live instances, weakly: by the engine's word, which comes back, and by our own count, which does not.
//!
//! * An adoption finds the live instance of the engine's word or makes a new one, in one step (law L3).
//! * A dying instance is not found: whoever adopts beside the last drop makes a new one, with a count of its
//!   own, and the old one's end takes nothing of the new one with it.
//! * The table keeps nothing alive, and drops nothing under its lock (law L2).

use std::collections::HashMap;
use std::hash::Hash;

use super::sync::{Arc, Mutex, Weak};

/// What the table knows: its `Drop` must call [`InstanceTable::forget`].
pub trait Entry {
    /// The engine's word.
    type Slot: Clone + Eq + Hash;

    /// The engine's word for it; `None` for what is always its own.
    fn slot(&self) -> Option<Self::Slot>;

    /// Our count.
    fn counter(&self) -> u64;
}

/// See the module's documentation.
pub struct InstanceTable<T: Entry>(Mutex<State<T>>);

struct State<T: Entry> {
    by_slot: HashMap<T::Slot, Weak<T>>,
    by_counter: HashMap<u64, Weak<T>>,
    counted: u64,
}

impl<T: Entry> InstanceTable<T> {
    /// An empty table.
    pub fn new() -> Self {
        InstanceTable(Mutex::new(State { by_slot: HashMap::new(), by_counter: HashMap::new(), counted: 0 }))
    }

    /// The live entry of a slot, and what an entry would have been made of; or the entry that `make` makes of
    /// it. `make` runs under the lock: it must not come back to this table.
    pub fn adopt<R>(
        &self,
        slot: Option<T::Slot>,
        raw: R,
        make: impl FnOnce(R, u64) -> T,
    ) -> Result<Arc<T>, (Arc<T>, R)> {
        let mut state = self.0.lock();
        let known = slot.as_ref().and_then(|slot| state.by_slot.get(slot)).and_then(Weak::upgrade);
        if let Some(entry) = known {
            drop(state);
            return Err((entry, raw));
        }
        state.counted += 1;
        let counter = state.counted;
        let entry = Arc::new(make(raw, counter));
        // A weak reference of a dead entry frees its memory alone: that entry's own drop has begun.
        let before = slot.and_then(|slot| state.by_slot.insert(slot, Arc::downgrade(&entry)));
        state.by_counter.insert(counter, Arc::downgrade(&entry));
        drop(state);
        drop(before);
        Ok(entry)
    }

    /// The live entry of a count.
    pub fn counted(&self, counter: u64) -> Option<Arc<T>> {
        let state = self.0.lock();
        let entry = state.by_counter.get(&counter).and_then(Weak::upgrade);
        drop(state);
        entry
    }

    /// The live entry of a slot.
    pub fn find(&self, slot: &T::Slot) -> Option<Arc<T>> {
        let state = self.0.lock();
        let entry = state.by_slot.get(slot).and_then(Weak::upgrade);
        drop(state);
        entry
    }

    /// The drop of an entry: takes it out, unless a newer one has its slot.
    pub fn forget(&self, entry: &T) {
        let slot = entry.slot();
        let mut state = self.0.lock();
        let counted = state.by_counter.remove(&entry.counter());
        let mut slotted = None;
        if let Some(slot) = slot
            && state.by_slot.get(&slot).is_some_and(|known| std::ptr::eq(known.as_ptr(), entry))
        {
            slotted = state.by_slot.remove(&slot);
        }
        drop(state);
        drop((counted, slotted));
    }
}
