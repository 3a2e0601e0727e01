use std::fmt;
use std::sync::Arc;

use super::work::ObserverRequest;
use super::{Observer, SpillTarget, TemporaryFolder};

/// How an executor runs graphs, whoever its workers are.
#[derive(Clone)]
pub struct ExecutorOptions {
    /// Who watches, in the driver.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Who watches each attempt where it runs.
    pub work_observers: Vec<ObserverRequest>,
    /// How often a task is tried again whose worker went away.
    pub retries: u32,
    /// Whether a task that raised an error or panicked is tried again as well.
    pub retry_failures: bool,
    /// Bytes of rows that may be kept for readers at a time, over all runs. Beyond, they go to a temporary folder; and
    /// tasks that only make more wait while there are others. What a task has read back from there counts while it runs, even
    /// where there is no room for it: it goes on in any case. What kernels hold while they work counts with them, where
    /// tasks run in this process; of worker processes, each has an equal share of as much again for its tasks
    /// ([`TaskContext::memory`](super::TaskContext::memory)).
    pub memory_limit: Option<u64>,
    /// Where rows go for which there is no room, and what kernels hold ([`TaskContext::spill`](super::TaskContext::spill)).
    pub spill: Arc<dyn SpillTarget>,
}

impl Default for ExecutorOptions {
    /// No observers, no retries, no bound; rows would go where the system keeps temporary files.
    fn default() -> Self {
        ExecutorOptions {
            observers: Vec::new(),
            work_observers: Vec::new(),
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

    /// Has an observer watch each attempt where it runs (law T4): one that the executor's workers know by this name. What
    /// it says is in [`TaskEvent::observed`](super::TaskEvent::observed). Of two requests for one name the later one counts.
    ///
    /// ```
    /// use leafhold::run::ExecutorOptions;
    /// use leafhold::run::work::ObserverRequest;
    ///
    /// let options = ExecutorOptions::default().with_work_observer(ObserverRequest::new("cpu"));
    /// assert_eq!(&*options.work_observers[0].name, "cpu");
    /// ```
    pub fn with_work_observer(mut self, request: ObserverRequest) -> Self {
        self.work_observers.retain(|other| other.name != request.name);
        self.work_observers.push(request);
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
            .field("work_observers", &self.work_observers)
            .field("retries", &self.retries)
            .field("retry_failures", &self.retry_failures)
            .field("memory_limit", &self.memory_limit)
            .finish_non_exhaustive()
    }
}
