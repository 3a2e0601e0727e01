//! Traces for Perfetto, of random reports and of real runs.

use leafhold::run::RunReport;
use leafhold::run::work::Observed;
use proptest::prelude::*;
use serde_json::Value;

use crate::reports::report;
use crate::runs::{failed, shuffled};
use crate::trace_format::check;

fn check_trace(report: &RunReport) {
    let checked = check(&report.to_chrome_trace()).unwrap_or_else(|fault| panic!("{fault}"));
    let ran = report.tasks.iter().filter(|event| event.started.is_some()).count();
    let tries: usize = report.tasks.iter().map(|event| event.attempts.len()).sum();
    assert_eq!(checked.slices.len(), 1 + ran + tries, "the run, what ran, and the tries before it");
    assert_eq!(checked.instants.len(), report.tasks.len() - ran);
    assert_eq!(checked.counters > 0, ran > 0);
    let observed = |args: &Value| match args["observed"].clone() {
        Value::Null => Observed::new(),
        said => serde_json::from_value(said).unwrap(),
    };
    for slice in checked.slices.iter().chain(&checked.instants).filter(|args| !args["task"].is_null()) {
        let event = &report.tasks[slice["task"].as_u64().unwrap() as usize];
        let number = slice["attempt"].as_u64().unwrap() as u32;
        let expected = match event.attempts.iter().find(|attempt| attempt.number == number) {
            Some(attempt) => &attempt.observed,
            None => &event.observed,
        };
        assert_eq!(&observed(slice), expected);
    }
    let has_ends = |(producer, consumer): &(u32, u32)| {
        [producer, consumer].iter().all(|task| report.tasks[**task as usize].started.is_some())
    };
    let flows: Vec<_> = report.flows.pairs.iter().copied().enumerate().filter(|(_, pair)| has_ends(pair)).collect();
    assert_eq!(checked.arrows.len(), flows.len());
    for (id, (producer, consumer)) in flows {
        let (from, to) = &checked.arrows[&(id as u64)];
        assert_eq!((&from["task"], &to["task"]), (&producer.into(), &consumer.into()));
        // The try that counted, not an earlier one.
        assert!(from["why"].is_null() && to["why"].is_null());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn law_f1_perfetto_accepts_traces_of_random_reports(report in report(0..60)) {
        check_trace(&report);
    }
}

#[test]
fn law_f1_perfetto_accepts_traces_of_real_runs() {
    let report = shuffled();
    check_trace(&report);
    assert!(!report.flows.pairs.is_empty());
    check_trace(&failed());
}

#[test]
fn a_worker_that_did_several_things_at_a_time_has_several_threads() {
    let mut report = shuffled();
    for event in &mut report.tasks {
        // As on a worker with many threads.
        event.worker = Some("tcp://10.0.0.1:4444".into());
        event.started = event.started.map(|started| started / 4);
    }
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
