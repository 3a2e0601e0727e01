//! Knows which live instances exist, weakly: it keeps no data alive.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use super::future::{EngineId, InstanceId, RemoteFuture};
use super::handle::{FutureHandle, Instance};
use super::{Generation, release};

#[derive(Default)]
struct Registry {
    /// By the engine's word: an entry whose instance has died means nothing.
    instances: HashMap<(EngineId, InstanceId), Weak<Instance>>,
    /// By our own count, which never comes back.
    generations: HashMap<u64, Weak<Instance>>,
    next_generation: u64,
    session: Option<Session>,
}

impl Registry {
    fn session(&mut self) -> u128 {
        let process = std::process::id();
        match &self.session {
            Some(session) if session.process == process => session.number,
            _ => {
                let number = draw_session(process);
                self.session = Some(Session { process, number });
                number
            }
        }
    }
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

/// A handle to the live instance of a generation; `None` once it has died, and for the generations of
/// other processes and earlier sessions.
pub fn live_future(generation: Generation) -> Option<FutureHandle> {
    let mut registry = REGISTRY.lock();
    if generation.session != registry.session() {
        return None;
    }
    let instance = registry.generations.get(&generation.counter).and_then(Weak::upgrade);
    drop(registry);
    instance.map(FutureHandle)
}

/// The live instance of an engine's word.
pub(super) fn live_instance(engine: EngineId, id: InstanceId) -> Option<Arc<Instance>> {
    REGISTRY.lock().instances.get(&(engine, id)).and_then(Weak::upgrade)
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
    let generation = Generation { session: registry.session(), counter: registry.next_generation };
    let instance =
        Arc::new(Instance { future: Some(future), key, engine, id, generation, inside: AtomicBool::new(false) });
    if let Some(slot) = slot {
        registry.instances.insert(slot, Arc::downgrade(&instance));
    }
    registry.generations.insert(generation.counter, Arc::downgrade(&instance));
    CREATED.fetch_add(1, Ordering::AcqRel);
    FutureHandle(instance)
}

/// Removes a dying instance's entries, unless a newer instance has taken the engine's slot.
pub(super) fn forget(instance: &Instance) {
    let mut registry = REGISTRY.lock();
    registry.generations.remove(&instance.generation.counter);
    let Some(id) = instance.id else { return };
    let slot = (instance.engine.clone(), id);
    if registry.instances.get(&slot).is_some_and(|entry| entry.as_ptr() == std::ptr::from_ref(instance)) {
        registry.instances.remove(&slot);
    }
}

/// The session of this process. A process that was forked is another one, and draws its own.
struct Session {
    process: u32,
    number: u128,
}

/// A number that no other process has: identity only, it never reaches a plan or its text.
fn draw_session(process: u32) -> u128 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // `RandomState` is seeded by the operating system; the process id and the time guard
    // against two processes forked from one image.
    let mut tokenizer = crate::token::Tokenizer::new("session");
    for salt in 0..4u64 {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(salt);
        tokenizer.put_u64(hasher.finish());
    }
    tokenizer.put_u64(u64::from(process));
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    tokenizer.put_i128(since.map_or(0, |time| time.as_nanos() as i128));
    let token = tokenizer.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&token.as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}
