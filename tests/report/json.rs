//! Reports read back from their JSON.

use leafhold::run::report::Flows;
use leafhold::run::{RunReport, TaskState};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::reports::report;

proptest! {
    #[test]
    fn a_report_reads_back_from_its_json(report in report(0..40)) {
        let text = serde_json::to_string(&report).unwrap();
        let back: RunReport = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(back, report);
    }
}

#[test]
fn times_that_are_none_are_refused() {
    let text = serde_json::to_string(&RunReport::default()).unwrap();
    for wrong in ["-1", "1e300", "\"soon\"", "null"] {
        let text = text.replace("\"wall_us\":0.0", &format!("\"wall_us\":{wrong}"));
        assert!(serde_json::from_str::<RunReport>(&text).is_err(), "{text}");
    }
}

#[test]
fn large_graphs_keep_the_inputs_that_came_last() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tree = report(150..200).new_tree(&mut runner).unwrap();
    let mut report = tree.current();
    let all = |task: usize| 0..task;
    assert!(report.tasks.len() * (report.tasks.len() - 1) / 2 > Flows::COMPLETE_UP_TO, "the seed gives a large one");
    report.link(all);
    assert!(!report.flows.complete);
    let edges = report.tasks.len() * (report.tasks.len() - 1) / 2;
    assert_eq!(report.flows.pairs.len() as u64 + report.flows.left_out, edges as u64);
    for (producer, consumer) in &report.flows.pairs {
        let ended = report.tasks[*producer as usize].ended;
        let ran = report.tasks[..*consumer as usize].iter().filter(|event| event.started.is_some());
        assert_eq!(Some(ended), ran.map(|event| event.ended).max());
    }
    assert!(report.flows.pairs.windows(2).all(|pair| pair[0].1 < pair[1].1), "one for each consumer");
    // The path can be read off what was kept.
    for pair in report.critical_path.windows(2) {
        assert!(report.flows.pairs.contains(&(pair[0] as u32, pair[1] as u32)));
    }
    assert!(report.count(TaskState::Ok) > 0);
    // Whoever wants all of them has room.
    let path = report.critical_path.clone();
    report.link_up_to(edges - 1, all);
    assert!(!report.flows.complete);
    report.link_up_to(edges, all);
    assert!(report.flows.complete && report.flows.left_out == 0);
    assert_eq!((report.flows.pairs.len(), report.critical_path), (edges, path));
}
