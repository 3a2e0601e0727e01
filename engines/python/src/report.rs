//! Reports of runs, as Python's `RunReport` reads them.

use std::time::UNIX_EPOCH;

use leafhold::run::{RunReport, TaskEvent, TaskState};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What happened in a run. It holds no data and no futures.
#[pyclass(frozen, module = "leafhold._leafhold", name = "Report")]
pub struct PyReport(pub RunReport);

#[pymethods]
impl PyReport {
    /// Reads what [`to_json_lines`](Self::to_json_lines) wrote.
    #[staticmethod]
    fn from_json_lines(py: Python<'_>, text: &str) -> PyResult<Self> {
        let report = py.detach(|| RunReport::from_json_lines(text));
        report.map(PyReport).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn to_json_lines(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.to_json_lines())
    }

    fn to_text(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.to_text())
    }

    fn to_chrome_trace(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.to_chrome_trace())
    }

    fn to_html(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.to_html())
    }

    /// The events, each as JSON, by task.
    fn events(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| event_lines(&self.0.tasks))
    }

    /// How many tasks ended in each state that there is, in the order of reports.
    fn states(&self) -> Vec<(&'static str, usize)> {
        let counted = TaskState::ALL.iter().map(|state| (state.name(), self.0.count(*state)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    #[getter]
    fn is_ok(&self) -> bool {
        self.0.is_ok()
    }

    /// Seconds from submission to the end.
    #[getter]
    fn wall(&self) -> f64 {
        self.0.wall.as_secs_f64()
    }

    /// When the run started, in seconds since 1970.
    #[getter]
    fn started(&self) -> f64 {
        self.0.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    #[getter]
    fn workers(&self) -> usize {
        self.0.workers
    }

    #[getter]
    fn c_out(&self) -> Option<u64> {
        self.0.c_out
    }

    #[getter]
    fn critical_path(&self) -> Vec<usize> {
        self.0.critical_path.clone()
    }

    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.0.warnings.iter().map(ToString::to_string).collect()
    }

    fn __len__(&self) -> usize {
        self.0.tasks.len()
    }
}

/// Events as JSON.
pub fn event_lines(events: &[TaskEvent]) -> PyResult<Vec<String>> {
    let lines = events.iter().map(serde_json::to_string).collect::<Result<_, _>>();
    lines.map_err(|error| PyValueError::new_err(error.to_string()))
}
