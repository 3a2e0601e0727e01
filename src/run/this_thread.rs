use std::sync::Arc;
use std::time::Duration;

use super::host::host;
use super::panics::keep_panic_traces;
use super::store::SpillMeter;
use super::work::WorkObservers;
use super::{Attempt, Envelope, Kernels, Measured, Worker, WorkerLost, run_fragment};

/// Runs attempts where it is called.
pub(super) struct ThisThread {
    kernels: Arc<dyn Kernels>,
    observers: Arc<WorkObservers>,
    name: Arc<str>,
    /// The machine. Each has a text of its own: where many count who holds a text, each waits for the others.
    host: Arc<str>,
}

impl ThisThread {
    /// A worker of this name on the thread that calls it.
    pub(super) fn new(kernels: Arc<dyn Kernels>, observers: Arc<WorkObservers>, name: Arc<str>) -> Self {
        ThisThread { kernels, observers, name, host: host().into() }
    }
}

impl Worker for ThisThread {
    fn run(&mut self, mut attempt: Attempt<'_>) -> Result<Envelope, WorkerLost> {
        keep_panic_traces();
        let inputs = std::mem::take(&mut attempt.inputs);
        let spilled = SpillMeter::within(&mut attempt.context);
        let (mut started, mut ended, mut trace) = (Duration::ZERO, Duration::ZERO, None);
        let work = || {
            started = attempt.clock.now();
            let result = run_fragment(&*self.kernels, attempt.fragment, inputs, &attempt.context);
            ended = attempt.clock.now();
            result.map_err(|error| {
                let (error, raised) = error.split_trace();
                trace = raised;
                error
            })
        };
        let context = || attempt.work_context(self.name.clone(), Some(self.host.clone()));
        let (result, observed) = self.observers.around(attempt.observers, context, work);
        let measured = Measured {
            worker: self.name.clone(),
            host: Some(self.host.clone()),
            started,
            ended,
            transfer: Duration::ZERO,
            peak_memory: None,
            spilled_bytes: spilled.get(),
            observed,
        };
        Ok(Envelope { result, measured, trace })
    }
}
