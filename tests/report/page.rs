//! Reports as pages: what stands in them, without a browser.

use std::time::{Duration, UNIX_EPOCH};

use leafhold::explain::{Actuals, PlanText};
use leafhold::run::RunReport;
use leafhold::run::report::RunPage;
use proptest::prelude::*;
use serde_json::Value;

use crate::reports::{NASTY, report};
use crate::runs::{plan, shuffled};

/// The data that a page's script reads, as the HTML parser would hand it over.
fn data(page: &str) -> Value {
    let from = "<script type=\"application/json\" id=\"run\">";
    let (_, rest) = page.split_once(from).unwrap();
    let (data, _) = rest.split_once("</script").unwrap();
    serde_json::from_str(data).unwrap()
}

proptest! {
    #[test]
    fn law_f1_nothing_in_a_report_becomes_markup(report in report(0..30), title in prop::sample::select(NASTY.to_vec())) {
        let page = RunPage::new(&report).with_title(title).to_string();
        prop_assert_eq!(page.matches("<script").count(), 2, "the data, and the code");
        prop_assert_eq!(page.matches("</script").count(), 2);
        prop_assert!(!page.contains("<!--") && !page.contains("<b>"));
        let data = data(&page);
        prop_assert_eq!(data["tasks"]["stage"].as_array().unwrap().len(), report.tasks.len());
        for (task, event) in report.tasks.iter().enumerate() {
            let error = data["tasks"]["error"][task].as_u64().map(|at| data["errors"][at as usize].clone());
            let expected = event.error.as_ref().map(|error| serde_json::to_value(&**error).unwrap());
            prop_assert_eq!(error, expected);
            let said = data["observed"].get(task.to_string()).cloned();
            let expected = (!event.observed.is_empty()).then(|| serde_json::to_value(&event.observed).unwrap());
            prop_assert_eq!(said, expected);
        }
        let slices: usize = data["lanes"].as_array().unwrap().iter().map(|lane| lane["task"].as_array().unwrap().len()).sum();
        let attempts = report.tasks.iter().map(|event| event.attempts.len() + usize::from(event.started.is_some()));
        prop_assert_eq!(slices, attempts.sum::<usize>());
    }
}

#[test]
fn a_page_says_the_microsecond_that_json_lines_say() {
    // As nanoseconds this is no number of a double's, and the nearest one is in the next microsecond.
    let started = UNIX_EPOCH + Duration::from_nanos(1_790_000_000_123_456_999);
    let report = RunReport { started, ..shuffled() };
    assert_eq!(data(&report.to_html())["started"], 1_790_000_000_123_456u64);
    assert_eq!(RunReport::from_json_lines(&report.to_json_lines()).unwrap().to_html(), report.to_html());
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = shuffled().to_html();
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn lines_of_a_plan_know_their_nodes() {
    let (plan, report) = (plan(), shuffled());
    let actuals = Actuals::new(report.node_rows.clone());
    let text = PlanText::new(&plan).with_actuals(&actuals);
    let lines = text.lines();
    assert_eq!(lines.iter().map(|line| format!("{}\n", line.text)).collect::<String>(), text.to_string());
    let order = plan.post_order();
    for line in &lines {
        match line.node {
            Some(node) => assert!(line.text.trim_start().starts_with(order[node].op.name()), "{line:?}"),
            None => assert!(line.text.starts_with("; "), "{line:?}"),
        }
    }
    // Each operator but the exchanges is part of a stage.
    let in_stages: std::collections::BTreeSet<_> = report.stages.iter().flat_map(|stage| stage.nodes.clone()).collect();
    for (node, op) in order.iter().enumerate().filter(|(_, node)| node.op.name() != "exchange") {
        assert!(in_stages.contains(&node), "{}", op.op.name());
    }
    let page = RunPage::new(&report).with_plan(lines.clone()).to_string();
    assert_eq!(data(&page)["plan"].as_array().unwrap().len(), lines.len());
}
