//! Runs on threads of this process.

use std::sync::Arc;
use std::time::Duration;

use leafhold::explain::PlanOutline;
use leafhold::lower::TaskGraph;
use leafhold::run::work::WorkObservers;
use leafhold::run::{
    Canceller, Executor, ExecutorOptions, LocalExecutor, Observer, Outcome, RunCause, RunError, RunReport, Submitted,
    TaskEvent,
};
use leafhold_datafusion::DataFusionKernels;
use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;

use crate::future::is_closed;
use crate::report::{PyReport, event_lines};
use crate::{arrow, error};

/// How a run went.
type Ending = Result<Outcome, Box<RunError>>;

/// A run on threads of this process. When nobody wants it any more, it is cancelled.
#[pyclass(frozen, module = "leafhold._leafhold", name = "LocalRun")]
pub struct PyLocalRun {
    canceller: Canceller,
    ending: Arc<(Mutex<Option<Ending>>, Condvar)>,
    plan: Arc<PlanOutline>,
}

impl PyLocalRun {
    pub fn start(
        py: Python<'_>,
        graph: TaskGraph,
        plan: Arc<PlanOutline>,
        threads: usize,
        observers: WorkObservers,
        options: ExecutorOptions,
    ) -> PyResult<Self> {
        let ending = Arc::new((Mutex::new(None), Condvar::new()));
        let told = ending.clone();
        let executor = LocalExecutor::new(Arc::new(DataFusionKernels), threads);
        let executor = executor.with_work_observers(observers).with_options(options);
        // All of it without the GIL: where no thread can be had, the run is dropped at once, and waits for tasks that may
        // need it.
        let canceller = py.detach(|| {
            let run = executor.submit(graph);
            let canceller = run.canceller();
            let wait = move || {
                let ended = run.wait();
                let (ending, over) = &*told;
                *ending.lock() = Some(ended);
                over.notify_all();
            };
            std::thread::Builder::new().name("leafhold-wait".into()).spawn(wait).map(|_| canceller)
        })?;
        Ok(PyLocalRun { canceller, ending, plan })
    }
}

impl Drop for PyLocalRun {
    fn drop(&mut self) {
        self.canceller.cancel();
    }
}

#[pymethods]
impl PyLocalRun {
    /// Waits so many seconds for the end; whether it has come.
    fn wait(&self, py: Python<'_>, seconds: f64) -> bool {
        let patience = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        py.detach(|| {
            let (ending, over) = &*self.ending;
            let mut ending = ending.lock();
            if ending.is_none() {
                over.wait_for(&mut ending, patience);
            }
            ending.is_some()
        })
    }

    /// Asks every task to stop.
    fn cancel(&self, py: Python<'_>) {
        py.detach(|| self.canceller.cancel());
    }

    /// The rows, as a `pyarrow.Table`; raises why there are none.
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // Whoever asks twice shares the batches.
        let ended = py.detach(|| {
            let ending = self.ending.0.lock();
            match &*ending {
                Some(Ok(outcome)) => Some(Ok((outcome.schema.clone(), outcome.partitions.clone()))),
                Some(Err(error)) => Some(Err(error.clone())),
                None => None,
            }
        });
        match ended {
            Some(Ok((schema, partitions))) => {
                let batches: Vec<_> = partitions.iter().flat_map(|partition| partition.iter().cloned()).collect();
                arrow::table(py, &schema, &batches)
            }
            Some(Err(error)) => Err(error::run(py, &error.cause)),
            None => Err(error::panicked("a run was asked for its result before its end")),
        }
    }

    /// The generation of the leaf's future that gave no data, if that is why there are no rows.
    fn broken(&self, py: Python<'_>) -> Option<String> {
        py.detach(|| match &*self.ending.0.lock() {
            Some(Err(error)) => match &error.cause {
                RunCause::Future { future, .. } => Some(future.to_string()),
                _ => None,
            },
            _ => None,
        })
    }

    /// What happened; `None` before the end.
    fn report(&self, py: Python<'_>) -> Option<PyReport> {
        py.detach(|| match &*self.ending.0.lock() {
            Some(Ok(outcome)) => Some(PyReport::new(outcome.report.clone(), &self.plan)),
            Some(Err(error)) => Some(PyReport::new(error.report.clone(), &self.plan)),
            None => None,
        })
    }
}

/// Python callables that watch a run: each gets JSON, the last one the report.
pub struct PyObserver {
    pub on_submit: Option<Py<PyAny>>,
    pub on_event: Option<Py<PyAny>>,
    pub on_finish: Option<Py<PyAny>>,
    pub plan: Arc<PlanOutline>,
}

impl PyObserver {
    /// Calls Python, while there is one. What it raises is its own affair.
    fn call(callable: Option<&Py<PyAny>>, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>) {
        let Some(callable) = callable else { return };
        if is_closed() {
            return;
        }
        Python::try_attach(|py| {
            if let Err(error) = call(callable.bind(py)) {
                error.write_unraisable(py, Some(callable.bind(py)));
            }
        });
    }
}

impl Observer for PyObserver {
    fn on_submit(&self, submitted: &Submitted) {
        PyObserver::call(self.on_submit.as_ref(), |callable| {
            let stages: Vec<String> =
                submitted.stages.iter().filter_map(|stage| serde_json::to_string(stage).ok()).collect();
            callable.call1((submitted.tasks, stages)).map(drop)
        });
    }

    fn on_event(&self, event: &TaskEvent) {
        PyObserver::call(self.on_event.as_ref(), |callable| {
            event_lines(std::slice::from_ref(event))?.into_iter().try_for_each(|line| callable.call1((line,)).map(drop))
        });
    }

    fn on_finish(&self, report: &RunReport) {
        PyObserver::call(self.on_finish.as_ref(), |callable| {
            callable.call1((PyReport::new(report.clone(), &self.plan),)).map(drop)
        });
    }
}

impl Drop for PyObserver {
    /// Perhaps on a thread of the executor's, and after the interpreter.
    fn drop(&mut self) {
        let mut held = [self.on_submit.take(), self.on_event.take(), self.on_finish.take()];
        if !is_closed() {
            Python::try_attach(|_| held.iter_mut().for_each(|callable| drop(callable.take())));
        }
        held.into_iter().for_each(std::mem::forget);
    }
}
