use std::sync::Arc;

use super::pool::WorkerPool;
use super::work::ObserverRequest;
use super::{Executor, ExecutorOptions, Observer, Run, SpillTarget, Workers};
use crate::lower::TaskGraph;

/// Runs task graphs on workers of a kind: threads ([`LocalExecutor`](super::LocalExecutor)), worker processes
/// ([`ProcessExecutor`](super::process::ProcessExecutor)), or whatever else implements [`Workers`].
///
/// A task starts when its inputs are there, larger priority first. A port of a task is dropped as soon
/// as its last reader is done, a future as soon as the last task that reads it is. A panic in a kernel
/// fails its task and nothing else. Runs share the workers, and so do clones of the executor; rows of a finished task
/// that somebody still holds are not computed again.
pub struct PoolExecutor<W> {
    pub(super) workers: Arc<W>,
    pool: Arc<WorkerPool>,
    pub(super) options: ExecutorOptions,
}

impl<W: Workers> PoolExecutor<W> {
    /// An executor of these workers, which start with its first run.
    pub fn of(workers: W) -> Self {
        let workers = Arc::new(workers);
        PoolExecutor { pool: WorkerPool::new(workers.clone()), workers, options: ExecutorOptions::default() }
    }

    /// Runs with these options from here on; clones that were made before keep theirs.
    pub fn with_options(mut self, options: ExecutorOptions) -> Self {
        self.options = options;
        self
    }

    /// Adds an observer of every run.
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.options = self.options.with_observer(observer);
        self
    }

    /// Has an observer watch each attempt where it runs: see [`ExecutorOptions::with_work_observer`].
    pub fn with_work_observer(mut self, request: ObserverRequest) -> Self {
        self.options = self.options.with_work_observer(request);
        self
    }

    /// Tries a task again whose worker went away, so many times; without, it is lost, and the run fails. Threads do not go
    /// away: on those this does nothing without [`with_failures_retried`](ExecutorOptions::with_failures_retried), as
    /// the command line and the Python package have it.
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.options = self.options.with_retries(retries);
        self
    }

    /// Bounds the bytes that are kept for readers: see [`ExecutorOptions::memory_limit`].
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.options = self.options.with_memory_limit(bytes);
        self
    }

    /// Has rows go elsewhere for which there is no room: see [`ExecutorOptions::spill`].
    pub fn with_spill_target(mut self, target: impl SpillTarget) -> Self {
        self.options = self.options.with_spill_target(target);
        self
    }
}

impl<W> Clone for PoolExecutor<W> {
    fn clone(&self) -> Self {
        PoolExecutor { workers: self.workers.clone(), pool: self.pool.clone(), options: self.options.clone() }
    }
}

impl<W: Workers> Executor for PoolExecutor<W> {
    fn submit(&self, graph: TaskGraph) -> Run {
        self.pool.submit(graph, &self.options)
    }

    fn hash_function(&self) -> Option<&str> {
        self.workers.hash_function()
    }
}
