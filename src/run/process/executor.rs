use super::ProcessWorkers;
use crate::run::PoolExecutor;

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
pub type ProcessExecutor = PoolExecutor<ProcessWorkers>;

impl PoolExecutor<ProcessWorkers> {
    /// An executor of these workers.
    pub fn new(workers: ProcessWorkers) -> Self {
        PoolExecutor::of(workers)
    }
}
