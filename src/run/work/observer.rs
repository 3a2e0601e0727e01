use serde_json::Value;

use super::{WorkContext, WorkOutcome};

/// Watches attempts where they run. It is called on the threads of workers, from several at once; what it takes is no part of
/// the attempt's time, but the worker waits for it. A panic in it is contained, and told in the place of what
/// it would have said: `{"error": "it panicked: .."}`.
///
/// ```
/// use leafhold::run::work::{Observation, WorkContext, WorkObserver, WorkOutcome};
///
/// /// The rows of each port, which shows how evenly a shuffle divides them.
/// struct PortRows;
///
/// impl WorkObserver for PortRows {
///     fn on_start<'a>(&'a self, _: &'a WorkContext) -> Box<dyn Observation + 'a> {
///         Box::new(|outcome: &WorkOutcome<'_>| {
///             let WorkOutcome::Ok(output) = outcome else { return None };
///             let rows = output.ports.iter().map(|port| port.iter().map(|batch| batch.num_rows()).sum::<usize>());
///             Some(rows.collect::<Vec<_>>().into())
///         })
///     }
/// }
/// ```
pub trait WorkObserver: Send + Sync + 'static {
    /// The kernel is about to run, on this thread.
    fn on_start<'a>(&'a self, context: &'a WorkContext) -> Box<dyn Observation + 'a>;
}

/// What an observer keeps of an attempt from its start to its end. Closures are such.
pub trait Observation {
    /// The kernel has come back, on the same thread. Gives what to say of the attempt in the report, if anything.
    fn on_end(self: Box<Self>, outcome: &WorkOutcome<'_>) -> Option<Value>;
}

impl<F: FnOnce(&WorkOutcome<'_>) -> Option<Value>> Observation for F {
    fn on_end(self: Box<Self>, outcome: &WorkOutcome<'_>) -> Option<Value> {
        self(outcome)
    }
}
