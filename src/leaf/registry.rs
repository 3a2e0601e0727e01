//! Knows which live instances exist, weakly: it keeps no data alive.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use super::future::{EngineId, FutureHandle, Generation, Instance, InstanceId, RemoteFuture};
use super::release;

#[derive(Default)]
struct Registry {
    instances: HashMap<(EngineId, InstanceId), Weak<Instance>>,
    generations: HashMap<Generation, Weak<Instance>>,
    next_generation: u64,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);
static CREATED: AtomicU64 = AtomicU64::new(0);

/// How many live instances this process has taken over and let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleCounts {
    /// Instances adopted by [`FutureHandle::new`].
    pub created: u64,
    /// Instances whose release was carried out.
    pub released: u64,
}

impl HandleCounts {
    /// Instances that somebody still holds, or whose release is on its way.
    pub fn live(&self) -> u64 {
        self.created - self.released
    }
}

/// The counts of this process so far. Call [`release::drain`] first to see pending releases.
pub fn handle_counts() -> HandleCounts {
    // Read in this order, a release is never seen before its creation.
    let released = release::released();
    HandleCounts { created: CREATED.load(Ordering::Acquire), released }
}

pub(super) fn adopt(future: Box<dyn RemoteFuture>) -> FutureHandle {
    // The engine's code runs before the lock is taken.
    let (engine, id, key) = (future.engine(), future.instance(), Arc::from(future.key()));
    let mut registry = REGISTRY.lock();
    let slot = id.map(|id| (engine.clone(), id));
    let known = slot.as_ref().and_then(|slot| registry.instances.get(slot)).and_then(Weak::upgrade);
    if let Some(instance) = known {
        drop(registry);
        // The second raw reference to one instance goes without a release: the first still owns it.
        release::discard(future);
        return FutureHandle(instance);
    }
    registry.next_generation += 1;
    let generation = Generation { session: session(), counter: registry.next_generation };
    let instance = Arc::new(Instance { future: Some(future), key, engine, id, generation });
    if let Some(slot) = slot {
        registry.instances.insert(slot, Arc::downgrade(&instance));
    }
    registry.generations.insert(generation, Arc::downgrade(&instance));
    CREATED.fetch_add(1, Ordering::AcqRel);
    FutureHandle(instance)
}

/// The live instance of a generation, if this process has it: what a document that comes back within
/// its session means.
pub fn live_future(generation: Generation) -> Option<FutureHandle> {
    REGISTRY.lock().generations.get(&generation).and_then(Weak::upgrade).map(FutureHandle)
}

/// Removes a dying instance's entries; a slot that a newer instance has taken stays.
pub(super) fn forget(instance: &Instance) {
    let mut registry = REGISTRY.lock();
    registry.generations.remove(&instance.generation);
    let Some(id) = instance.id else { return };
    let slot = (instance.engine.clone(), id);
    if registry.instances.get(&slot).is_some_and(|entry| entry.as_ptr() == std::ptr::from_ref(instance)) {
        registry.instances.remove(&slot);
    }
}

/// A number that no other process has: identity only, it never reaches a plan or its text.
fn session() -> u128 {
    static SESSION: LazyLock<u128> = LazyLock::new(|| {
        use std::hash::{BuildHasher, Hasher, RandomState};
        // `RandomState` is seeded by the operating system; the process id and the time guard
        // against two processes forked from one image.
        let mut tokenizer = crate::token::Tokenizer::new("session");
        for salt in 0..4u64 {
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u64(salt);
            tokenizer.put_u64(hasher.finish());
        }
        tokenizer.put_u64(u64::from(std::process::id()));
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        tokenizer.put_i128(since.map_or(0, |time| time.as_nanos() as i128));
        let token = tokenizer.finish();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&token.as_bytes()[..16]);
        u128::from_le_bytes(bytes)
    });
    *SESSION
}
