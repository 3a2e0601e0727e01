use std::sync::Arc;
use std::time::Duration;

use super::panics::{keep_panic_traces, panic_trace};
use super::{
    Attempt, Envelope, Executor, ExecutorOptions, Kernels, Measured, Observer, Run, Worker, WorkerLost, WorkerPool,
    Workers, run_fragment,
};
use crate::lower::TaskGraph;

/// Runs task graphs on threads of this process, over an engine's kernels.
///
/// A task starts when its inputs are there, larger priority first. A port of a task is dropped as soon
/// as its last reader is done, a future as soon as the last task that reads it is. A panic in a kernel
/// fails its task and nothing else. Runs share the threads, and so do clones of the executor; rows of a finished task
/// that somebody still holds are not computed again.
#[derive(Clone)]
pub struct LocalExecutor {
    pool: Arc<WorkerPool>,
    options: ExecutorOptions,
}

impl LocalExecutor {
    /// An executor of an engine's kernels on so many threads, at least one.
    pub fn new(kernels: Arc<dyn Kernels>, threads: usize) -> Self {
        let pool = WorkerPool::new(Threads { kernels, threads: threads.max(1) });
        LocalExecutor { pool, options: ExecutorOptions::default() }
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
struct Threads {
    kernels: Arc<dyn Kernels>,
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
        Box::new(ThisThread { kernels: self.kernels.clone(), name: self.name(slot).into() })
    }
}

/// Runs attempts where it is called.
struct ThisThread {
    kernels: Arc<dyn Kernels>,
    name: Arc<str>,
}

impl Worker for ThisThread {
    fn run(&mut self, attempt: Attempt<'_>) -> Result<Envelope, WorkerLost> {
        let started = attempt.clock.now();
        keep_panic_traces();
        let result = run_fragment(&*self.kernels, attempt.fragment, attempt.inputs, &attempt.context);
        let measured = Measured {
            worker: self.name.clone(),
            host: None,
            started,
            ended: attempt.clock.now(),
            transfer: Duration::ZERO,
            peak_memory: None,
        };
        let trace = result.is_err().then(panic_trace).flatten();
        Ok(Envelope { result, measured, trace })
    }
}
