use std::sync::Arc;

use super::ProcessWorkers;
use crate::lower::TaskGraph;
use crate::run::work::ObserverRequest;
use crate::run::{Executor, ExecutorOptions, Observer, Run, WorkerPool};

/// Runs task graphs on worker processes.
///
/// The driver is the one of [`LocalExecutor`](crate::run::LocalExecutor); a thread per process waits for it. A process
/// that dies or hangs costs the task that it ran one retry, and is started again with the next. Processes start with the
/// first tasks, serve all runs, and go with the executor: with its last clone or its last run.
///
/// ```no_run
/// use std::process::Command;
/// use std::sync::Arc;
/// use leafhold::run::process::{ProcessExecutor, ProcessWorkers};
/// # fn kernels() -> Arc<dyn leafhold::run::Kernels> { unimplemented!() }
///
/// let workers = ProcessWorkers::new(kernels(), 2, || {
///     let mut command = Command::new("leafhold");
///     command.arg("worker");
///     command
/// });
/// let executor = ProcessExecutor::new(workers).with_retries(2);
/// ```
#[derive(Clone)]
pub struct ProcessExecutor {
    pool: Arc<WorkerPool>,
    options: ExecutorOptions,
}

impl ProcessExecutor {
    /// An executor of these workers.
    pub fn new(workers: ProcessWorkers) -> Self {
        ProcessExecutor { pool: WorkerPool::new(workers), options: ExecutorOptions::default() }
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

    /// Tries a task again whose worker went away, so many times; without, it is lost, and the run fails.
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

impl Executor for ProcessExecutor {
    fn submit(&self, graph: TaskGraph) -> Run {
        self.pool.submit(graph, &self.options)
    }
}
