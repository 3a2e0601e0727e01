use super::report::Stage;
use super::{RunReport, TaskEvent};

/// What an observer is told when a run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// How many tasks are planned.
    pub tasks: usize,
    /// In which stages, by number.
    pub stages: Vec<Stage>,
}

/// Watches runs, for progress bars and logs (law T4). It is called on the executor's threads, from
/// several at once; a panic in it is contained.
pub trait Observer: Send + Sync + 'static {
    /// A run begins.
    fn on_submit(&self, submitted: &Submitted) {
        let _ = submitted;
    }

    /// A task came to its end. Called once per planned task.
    fn on_event(&self, event: &TaskEvent) {
        let _ = event;
    }

    /// The run is over, well or not.
    fn on_finish(&self, report: &RunReport) {
        let _ = report;
    }
}
