//! Reports of runs, as Python's `RunReport` reads them.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use leafhold::explain::{Actuals, PlanOutline};
use leafhold::run::report::{Flows, PlanLine, RunPage};
use leafhold::run::{RunReport, TaskEvent, TaskState};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What happened in a run. It holds no data and no futures.
#[pyclass(frozen, module = "leafhold._leafhold", name = "Report")]
pub struct PyReport {
    report: RunReport,
    /// The plan that was run, where that is known.
    plan: Vec<PlanLine>,
}

impl PyReport {
    pub fn new(report: RunReport, plan: &PlanOutline) -> Self {
        let plan = plan.lines(&Actuals::new(report.node_rows.clone()));
        PyReport { report, plan }
    }
}

#[pymethods]
impl PyReport {
    /// Reads what [`to_json_lines`](Self::to_json_lines) wrote; `plan` is what [`plan`](Self::plan) gave.
    #[staticmethod]
    #[pyo3(signature = (text, plan=Vec::new()))]
    fn from_json_lines(py: Python<'_>, text: &str, plan: Vec<(String, Option<usize>)>) -> PyResult<Self> {
        let report = py.detach(|| RunReport::from_json_lines(text));
        let plan = plan.into_iter().map(|(text, node)| PlanLine { text, node }).collect();
        report.map(|report| PyReport { report, plan }).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The lines of the plan that was run, with the node that each is about; none when nobody knows it.
    fn plan(&self) -> Vec<(String, Option<usize>)> {
        self.plan.iter().map(|line| (line.text.clone(), line.node)).collect()
    }

    fn to_json_lines(&self, py: Python<'_>) -> String {
        py.detach(|| self.report.to_json_lines())
    }

    fn to_text(&self, py: Python<'_>) -> String {
        py.detach(|| self.report.to_text())
    }

    fn to_chrome_trace(&self, py: Python<'_>) -> String {
        py.detach(|| self.report.to_chrome_trace())
    }

    fn to_perfetto_trace<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.report.to_perfetto_trace()))
    }

    fn to_html(&self, py: Python<'_>) -> String {
        py.detach(|| RunPage::new(&self.report).with_plan(self.plan.iter().cloned()).to_string())
    }

    /// The events, each as JSON, by task.
    fn events(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| event_lines(&self.report.tasks))
    }

    /// How many tasks ended in each state that there is, in the order of reports.
    fn states(&self) -> Vec<(&'static str, usize)> {
        let counted = TaskState::ALL.iter().map(|state| (state.name(), self.report.count(*state)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    #[getter]
    fn is_ok(&self) -> bool {
        self.report.is_ok()
    }

    /// Seconds from submission to the end.
    #[getter]
    fn wall(&self) -> f64 {
        self.report.wall.as_secs_f64()
    }

    /// When the run started, in seconds since 1970.
    #[getter]
    fn started(&self) -> f64 {
        self.report.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    #[getter]
    fn workers(&self) -> usize {
        self.report.workers
    }

    /// The most ports that were kept for readers at one time, where that was measured.
    #[getter]
    fn peak_ports(&self) -> Option<usize> {
        self.report.peak_ports
    }

    /// The most bytes that they held at one time, where that was measured.
    #[getter]
    fn peak_bytes(&self) -> Option<u64> {
        self.report.peak_bytes
    }

    /// How much of `peak_bytes` is the result, which counts towards no limit of memory.
    #[getter]
    fn peak_result_bytes(&self) -> u64 {
        self.report.peak_result_bytes
    }

    #[getter]
    fn spilled_bytes(&self) -> u64 {
        self.report.spilled_bytes
    }

    /// The stages, each as JSON, by number.
    fn stages(&self) -> PyResult<Vec<String>> {
        let stages = self.report.stages.iter().map(serde_json::to_string).collect::<Result<_, _>>();
        stages.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Whether every edge is known, the edges (producer and consumer), and how many were left out.
    fn flows(&self) -> (bool, Vec<(u32, u32)>, u64) {
        let Flows { complete, pairs, left_out } = &self.report.flows;
        (*complete, pairs.clone(), *left_out)
    }

    /// Rows by node of the plan.
    #[getter]
    fn node_rows(&self) -> BTreeMap<usize, u64> {
        self.report.node_rows.clone()
    }

    #[getter]
    fn c_out(&self) -> Option<u64> {
        self.report.c_out
    }

    #[getter]
    fn critical_path(&self) -> Vec<usize> {
        self.report.critical_path.clone()
    }

    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.report.warnings.iter().map(ToString::to_string).collect()
    }

    fn __len__(&self) -> usize {
        self.report.tasks.len()
    }
}

/// Events as JSON.
pub fn event_lines(events: &[TaskEvent]) -> PyResult<Vec<String>> {
    let lines = events.iter().map(serde_json::to_string).collect::<Result<_, _>>();
    lines.map_err(|error| PyValueError::new_err(error.to_string()))
}
