use super::work::WorkObservers;
use super::{Attempt, Envelope, WorkerLost};

/// Where attempts run, one at a time: this thread, a process, a machine.
///
/// Each slot of an executor has a thread of its own that calls its worker. What all executors share lies before this:
/// the [protocol](super::lifecycle), what is kept for whom, retries, the report.
pub trait Worker: Send {
    /// Runs an attempt to its end. Between two batches it looks whether it should stop
    /// ([`TaskContext::is_cancelled`](super::TaskContext::is_cancelled)).
    ///
    /// # Errors
    /// Whoever should run it is gone. The next call finds another one, or says so again.
    fn run(&mut self, attempt: Attempt<'_>) -> Result<Envelope, WorkerLost>;

    /// There is nothing to run for now: what was kept for tasks that have ended since can go. It must not take long.
    fn rest(&mut self) {}
}

/// What makes the workers of an executor.
pub trait Workers: Send + Sync + 'static {
    /// How many there are at most; at least one.
    fn slots(&self) -> usize;

    /// What the worker of a slot is called in reports: `local-0`.
    fn name(&self, slot: usize) -> String;

    /// The worker of a slot, made by the thread that will call it. What takes long may wait for the first attempt.
    fn worker(&self, slot: usize) -> Box<dyn Worker>;

    /// What [`Kernels::hash_function`](super::Kernels::hash_function) says of their kernels, if all have the same.
    fn hash_function(&self) -> Option<&str> {
        None
    }

    /// The work-side observers that they know: a run that asks for another one fails before anything runs. Whoever knows
    /// some calls them around each attempt ([`WorkObservers::around`]). None, unless an implementation says so.
    fn observers(&self) -> &WorkObservers {
        static NONE: WorkObservers = WorkObservers::none();
        &NONE
    }
}
