use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::critical_path::critical_path;
use super::{Flows, Stage, TaskEvents, TaskState, times};
use crate::run::RunWarning;

/// What happened in a run: exactly one event per planned task, whether it ran or not (law T1).
///
/// It holds no data and no futures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// One event per planned task, by task.
    pub tasks: TaskEvents,
    /// The stages, by number.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// Which task read which.
    #[serde(default)]
    pub flows: Flows,
    /// When the run started, by the driver's calendar: what times in events count from.
    #[serde(rename = "started_unix_us", with = "times::calendar")]
    pub started: SystemTime,
    /// From submission to the end.
    #[serde(rename = "wall_us", with = "times")]
    pub wall: Duration,
    /// How many workers there were.
    pub workers: usize,
    /// The most ports of tasks that were kept for readers at one time; `None` where a cluster keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_ports: Option<usize>,
    /// The most bytes that they held at one time; `None` where a cluster keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
    /// How many of these were the result's, which is the caller's: they count towards no limit of memory.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub peak_result_bytes: u64,
    /// Bytes that found no room in memory, and went to files: rows between tasks, and what the operators of tasks wrote, in
    /// attempts that did not count, too.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub spilled_bytes: u64,
    /// Actual rows that a node of the plan gave, summed over tasks: by index into `Plan::post_order`,
    /// where the engine counted them.
    pub node_rows: BTreeMap<usize, u64>,
    /// Actual rows over the outputs of all joins; `None` when the engine did not count those of one.
    pub c_out: Option<u64>,
    /// What went right, but perhaps not as somebody thinks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<RunWarning>,
    /// The tasks, first to last, that the end of the run waited for.
    pub critical_path: Vec<usize>,
}

impl Default for RunReport {
    /// The report of a run without tasks, at the start of the calendar.
    fn default() -> Self {
        RunReport {
            tasks: TaskEvents::default(),
            stages: Vec::new(),
            flows: Flows::default(),
            started: UNIX_EPOCH,
            wall: Duration::ZERO,
            workers: 0,
            peak_ports: None,
            peak_bytes: None,
            peak_result_bytes: 0,
            spilled_bytes: 0,
            node_rows: BTreeMap::new(),
            c_out: None,
            warnings: Vec::new(),
            critical_path: Vec::new(),
        }
    }
}

pub(super) fn is_nothing(bytes: &u64) -> bool {
    *bytes == 0
}

impl RunReport {
    /// How many tasks ended in a state.
    pub fn count(&self, state: TaskState) -> usize {
        self.tasks.states().filter(|of_task| *of_task == state).count()
    }

    /// Whether every task has its rows, or was not needed.
    pub fn is_ok(&self) -> bool {
        self.tasks.states().all(TaskState::is_well)
    }

    /// Fills in what follows from the events and from what each task reads: [`flows`](RunReport::flows) and
    /// [`critical_path`](RunReport::critical_path). `producers` gives what a task reads, in ascending order and each once.
    pub fn link<I: Iterator<Item = usize>>(&mut self, producers: impl Fn(usize) -> I) {
        self.link_up_to(Flows::COMPLETE_UP_TO, producers);
    }

    /// The same with all flows of a graph of up to so many edges, whatever room they take: traces then have an arrow for
    /// each. Whoever has the tasks of a run can do so once it is over.
    ///
    /// ```
    /// use leafhold::lower::{TaskDag, TaskId};
    /// use leafhold::run::RunReport;
    ///
    /// fn with_all_flows(mut report: RunReport, tasks: &TaskDag) -> RunReport {
    ///     let read = |task| tasks.producers(TaskId::new(task)).into_iter().map(TaskId::index);
    ///     report.link_up_to(usize::MAX, read);
    ///     report
    /// }
    /// ```
    pub fn link_up_to<I: Iterator<Item = usize>>(&mut self, edges: usize, producers: impl Fn(usize) -> I) {
        let records = self.tasks.records();
        self.flows = Flows::new(records, edges, &producers);
        self.critical_path = critical_path(records, &producers);
    }
}
