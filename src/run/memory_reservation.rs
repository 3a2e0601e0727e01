use super::MemoryBudget;

/// Bytes of a [`MemoryBudget`] that somebody holds; they are given back when it goes.
///
/// ```
/// use leafhold::run::MemoryBudget;
///
/// let budget = MemoryBudget::limited(100);
/// let mut reserved = budget.try_reserve(80)?;
/// assert!(budget.try_reserve(30).is_err());
/// reserved.shrink(20);
/// assert_eq!((reserved.bytes(), budget.used()), (60, 60));
/// drop(reserved);
/// assert_eq!(budget.used(), 0);
/// # Ok::<_, leafhold::run::KernelError>(())
/// ```
#[derive(Debug)]
pub struct MemoryReservation {
    memory: MemoryBudget,
    bytes: u64,
}

impl MemoryReservation {
    /// Bytes that the budget counts already.
    pub(super) fn held(memory: MemoryBudget, bytes: u64) -> Self {
        MemoryReservation { memory, bytes }
    }

    /// How many bytes it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Holds more, whether there is room or not: for what can do nothing else.
    pub fn grow(&mut self, bytes: u64) {
        self.memory.grow(bytes);
        self.bytes += bytes;
    }

    /// Gives bytes back: at most as many as it holds.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.memory.shrink(bytes);
        self.bytes -= bytes;
    }

    /// Takes bytes over from another reservation of the same budget, in which nothing changes by that. What the other one
    /// has too little of is held all the same.
    pub(super) fn take_over(&mut self, other: &mut MemoryReservation, bytes: u64) {
        let there = bytes.min(other.bytes);
        other.bytes -= there;
        self.bytes += there;
        self.grow(bytes - there);
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.memory.shrink(self.bytes);
    }
}
