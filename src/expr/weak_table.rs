//! A table of weak references by token: `Token -> Weak<T>`, in shards.
//!
//! * I1: simultaneously live entries with equal tokens are pointer-equal, from any number of threads.
//! * I2: the table keeps nothing alive; the slot of a dropped entry is removed at once.
//! * I3: a dying entry is never resurrected: a lookup that races with the last drop makes a fresh one.
//! * I4: nothing recurses on depth.
//!
//! Three rules keep this right and free of deadlocks:
//!
//! * Looking up and inserting are one step under the shard's lock (I1).
//! * No entry is dropped under a lock: its own drop takes one.
//! * A slot is removed only by the entry that it points to, and that entry is known by its address. The
//!   slot's weak reference keeps the address from being used again until then, so a dying entry and its fresh
//!   successor are two slots of one token (I3).
//!
//! A slot is 16 bytes: eight of the token, by which it is found, and the weak reference. The whole token
//! is compared with that of the entry itself.

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::sync::{Arc, Mutex, Token, Weak};

/// What a [`WeakTable`] holds: its `Drop` must call [`WeakTable::dismantle`].
pub trait Entry: Sized {
    /// The identity of the entry.
    fn token(&self) -> Token;

    /// Moves the references to other entries out. False when that has been done before.
    fn take_inputs(&mut self, to: &mut Pending<Self>) -> bool;
}

/// Entries that are to be let go.
pub type Pending<T> = SmallVec<[Arc<T>; 4]>;

const SHARDS: usize = 64;

/// Tables with more room than this give some back when most of it is unused.
const KEPT_ROOM: usize = 1024;

struct Slot<T> {
    hash: u64,
    entry: Weak<T>,
}

/// On a cache line of its own, so that threads at work in two shards do not disturb each other.
#[repr(align(64))]
struct Shard<T>(Mutex<HashTable<Slot<T>>>);

/// Live entries by token. See the module's documentation for its laws.
pub struct WeakTable<T> {
    shards: Box<[Shard<T>]>,
}

impl<T: Entry> WeakTable<T> {
    /// An empty table.
    pub fn new() -> Self {
        WeakTable { shards: (0..SHARDS).map(|_| Shard(Mutex::new(HashTable::new()))).collect() }
    }

    /// The bits that choose the shard are not those by which a table chooses its buckets.
    fn shard(&self, hash: u64) -> &Mutex<HashTable<Slot<T>>> {
        &self.shards[(hash >> 32) as usize % SHARDS].0
    }

    /// The live entry of this token, or the one that `make` makes. `make` runs under a lock: it must not
    /// come back to this table.
    pub fn intern(&self, token: Token, make: impl FnOnce() -> T) -> Arc<T> {
        let hash = token.low_u64();
        // Entries of other tokens whose first eight bytes are these: let go after unlocking.
        let mut strangers: SmallVec<[Arc<T>; 2]> = SmallVec::new();
        let mut found = None;
        let mut slots = self.shard(hash).lock();
        slots.find(hash, |slot| {
            if slot.hash == hash {
                match slot.entry.upgrade() {
                    Some(entry) if entry.token() == token => found = Some(entry),
                    Some(stranger) => strangers.push(stranger),
                    // It is dying; its own drop removes the slot.
                    None => {}
                }
            }
            found.is_some()
        });
        let entry = match found {
            Some(entry) => entry,
            None => {
                let entry = Arc::new(make());
                slots.insert_unique(hash, Slot { hash, entry: Arc::downgrade(&entry) }, |slot| slot.hash);
                entry
            }
        };
        // Only then the strangers go, and `make` with what it holds.
        drop(slots);
        entry
    }

    /// The drop of an entry: removes its slot, and takes what it alone refers to apart from a list
    /// instead of the stack (I4).
    pub fn dismantle(&self, entry: &mut T) {
        let mut pending = Pending::new();
        if !entry.take_inputs(&mut pending) {
            return;
        }
        self.forget(entry.token(), entry);
        while let Some(input) = pending.pop() {
            let address = Arc::as_ptr(&input);
            // Of all that let go at the same time, the last one gets the entry.
            if let Some(mut entry) = Arc::into_inner(input) {
                self.forget(entry.token(), address);
                entry.take_inputs(&mut pending);
            }
        }
    }

    fn forget(&self, token: Token, address: *const T) {
        let hash = token.low_u64();
        let mut slots = self.shard(hash).lock();
        let slot = match slots.find_entry(hash, |slot| std::ptr::eq(slot.entry.as_ptr(), address)) {
            Ok(slot) => Some(slot.remove().0),
            Err(_) => None,
        };
        if slots.capacity() > KEPT_ROOM && slots.len() * 8 < slots.capacity() {
            let room = slots.len() * 2;
            slots.shrink_to(room, |slot| slot.hash);
        }
        drop(slots);
        // The last weak reference frees the memory.
        drop(slot);
    }

    /// How many slots there are: entries that are alive, or whose drop has begun.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.lock().len()).sum()
    }
}
