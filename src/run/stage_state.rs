use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// What the tasks of one stage share where they run in one process: which slots all of them read alike, and whatever
/// the engine makes of these but once, such as the hash table of a replicated side of a join.
///
/// The executor owns it: it hands it to each attempt, and lets go of it when the last task of the stage has ended,
/// however it ended. Each worker process has one of its own, for as long. The default is that of a task which is alone.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use leafhold::run::StageState;
///
/// let stage = StageState::new([1]);
/// assert!(stage.is_replicated(1) && !stage.is_replicated(0));
/// stage.get_or_init(AtomicU64::default).fetch_add(7, Ordering::Relaxed);
/// assert_eq!(stage.clone().get_or_init(AtomicU64::default).load(Ordering::Relaxed), 7);
/// ```
#[derive(Clone, Default)]
pub struct StageState(Arc<Shared>);

#[derive(Default)]
struct Shared {
    replicated: Box<[usize]>,
    /// One of each type.
    values: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
}

impl StageState {
    /// The state of a stage whose tasks all read the same rows in these slots.
    pub fn new(replicated: impl IntoIterator<Item = usize>) -> Self {
        StageState(Arc::new(Shared { replicated: replicated.into_iter().collect(), values: Mutex::default() }))
    }

    /// Whether there are other tasks of the stage, and all of them read the same rows in this slot.
    pub fn is_replicated(&self, slot: usize) -> bool {
        self.0.replicated.contains(&slot)
    }

    pub(super) fn replicated(&self) -> &[usize] {
        &self.0.replicated
    }

    pub(super) fn downgrade(&self) -> WeakStageState {
        WeakStageState(Arc::downgrade(&self.0))
    }

    /// The stage's one value of a type, made by whoever comes first. The others wait while it is made: `make` should only
    /// make room for what takes long.
    pub fn get_or_init<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut values = self.0.values.lock();
        if let Some(value) = values.iter().find_map(|value| value.clone().downcast().ok()) {
            return value;
        }
        let value = Arc::new(make());
        values.push(value.clone());
        value
    }
}

/// A state that others own.
pub(super) struct WeakStageState(Weak<Shared>);

impl WeakStageState {
    /// Where it is, or was. No other one is there while this is held.
    pub(super) fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }

    /// Whether nobody owns it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl fmt::Debug for StageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageState").field("replicated", &self.0.replicated).finish_non_exhaustive()
    }
}
