//! The driver's book of a run on a cluster: messages in, terminal events out. Python feeds it, and cannot make it break
//! law T1.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use leafhold::explain::PlanOutline;
use leafhold::lower::TaskGraph;
use leafhold::run::TaskError;
use leafhold::run::ledger::{Execution, ExecutionEnd, ExecutionResult, Given, Ledger, Sendable};
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::future::Handle;
use crate::report::{PyReport, event_lines};
use crate::work;

/// The book of one run. All times are nanoseconds since its start.
#[pyclass(frozen, module = "leafhold._leafhold", name = "Ledger")]
pub struct PyLedger {
    ledger: Mutex<Option<Ledger>>,
    plan: Arc<PlanOutline>,
}

/// What a worker says of an execution: see `leafhold._measure`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Word {
    id: String,
    worker: Option<String>,
    host: Option<String>,
    started: Option<u64>,
    /// What observers of work say, as JSON.
    observed: Option<String>,
}

/// What a worker says of an execution that ended.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Ended {
    what: String,
    ended: u64,
    transfer: u64,
    bytes_in: u64,
    bytes_out: u64,
    rows: u64,
    node_rows: Vec<Option<u64>>,
    peak_memory: Option<u64>,
    peak_execution_memory: Option<u64>,
    error: Option<Error>,
}

/// Kind, message and trace.
type Error = (String, String, Option<String>);

fn task_error((kind, message, trace): Error) -> TaskError {
    let error = TaskError::new(kind, message);
    match trace {
        Some(trace) => error.with_trace(trace),
        None => error,
    }
}

impl From<Word> for Execution {
    fn from(word: Word) -> Self {
        Execution {
            id: word.id,
            worker: word.worker.map(Into::into),
            host: word.host.map(Into::into),
            started: word.started.map(Duration::from_nanos),
            observed: word.observed.as_deref().map(work::observed).unwrap_or_default(),
        }
    }
}

impl Ended {
    fn into_end(self) -> PyResult<ExecutionEnd> {
        let result = match self.what.as_str() {
            "ok" => ExecutionResult::Gave(Given {
                rows: self.rows,
                bytes: self.bytes_out,
                node_rows: self.node_rows,
                peak_execution_memory: self.peak_execution_memory,
            }),
            "stopped" => ExecutionResult::Stopped,
            "failed" => {
                let unnamed = || ("unknown".to_owned(), "the worker does not say what".to_owned(), None);
                ExecutionResult::Failed(task_error(self.error.unwrap_or_else(unnamed)))
            }
            other => return Err(PyValueError::new_err(format!("{other:?} is no way to end"))),
        };
        let [ended, transfer] = [self.ended, self.transfer].map(Duration::from_nanos);
        Ok(ExecutionEnd { ended, transfer, bytes_in: self.bytes_in, peak_memory: self.peak_memory, result })
    }
}

impl PyLedger {
    pub fn new(graph: &TaskGraph, plan: Arc<PlanOutline>, retries: u32) -> PyResult<Self> {
        let ledger = Ledger::new(graph, retries).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyLedger { ledger: Mutex::new(Some(ledger)), plan })
    }

    /// What happens after the book was closed does not count.
    fn with<T: Default + Send>(&self, py: Python<'_>, hear: impl FnOnce(&mut Ledger) -> T + Send) -> T {
        py.detach(|| self.ledger.lock().as_mut().map(hear).unwrap_or_default())
    }
}

#[pymethods]
impl PyLedger {
    /// An execution of a task began: a dict of `id`, `worker`, `host`, `started` and `observed`.
    fn started(&self, py: Python<'_>, task: usize, word: Word, now: u64) {
        self.with(py, |ledger| ledger.started(task, word.into(), Duration::from_nanos(now)));
    }

    /// An execution of a task ended: the same, and `what` ("ok", "failed" or "stopped"), `ended`, `transfer`,
    /// `bytes_in`, `bytes_out`, `rows`, `node_rows` and `error` (kind, message and trace).
    fn answered(&self, py: Python<'_>, task: usize, word: Bound<'_, PyAny>, now: u64) -> PyResult<()> {
        let execution: Execution = word.extract::<Word>()?.into();
        let end = word.extract::<Ended>()?.into_end()?;
        self.with(py, |ledger| ledger.answered(task, execution, end, Duration::from_nanos(now)));
        Ok(())
    }

    /// A worker is gone.
    fn worker_lost(&self, py: Python<'_>, worker: &str, cause: &str, now: u64) {
        self.with(py, |ledger| ledger.worker_lost(worker, cause, Duration::from_nanos(now)));
    }

    /// A worker that is gone had the rows of a task, and nobody else has.
    fn rows_lost(&self, py: Python<'_>, task: usize, worker: &str, cause: &str, now: u64) {
        self.with(py, |ledger| ledger.rows_lost(task, worker, cause, Duration::from_nanos(now)));
    }

    /// The engine gives a task up whose workers died.
    fn task_lost(&self, py: Python<'_>, task: usize, error: Error, now: u64) {
        self.with(py, |ledger| ledger.task_lost(task, task_error(error), Duration::from_nanos(now)));
    }

    /// A future has its data, or never will, or no more: then why, and whether they are lost.
    ///
    /// Whether that counts: it does not when whatever reads it has ended, and nobody has to read it again.
    #[pyo3(signature = (handle, error, lost, now))]
    fn future(&self, py: Python<'_>, handle: &Bound<'_, Handle>, error: Option<Error>, lost: bool, now: u64) -> bool {
        let handle = &handle.get().0;
        self.with(py, |ledger| {
            let result = error.map_or(Ok(()), |error| Err((task_error(error), lost)));
            let number = ledger.future_number(handle);
            number.is_some_and(|number| ledger.future(number, result, Duration::from_nanos(now)))
        })
    }

    /// The tasks that the cluster, which runs `width` at a time, is to be given now, producers first: each with the slots
    /// of which it reads the first sources only, and how many.
    fn take_sendable(&self, py: Python<'_>, width: usize, now: u64) -> Vec<(usize, Vec<(usize, usize)>)> {
        self.with(py, |ledger| {
            let sendable = ledger.take_sendable(width, Duration::from_nanos(now));
            sendable.into_iter().map(|Sendable { task, first }| (task, first)).collect()
        })
    }

    /// Tasks that the cluster was given and that no limit needs any more, each once.
    fn take_unneeded(&self, py: Python<'_>) -> Vec<usize> {
        self.with(py, Ledger::take_unneeded)
    }

    /// Holds no task back for a limit that may not need it.
    fn hold_nothing_back(&self, py: Python<'_>) {
        self.with(py, Ledger::hold_nothing_back);
    }

    /// Whether there are tasks that a limit may not need.
    #[getter]
    fn has_limits(&self) -> bool {
        self.ledger.lock().as_ref().is_some_and(Ledger::has_limits)
    }

    /// The engine has the rows of a task.
    fn there(&self, py: Python<'_>, task: usize, now: u64) {
        self.with(py, |ledger| ledger.there(task, Duration::from_nanos(now)));
    }

    /// A task gives no rows, and nobody says which one is to blame.
    fn failed(&self, py: Python<'_>, task: usize, error: Error, now: u64) {
        self.with(py, |ledger| ledger.failed(task, task_error(error), Duration::from_nanos(now)));
    }

    /// Nothing more is to start.
    fn cancel(&self, py: Python<'_>, now: u64) {
        self.with(py, |ledger| ledger.cancel(Duration::from_nanos(now)));
    }

    /// Nothing more will be heard of what is under way.
    fn give_up(&self, py: Python<'_>, error: Error, lost: bool, now: u64) {
        self.with(py, |ledger| ledger.give_up(task_error(error), lost, Duration::from_nanos(now)));
    }

    /// The terminal events that were not taken yet, each as JSON.
    fn take_events(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        event_lines(&self.with(py, Ledger::take_events))
    }

    /// The stages, each as JSON.
    fn stages(&self, py: Python<'_>) -> Vec<String> {
        self.with(py, |ledger| ledger.stages().iter().filter_map(|stage| serde_json::to_string(stage).ok()).collect())
    }

    /// Whether every task has ended.
    #[getter]
    fn is_over(&self) -> bool {
        self.ledger.lock().as_ref().is_none_or(Ledger::is_over)
    }

    /// Whether a task failed, or the run was cancelled.
    #[getter]
    fn is_stopping(&self) -> bool {
        self.ledger.lock().as_ref().is_none_or(Ledger::is_stopping)
    }

    /// Closes the book: the last events, and the report. `started` is nanoseconds since 1970.
    fn close(&self, py: Python<'_>, started: u64, wall: u64, workers: usize) -> PyResult<(Vec<String>, PyReport)> {
        let ledger = self.ledger.lock().take();
        let Some(ledger) = ledger else { return Err(PyValueError::new_err("the book is closed")) };
        let started = UNIX_EPOCH + Duration::from_nanos(started);
        let (events, report) = py.detach(|| ledger.close(started, Duration::from_nanos(wall), workers));
        Ok((event_lines(&events)?, PyReport::new(report, &self.plan)))
    }
}
