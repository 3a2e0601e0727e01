use std::sync::Arc;

use super::this_thread::ThisThread;
use super::work::WorkObservers;
use super::{Kernels, PoolExecutor, Worker, Workers};

/// Runs task graphs on threads of this process, over an engine's kernels.
///
/// ```no_run
/// use std::sync::Arc;
/// use leafhold::run::{Executor, LocalExecutor};
/// # fn kernels() -> Arc<dyn leafhold::run::Kernels> { unimplemented!() }
/// # fn graph() -> leafhold::lower::TaskGraph { unimplemented!() }
///
/// let executor = LocalExecutor::new(kernels(), 2).with_memory_limit(1 << 30);
/// let outcome = executor.submit(graph()).wait()?;
/// println!("{}", outcome.report.to_text());
/// # Ok::<_, Box<leafhold::run::RunError>>(())
/// ```
pub type LocalExecutor = PoolExecutor<Threads>;

impl PoolExecutor<Threads> {
    /// An executor of an engine's kernels on so many threads, from one to [`MAX_THREADS`].
    pub fn new(kernels: Arc<dyn Kernels>, threads: usize) -> Self {
        PoolExecutor::of(Threads { kernels, observers: Arc::default(), threads: threads.clamp(1, MAX_THREADS) })
    }

    /// The observers that runs may ask for ([`ExecutorOptions::with_work_observer`](super::ExecutorOptions::with_work_observer)):
    /// those that ship, unless others are given. Clones that were made before keep theirs, and the threads that they share.
    pub fn with_work_observers(self, observers: WorkObservers) -> Self {
        let threads = Threads { observers: Arc::new(observers), ..(*self.workers).clone() };
        PoolExecutor::of(threads).with_options(self.options)
    }
}

/// The most threads of an executor: more than any machine has processors for, and fewer than systems refuse to start.
pub const MAX_THREADS: usize = 1_024;

/// What makes workers of threads.
#[derive(Clone)]
pub struct Threads {
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
        Box::new(ThisThread::new(kernels, observers, self.name(slot).into()))
    }

    fn hash_function(&self) -> Option<&str> {
        self.kernels.hash_function()
    }

    fn observers(&self) -> &WorkObservers {
        &self.observers
    }
}
