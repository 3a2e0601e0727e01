//! `leafhold explain`, for people and for programs.

use crate::process::leafhold;
use serde_json::Value;

fn json(args: &[&str]) -> Value {
    let args = [&["explain", "tpch/q05", "--tpch", "0.01", "--format", "json"], args].concat();
    serde_json::from_str(&leafhold(&args).ok().out).unwrap()
}

#[test]
fn every_stage_has_a_text() {
    let stage = |stage| leafhold(&["explain", "tpch/q05", "--tpch", "0.01", "--stage", stage]).ok().out;
    assert!(stage("expr").contains("from-delayed lineitem future#"));
    assert!(stage("normalized").contains("join-set "));
    assert!(stage("plan").contains("hash-join inner "));
    assert!(stage("tasks").contains("stage 0: "));
}

#[test]
fn tasks_are_drawn_and_plans_are_not() {
    let args = ["explain", "tpch/q05", "--tpch", "0.01", "--stage", "tasks", "--format"];
    let tasks = |format| leafhold(&[&args[..], &[format]].concat()).ok().out;
    assert!(tasks("dot").starts_with("digraph tasks {\n"));
    let mermaid = tasks("mermaid");
    assert!(mermaid.starts_with("flowchart TB\n") && mermaid.contains("broadcast"), "{mermaid}");
    let json: Value = serde_json::from_str(&tasks("json")).unwrap();
    assert!(json["shuffles"].is_u64() && json["stages"][0]["inputs"].is_array());
    leafhold(&["explain", "tpch/q05", "--tpch", "0.01", "--format", "dot"]).fails(2, &["--stage tasks"]);
}

#[test]
fn plans_are_the_same_in_every_process_and_with_any_number_of_threads() {
    let text =
        |threads| leafhold(&["explain", "tpch/q09", "--tpch", "0.01", "--analyze", "--threads", threads]).ok().out;
    assert_eq!(text("1"), text("2"));
    assert_eq!(json(&[])["token"], json(&[])["token"]);
}

#[test]
fn strict_errors_are_an_input_that_the_plan_shows() {
    let explain = |args: &[&str]| leafhold(&[&["explain", "--tpch", "0.01"], args].concat()).ok().out;
    let sql = "select n_name from nation, region where n_regionkey = r_regionkey and 1 / n_nationkey = 1";
    let relaxed = explain(&["-c", sql]);
    assert!(!relaxed.contains("; semantics"), "{relaxed}");
    let strict = explain(&["-c", sql, "--errors", "strict"]);
    assert!(strict.contains("; semantics strict errors\n"), "{strict}");
    // The division waits for rows that have a region.
    let place = |text: &str, word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
    assert!(place(&relaxed, "-join") < place(&relaxed, "filter"), "{relaxed}");
    assert!(place(&strict, "filter") < place(&strict, "-join"), "{strict}");
    let json = json(&["--errors", "strict"]);
    assert_eq!(json["semantics"]["errors"], "strict");
}

#[test]
fn json_has_what_programs_need() {
    let plain = json(&[]);
    assert_eq!(plain["token"].as_str().unwrap().len(), 64);
    assert_eq!(plain["ruleset"].as_str().unwrap().len(), 64);
    assert!(plain["planning_us"].is_u64());
    assert!(plain["caps"].is_object() && plain["fired"].is_object());
    assert!(plain["c_out"].is_null() && plain["plan"]["rows"].is_null());
    let analyzed = json(&["--analyze"]);
    assert_eq!(analyzed["token"], plain["token"]);
    let mut joins = 0;
    let mut stack = vec![&analyzed["plan"]];
    while let Some(node) = stack.pop() {
        assert!(node["est_rows"].is_number(), "{node}");
        if node["op"].as_str().unwrap().ends_with("-join") {
            joins += node["rows"].as_u64().expect("joins are counted");
        }
        stack.extend(node["children"].as_array().unwrap());
    }
    assert_eq!(analyzed["c_out"].as_u64(), Some(joins));
    assert!(joins > 0);
}

#[test]
fn analyze_shows_actual_rows_beside_estimates() {
    let text = leafhold(&["explain", "tpch/q05", "--tpch", "0.01", "--analyze"]).ok().out;
    assert!(text.contains("; C_out ") && text.contains(" actual "), "{text}");
}

#[test]
fn what_says_how_to_run_goes_with_analyze() {
    let options: [&[&str]; 7] = [
        &["--threads", "2"],
        &["--memory-limit", "1MB"],
        &["--memory-limit", "1MB", "--spill-folder", "."],
        &["--report", "table"],
        &["--observe", "cpu"],
        &["--isolate", "2"],
        &["--retries", "0"],
    ];
    for option in options {
        let args = [&["explain", "tpch/q06", "--tpch", "0.01"], option].concat();
        let names: Vec<&str> = option.iter().copied().filter(|word| word.starts_with("--")).collect();
        leafhold(&args).fails(2, &["add --analyze", &names.join(", ")]);
        leafhold(&[&args[..], &["--analyze"]].concat()).ok();
    }
}

#[test]
fn a_query_that_ships_brings_its_data() {
    assert!(leafhold(&["explain", "tpch/q06"]).ok().out.contains("read lineitem "));
}
