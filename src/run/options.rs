use std::fmt;
use std::sync::Arc;

use super::{Observer, SpillTarget, TemporaryFolder};

/// How an executor runs graphs, whoever its workers are.
#[derive(Clone)]
pub struct ExecutorOptions {
    /// Who watches.
    pub observers: Vec<Arc<dyn Observer>>,
    /// How often a task is tried again whose worker went away.
    pub retries: u32,
    /// Whether a task that raised an error or panicked is tried again as well.
    pub retry_failures: bool,
    /// Bytes of rows that may be kept for readers at a time, over all runs. Beyond, they go to a temporary folder; and
    /// tasks that only make more wait while there are others.
    pub memory_limit: Option<u64>,
    /// Where rows go for which there is no room.
    pub spill: Arc<dyn SpillTarget>,
}

impl Default for ExecutorOptions {
    /// No observers, no retries, no bound; rows would go where the system keeps temporary files.
    fn default() -> Self {
        ExecutorOptions {
            observers: Vec::new(),
            retries: 0,
            retry_failures: false,
            memory_limit: None,
            spill: Arc::new(TemporaryFolder::default()),
        }
    }
}

impl ExecutorOptions {
    /// Adds an observer of every run.
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Tries a task again whose worker went away, so many times.
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Tries a task again that raised an error, too.
    pub fn with_failures_retried(mut self) -> Self {
        self.retry_failures = true;
        self
    }

    /// Bounds the bytes that are kept for readers.
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Has rows go elsewhere for which there is no room.
    pub fn with_spill_target(mut self, target: impl SpillTarget) -> Self {
        self.spill = Arc::new(target);
        self
    }
}

impl fmt::Debug for ExecutorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorOptions")
            .field("observers", &self.observers.len())
            .field("retries", &self.retries)
            .field("retry_failures", &self.retry_failures)
            .field("memory_limit", &self.memory_limit)
            .finish_non_exhaustive()
    }
}
