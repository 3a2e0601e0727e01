//! Reports as JSON lines, and back.

use leafhold::run::RunReport;
use leafhold::run::report::ReportReadError;
use proptest::prelude::*;

use crate::reports::report;
use crate::runs::{failed, shuffled};

proptest! {
    #[test]
    fn law_f1_a_report_reads_back_from_its_lines(report in report(0..40)) {
        let text = report.to_json_lines();
        prop_assert_eq!(text.lines().count(), 1 + report.tasks.len(), "one event a line");
        prop_assert_eq!(RunReport::from_json_lines(&text).unwrap(), report);
    }
}

#[test]
fn reports_of_real_runs_read_back() {
    for report in [shuffled(), failed()] {
        let back = RunReport::from_json_lines(&report.to_json_lines()).unwrap();
        assert_eq!(back.tasks, report.tasks, "to the nanosecond");
        assert_eq!((back.critical_path, back.flows), (report.critical_path, report.flows));
    }
}

#[test]
fn what_is_no_report_is_refused_with_its_line() {
    let sound = shuffled().to_json_lines();
    let lines: Vec<&str> = sound.lines().collect();
    let refused = |text: &str| RunReport::from_json_lines(text).unwrap_err();
    assert!(matches!(refused(""), ReportReadError::Header));
    assert!(matches!(refused("{}"), ReportReadError::Header));
    assert!(matches!(refused("[1]"), ReportReadError::Header));
    assert!(matches!(refused("{\"leafhold_report\":1"), ReportReadError::Line { line: 1, .. }));
    let newer = refused(&sound.replacen("report\":1", "report\":2", 1));
    assert_eq!(
        newer.to_string(),
        "the report has version 2, and this version of Leafhold reads version 1: use the one that wrote it"
    );
    let cut = refused(&lines[..lines.len() - 1].join("\n"));
    assert!(matches!(cut, ReportReadError::Tasks { expected, .. } if expected == lines.len() - 2), "{cut}");
    let half = refused(&sound[..sound.len() - 9]);
    assert!(matches!(half, ReportReadError::Line { line, .. } if line == lines.len()), "{half}");
    let twice = refused(&format!("{sound}{}", lines[1]));
    assert!(matches!(twice, ReportReadError::Tasks { .. }), "{twice}");
    let swapped = refused(&[lines[0], lines[2], lines[1]].join("\n"));
    assert!(matches!(swapped, ReportReadError::Tasks { expected: 0, .. }), "{swapped}");
}
