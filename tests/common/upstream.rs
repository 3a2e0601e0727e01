//! What stands above a failure, by the report's own edges. Each test program uses a part.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};

use leafhold::run::{RunReport, TaskState};

/// All that reads one of these tasks, directly or not.
pub fn readers_of(report: &RunReport, tasks: &[usize]) -> BTreeSet<usize> {
    assert!(report.flows.complete, "too many edges for a report: who reads whom is not known");
    let mut readers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (producer, consumer) in &report.flows.pairs {
        readers.entry(*producer as usize).or_default().push(*consumer as usize);
    }
    let (mut found, mut left) = (BTreeSet::new(), tasks.to_vec());
    while let Some(task) = left.pop() {
        let new = readers.get(&task).into_iter().flatten().filter(|reader| found.insert(**reader));
        left.extend(new);
    }
    found
}

/// Law L5: all that reads what failed or was lost, directly or not, is upstream-failed and has not run; nothing else is.
pub fn assert_upstream_failed(report: &RunReport) {
    let in_state = |wanted: &[TaskState]| {
        let events = report.tasks.iter().filter(|event| wanted.contains(&event.state));
        events.map(|event| event.task).collect::<Vec<_>>()
    };
    let gone = in_state(&[TaskState::Failed, TaskState::Lost]);
    let upstream_failed: BTreeSet<usize> = in_state(&[TaskState::UpstreamFailed]).into_iter().collect();
    // Large reports do not have all edges, and need them only where something failed.
    let mut above = if gone.is_empty() { BTreeSet::new() } else { readers_of(report, &gone) };
    // That a task failed by itself says more.
    above.retain(|task| !gone.contains(task));
    assert_eq!(upstream_failed, above, "law L5: below {gone:?}");
    for event in upstream_failed.iter().map(|task| &report.tasks[*task]) {
        assert!(event.started.is_none() && event.attempt == 0 && event.attempts.is_empty(), "law L5: {event:?}");
    }
}
