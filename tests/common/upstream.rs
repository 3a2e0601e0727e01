//! What stands above a failure, by the edges of the graph that ran. Each test program uses a part.
#![allow(dead_code)]

use std::collections::BTreeSet;

use leafhold::lower::{TaskDag, TaskId};
use leafhold::run::{RunReport, TaskState};

/// Who reads whom, by task: a report says so of small graphs only.
pub struct Readers(Vec<Vec<usize>>);

impl Readers {
    pub fn of(graph: &TaskDag) -> Self {
        let readers = |task: TaskId| graph.consumers(task).map(|(reader, _)| reader.index()).collect();
        Readers(graph.ids().map(readers).collect())
    }

    /// All that reads one of these tasks, directly or not.
    fn of_all(&self, tasks: &[usize]) -> BTreeSet<usize> {
        let (mut found, mut left) = (BTreeSet::new(), tasks.to_vec());
        while let Some(task) = left.pop() {
            left.extend(self.0[task].iter().filter(|reader| found.insert(**reader)));
        }
        found
    }
}

/// Law L5: all that reads what failed or was lost, directly or not, is upstream-failed and has not run; nothing else is.
pub fn assert_upstream_failed(report: &RunReport, readers: &Readers) {
    let in_state = |wanted: &[TaskState]| {
        let events = report.tasks.iter().filter(|event| wanted.contains(&event.state));
        events.map(|event| event.task).collect::<Vec<_>>()
    };
    let gone = in_state(&[TaskState::Failed, TaskState::Lost]);
    let upstream_failed: BTreeSet<usize> = in_state(&[TaskState::UpstreamFailed]).into_iter().collect();
    let mut above = readers.of_all(&gone);
    // That a task failed by itself says more.
    above.retain(|task| !gone.contains(task));
    assert_eq!(upstream_failed, above, "law L5: below {gone:?}");
    for event in upstream_failed.iter().map(|task| &report.tasks[*task]) {
        assert!(event.started.is_none() && event.attempt == 0 && event.attempts.is_empty(), "law L5: {event:?}");
    }
}
