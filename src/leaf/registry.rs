//! Knows which live instances exist, weakly: it keeps no data alive.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use super::future::{EngineId, InstanceId, RemoteFuture};
use super::handle::{FutureHandle, Instance};
use super::instance_table::{Entry, InstanceTable};
use super::{Generation, release};

static INSTANCES: LazyLock<InstanceTable<Instance>> = LazyLock::new(InstanceTable::new);
static SESSION: Mutex<Option<Session>> = Mutex::new(None);
static CREATED: AtomicU64 = AtomicU64::new(0);

impl Entry for Instance {
    type Slot = (EngineId, InstanceId);

    fn slot(&self) -> Option<Self::Slot> {
        self.id.map(|id| (self.engine.clone(), id))
    }

    fn counter(&self) -> u64 {
        self.generation.counter
    }
}

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
    match generation.session == session() {
        true => INSTANCES.counted(generation.counter).map(FutureHandle),
        false => None,
    }
}

/// The live instance of an engine's word.
pub(super) fn live_instance(engine: EngineId, id: InstanceId) -> Option<Arc<Instance>> {
    INSTANCES.find(&(engine, id))
}

pub(super) fn adopt(future: Box<dyn RemoteFuture>) -> FutureHandle {
    // The engine's code runs before the lock is taken.
    let (engine, id, key) = (future.engine(), future.instance(), Arc::from(future.key()));
    let (slot, session) = (id.map(|id| (engine.clone(), id)), session());
    let make = |future, counter| {
        let generation = Generation { session, counter };
        Instance { future: Some(future), key, engine, id, generation, inside: AtomicBool::new(false) }
    };
    match INSTANCES.adopt(slot, future, make) {
        Ok(instance) => {
            CREATED.fetch_add(1, Ordering::AcqRel);
            FutureHandle(instance)
        }
        Err((instance, future)) => {
            // The second raw reference to one instance goes without a release: the first still owns it.
            release::discard(future);
            FutureHandle(instance)
        }
    }
}

/// Removes a dying instance.
pub(super) fn forget(instance: &Instance) {
    INSTANCES.forget(instance);
}

/// The session of this process. A process that was forked is another one, and draws its own.
struct Session {
    process: u32,
    number: u128,
}

fn session() -> u128 {
    let process = std::process::id();
    let mut session = SESSION.lock();
    match &*session {
        Some(session) if session.process == process => session.number,
        _ => {
            let number = draw_session(process);
            *session = Some(Session { process, number });
            number
        }
    }
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
