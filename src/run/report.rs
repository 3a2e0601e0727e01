use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::event::microseconds;
use super::{RunWarning, TaskEvent, TaskState};

/// What happened in a run: exactly one event per planned task, whether it ran or not (law T1).
///
/// It holds no data and no futures.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunReport {
    /// One event per planned task, by task.
    pub tasks: Vec<TaskEvent>,
    /// From submission to the end.
    #[serde(rename = "wall_us", serialize_with = "microseconds")]
    pub wall: Duration,
    /// How many workers there were.
    pub workers: usize,
    /// The most ports of tasks that were kept for readers at one time.
    pub peak_ports: usize,
    /// The most bytes that they held at one time.
    pub peak_bytes: u64,
    /// Actual rows that a node of the plan gave, summed over tasks: by index into `Plan::post_order`,
    /// where the engine counted them.
    pub node_rows: BTreeMap<usize, u64>,
    /// Actual rows over the outputs of all joins; `None` when the engine did not count those of one.
    pub c_out: Option<u64>,
    /// What went right, but perhaps not as somebody thinks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<RunWarning>,
    /// The tasks, first to last, that the end of the run waited for.
    pub critical_path: Vec<usize>,
}

impl RunReport {
    /// How many tasks ended in a state.
    pub fn count(&self, state: TaskState) -> usize {
        self.tasks.iter().filter(|event| event.state == state).count()
    }

    /// Whether every task has its rows.
    pub fn is_ok(&self) -> bool {
        self.tasks.iter().all(|event| event.state.has_rows())
    }
}
