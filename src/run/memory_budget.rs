use std::sync::Arc;

use super::sync::{AtomicU64, Ordering};
use super::{KernelError, MemoryReservation};

/// How many bytes an executor's runs may hold, and how many they do: rows that are kept for readers, and what kernels
/// say that they hold while they work.
///
/// ```
/// use leafhold::run::MemoryBudget;
///
/// let budget = MemoryBudget::limited(100);
/// budget.try_grow(80)?;
/// let error = budget.try_grow(30).unwrap_err();
/// let text = "30 bytes more are needed, but 80 of 100 are in use; raise the memory limit, or use fewer threads";
/// assert_eq!(error.to_string(), text);
/// budget.shrink(80);
/// assert_eq!(budget.used(), 0);
/// # Ok::<_, leafhold::run::KernelError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryBudget {
    limit: Option<u64>,
    used: Arc<AtomicU64>,
}

impl MemoryBudget {
    /// A budget of its own of so many bytes.
    pub fn limited(bytes: u64) -> Self {
        MemoryBudget { limit: Some(bytes), used: Arc::default() }
    }

    /// The same use under another limit, or none.
    pub(super) fn under(&self, limit: Option<u64>) -> Self {
        MemoryBudget { limit, used: self.used.clone() }
    }

    /// How many bytes may be held; `None` for any number.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// How many bytes are held.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.used() >= limit)
    }

    /// Holds more, if there is room.
    ///
    /// # Errors
    /// There is none: whoever asked holds less, writes to disk, or fails.
    pub fn try_grow(&self, bytes: u64) -> Result<(), KernelError> {
        let limit = self.limit.unwrap_or(u64::MAX);
        // Nothing is always there, also while use is beyond the limit.
        let more = |used: u64| used.checked_add(bytes).filter(|more| bytes == 0 || *more <= limit);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(()),
            Err(used) => Err(KernelError::Memory { wanted: bytes, used, limit }),
        }
    }

    /// Reserves bytes, if there is room.
    ///
    /// # Errors
    /// There is none: nothing is reserved.
    pub fn try_reserve(&self, bytes: u64) -> Result<MemoryReservation, KernelError> {
        self.try_grow(bytes)?;
        Ok(MemoryReservation::held(self.clone(), bytes))
    }

    /// Reserves bytes, whether there is room or not: for what can do nothing else.
    pub fn reserve(&self, bytes: u64) -> MemoryReservation {
        self.grow(bytes);
        MemoryReservation::held(self.clone(), bytes)
    }

    /// Reserves bytes. While there is no room for them, `free` is to make some; when it says that it cannot, nothing is
    /// reserved.
    pub(super) fn reserve_freeing<E>(
        &self,
        bytes: u64,
        mut free: impl FnMut() -> Result<bool, E>,
    ) -> Result<Option<MemoryReservation>, E> {
        loop {
            if let Ok(reserved) = self.try_reserve(bytes) {
                return Ok(Some(reserved));
            }
            if !free()? {
                return Ok(None);
            }
        }
    }

    /// Holds more, whether there is room or not: for what can do nothing else.
    pub fn grow(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Holds less.
    pub fn shrink(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
