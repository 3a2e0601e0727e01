use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that all runs of an executor keep for readers.
#[derive(Debug, Default)]
pub(in crate::run) struct Memory(AtomicU64);

impl Memory {
    pub(in crate::run) fn used(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(in crate::run) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(in crate::run) fn give_back(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}
