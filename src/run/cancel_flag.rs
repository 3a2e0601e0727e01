use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Whether a run was cancelled, as its tasks see it. Clones are the same flag; once set it stays so.
///
/// Whoever runs a task looks at it often: before each batch, and within whatever takes long. [`CancelFlag::at_look`]
/// is how an engine tests that its [`Kernels`](super::Kernels) do, without a clock.
///
/// ```
/// use leafhold::run::CancelFlag;
///
/// let flag = CancelFlag::default();
/// assert!(!flag.is_set());
/// flag.clone().set();
/// assert!(flag.is_set());
///
/// let third = CancelFlag::at_look(3);
/// assert_eq!([third.is_set(), third.is_set(), third.is_set()], [false, false, true]);
/// assert_eq!(third.looks(), 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    set: AtomicBool,
    /// Only in tests: production counts nothing.
    count: Option<LookCount>,
}

#[derive(Debug)]
struct LookCount {
    sets_at: u64,
    looks: AtomicU64,
}

impl CancelFlag {
    /// A flag that counts who looks at it, and is set by the look of this number, from 1. Cancelled at every look in turn,
    /// kernels show that they stop wherever they are; the number of looks shows how often they could.
    pub fn at_look(number: u64) -> Self {
        let count = LookCount { sets_at: number, looks: AtomicU64::new(0) };
        CancelFlag(Arc::new(Flag { set: AtomicBool::new(false), count: Some(count) }))
    }

    /// Asks the tasks to stop.
    pub fn set(&self) {
        self.0.set.store(true, Ordering::Relaxed);
    }

    /// Whether the tasks are to stop.
    pub fn is_set(&self) -> bool {
        if let Some(count) = &self.0.count
            && count.looks.fetch_add(1, Ordering::Relaxed) + 1 >= count.sets_at
        {
            self.set();
        }
        self.0.set.load(Ordering::Relaxed)
    }

    /// How often somebody has looked, for a flag that counts; else 0.
    pub fn looks(&self) -> u64 {
        self.0.count.as_ref().map_or(0, |count| count.looks.load(Ordering::Relaxed))
    }
}
