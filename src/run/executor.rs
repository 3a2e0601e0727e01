use arrow_schema::SchemaRef;

use super::{RunError, RunReport};
use crate::leaf::{FutureHandle, PartitionData};
use crate::lower::TaskGraph;

/// Runs task graphs.
pub trait Executor: Send + Sync {
    /// Starts a run. The run owns the graph, and with it the futures that its tasks read: each is held
    /// until the last task that reads it is done.
    fn submit(&self, graph: TaskGraph) -> Run;

    /// What [`Kernels::hash_function`](super::Kernels::hash_function) says of the kernels that run the tasks, if all have the
    /// same: [`persist`](super::persist) declares how rows lie under this name.
    fn hash_function(&self) -> Option<&str> {
        None
    }
}

impl<E: Executor + ?Sized> Executor for std::sync::Arc<E> {
    fn submit(&self, graph: TaskGraph) -> Run {
        (**self).submit(graph)
    }

    fn hash_function(&self) -> Option<&str> {
        (**self).hash_function()
    }
}

/// What a run gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows, by partition.
    pub partitions: Vec<PartitionData>,
    /// Futures that were found inside those of leaves which have them adopted
    /// ([`NestedFutures::Adopt`](crate::leaf::NestedFutures::Adopt)): they live as long as this.
    pub adopted: Vec<FutureHandle>,
    /// What happened, task by task.
    pub report: RunReport,
}

/// An executor's side of a [`Run`].
pub trait Running: Send {
    /// What asks every task to stop. Using it twice, or after the end, does nothing.
    fn canceller(&self) -> Canceller;

    /// Waits for the end. Called once.
    ///
    /// # Errors
    /// The first cause of failure, with the report inside.
    fn wait(&mut self) -> Result<Outcome, Box<RunError>>;
}

/// Cancels a run, from any thread, as often as one likes. It does not keep the run's data alive.
#[derive(Clone)]
pub struct Canceller(std::sync::Arc<dyn Fn() + Send + Sync>);

impl Canceller {
    /// A canceller that calls `cancel`.
    pub fn new(cancel: impl Fn() + Send + Sync + 'static) -> Self {
        Canceller(std::sync::Arc::new(cancel))
    }

    /// Asks every task to stop, and returns at once.
    pub fn cancel(&self) {
        (self.0)();
    }
}

/// A run under way. Dropping it cancels it, and waits until no task of it runs any more.
pub struct Run(Option<Box<dyn Running>>);

impl Run {
    /// A run of some executor.
    pub fn new(running: impl Running + 'static) -> Self {
        Run(Some(Box::new(running)))
    }

    /// Asks every task to stop, and returns at once; [`wait`](Run::wait) then gives the report.
    pub fn cancel(&self) {
        self.canceller().cancel();
    }

    /// What cancels this run from another thread.
    pub fn canceller(&self) -> Canceller {
        match &self.0 {
            Some(running) => running.canceller(),
            None => Canceller::new(|| ()),
        }
    }

    /// Waits for the end of the run.
    ///
    /// # Errors
    /// The first cause of failure, with the report inside.
    pub fn wait(mut self) -> Result<Outcome, Box<RunError>> {
        let mut running = self.0.take().expect("only `wait` and `drop` take it, and both take the run");
        let span = tracing::info_span!("wait", ok = tracing::field::Empty).entered();
        let result = running.wait();
        span.record("ok", result.is_ok());
        result
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(mut running) = self.0.take() {
            running.canceller().cancel();
            // Nobody is left to hear how it ended.
            let _ = running.wait();
        }
    }
}
