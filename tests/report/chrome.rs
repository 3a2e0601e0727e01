//! Traces for Perfetto, of random reports and of real runs.

use leafhold::run::RunReport;
use proptest::prelude::*;
use serde_json::Value;

use crate::reports::report;
use crate::runs::{failed, on_one_worker, shuffled};
use crate::trace_format::{check, check_report};

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn law_f1_perfetto_accepts_traces_of_random_reports(report in report(0..60)) {
        check_report(&report);
    }
}

#[test]
fn law_f1_perfetto_accepts_traces_of_real_runs() {
    let report = shuffled();
    check_report(&report);
    assert!(!report.flows.pairs.is_empty());
    check_report(&failed());
}

#[test]
fn a_trace_says_how_many_arrows_it_has_not() {
    let mut report = shuffled();
    let edges = report.flows.pairs.clone();
    let reads = |task: usize| {
        let read = edges.iter().filter(move |(_, consumer)| *consumer as usize == task);
        read.map(|(producer, _)| *producer as usize)
    };
    let said = |report: &RunReport| {
        let trace: Value = serde_json::from_str(&report.to_chrome_trace()).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let arrows = events.iter().filter(|event| event["ph"] == "s").count();
        let run = events.iter().find(|event| event["name"] == "run").unwrap();
        (arrows, run["args"]["flows_left_out"].as_u64())
    };
    assert_eq!(said(&report), (edges.len(), None));
    report.link_up_to(edges.len() - 1, reads);
    let (arrows, left_out) = said(&report);
    assert!(arrows < edges.len());
    assert_eq!(left_out, Some((edges.len() - arrows) as u64));
    check_report(&report);
}

#[test]
fn a_worker_that_did_several_things_at_a_time_has_several_threads() {
    let mut report = on_one_worker();
    report.flows.pairs.clear();
    let names = check(&report.to_chrome_trace()).unwrap().names;
    assert!(names.contains(&"tcp://10.0.0.1:4444".to_owned()), "{names:?}");
    assert!(names.contains(&"tcp://10.0.0.1:4444 #2".to_owned()), "{names:?}");
}

#[test]
fn an_arrow_that_leads_back_in_time_is_left_out() {
    let mut report = shuffled();
    let (_, consumer) = report.flows.pairs[0];
    report.tasks[consumer as usize].started = Some(std::time::Duration::ZERO);
    let arrows = check(&report.to_chrome_trace()).unwrap().arrows;
    assert!(arrows.len() < report.flows.pairs.len());
    assert!(arrows.values().all(|(_, to)| to["task"] != consumer));
}
