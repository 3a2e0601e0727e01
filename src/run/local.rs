use std::sync::Arc;

use super::this_thread::ThisThread;
use super::work::{ObserverRequest, WorkObservers};
use super::{Executor, ExecutorOptions, Kernels, Observer, Run, Worker, WorkerPool, Workers};
use crate::lower::TaskGraph;

/// Runs task graphs on threads of this process, over an engine's kernels.
///
/// A task starts when its inputs are there, larger priority first. A port of a task is dropped as soon
/// as its last reader is done, a future as soon as the last task that reads it is. A panic in a kernel
/// fails its task and nothing else. Runs share the threads, and so do clones of the executor; rows of a finished task
/// that somebody still holds are not computed again.
#[derive(Clone)]
pub struct LocalExecutor {
    threads: Threads,
    pool: Arc<WorkerPool>,
    options: ExecutorOptions,
}

impl LocalExecutor {
    /// An executor of an engine's kernels on so many threads, at least one.
    pub fn new(kernels: Arc<dyn Kernels>, threads: usize) -> Self {
        let threads = Threads { kernels, observers: Arc::default(), threads: threads.max(1) };
        LocalExecutor { pool: WorkerPool::new(threads.clone()), threads, options: ExecutorOptions::default() }
    }

    /// The observers that runs may ask for ([`ExecutorOptions::with_work_observer`]): those that ship, unless others are
    /// given. Clones that were made before keep theirs, and the threads that they share.
    pub fn with_work_observers(mut self, observers: WorkObservers) -> Self {
        self.threads.observers = Arc::new(observers);
        self.pool = WorkerPool::new(self.threads.clone());
        self
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

    /// Tries a task again whose worker went away, so many times. A thread of this process does not go away: this is for
    /// [`with_failures_retried`](ExecutorOptions::with_failures_retried).
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.options = self.options.with_retries(retries);
        self
    }

    /// Bounds the bytes that are kept for readers: see [`ExecutorOptions::memory_limit`].
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.options = self.options.with_memory_limit(bytes);
        self
    }
}

impl Executor for LocalExecutor {
    fn submit(&self, graph: TaskGraph) -> Run {
        self.pool.submit(graph, &self.options)
    }
}

/// What makes workers of threads.
#[derive(Clone)]
struct Threads {
    kernels: Arc<dyn Kernels>,
    observers: Arc<WorkObservers>,
    threads: usize,
}

impl Workers for Threads {
    fn slots(&self) -> usize {
        self.threads
    }

    fn name(&self, slot: usize) -> String {
        format!("local-{slot}")
    }

    fn worker(&self, slot: usize) -> Box<dyn Worker> {
        let (kernels, observers) = (self.kernels.clone(), self.observers.clone());
        Box::new(ThisThread { kernels, observers, name: self.name(slot).into() })
    }

    fn observers(&self) -> &WorkObservers {
        &self.observers
    }
}
