//! `leafhold run` end to end.

use std::io::Write;
use std::process::Stdio;

use crate::aftermath::assert_all_released;
use crate::process::{TempFile, command, from, leafhold, with_input};

const SALES: &str = "region,amount\nnorth,10\nsouth,20\nnorth,30\n";
const TOTALS: &str = "select region, sum(amount) as total from sales group by region order by region";

fn sales() -> (TempFile, String) {
    let file = TempFile::new("sales.csv", SALES);
    let table = format!("sales={}", file.path());
    (file, table)
}

#[test]
fn the_main_job_prints_plan_rules_caps_result_and_report() {
    let said = leafhold(&["run", "tpch/q05", "--tpch", "0.01"]).ok();
    for part in ["; plan ", "future#0..3", "rules fired: ", "caps hit: ", "| n_name ", " rows\n", " tasks ("] {
        assert!(said.out.contains(part), "no {part:?} in:\n{}", said.out);
    }
    // Six tables, of which nation and region have one partition.
    assert_eq!(assert_all_released(&said.out), 4 * 4 + 2);
    assert_eq!(said.err, "", "no progress bar where there is no terminal");
}

#[test]
fn the_sample_of_the_readme_is_what_the_program_prints() {
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, sample) = readme.split_once("```text\n; plan ").expect("a sample");
    let (sample, _) = sample.split_once("\n```").unwrap();
    let said = leafhold(&["run", "tpch/q05", "--tpch", "0.1"]).ok().out;
    assert_eq!(lasting(sample), lasting(&said));
}

/// What the program says again, line by line: not the name of all rules, which changes with each of them, and of the
/// report nothing that is a time, or that a machine decides.
fn lasting(said: &str) -> Vec<String> {
    const COLUMNS: [&str; 6] = ["stage", "tasks", "states", "rows", "bytes", "what"];
    let (header, rest) = said.trim_start_matches("; plan ").trim_end().split_once('\n').unwrap();
    let (before, report) = rest.rsplit_once("\n\n").unwrap();
    let (totals, stages) = report.split_once('\n').unwrap();
    let cells = |line: &str| {
        let cells = line.split("  ").map(|cell| cell.trim().to_owned());
        cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    let head = cells(stages.lines().next().unwrap());
    let places = COLUMNS.map(|name| head.iter().position(|cell| cell == name).expect(name));
    let rows = stages.lines().skip(1).map(cells).take_while(|row| row.len() == head.len());
    let rows: Vec<String> = rows.map(|row| places.map(|at| row[at].as_str()).join("  ")).collect();
    assert!(!rows.is_empty(), "no stages in:\n{report}");
    let mut lasting = vec![header.split_whitespace().next().unwrap().to_owned()];
    lasting.extend(before.lines().map(str::to_owned));
    lasting.extend([totals.split_once(" in ").unwrap().0.to_owned(), head.join("  ")]);
    lasting.extend(rows);
    lasting.extend(stages.lines().last().map(str::to_owned));
    lasting
}

#[test]
fn csv_and_json_have_standard_output_for_themselves() {
    let (_file, table) = sales();
    let csv = leafhold(&["run", "-c", TOTALS, "--table", &table, "--output", "csv"]).ok();
    assert_eq!(csv.out, "region,total\nnorth,40\nsouth,20\n");
    assert!(csv.err.contains("; plan ") && csv.err.contains("rules fired: "), "{}", csv.err);
    assert_all_released(&csv.err);
    let json = leafhold(&["run", "-c", TOTALS, "--table", &table, "--output", "json"]).ok();
    let rows: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(rows, serde_json::json!([{"region": "north", "total": 40}, {"region": "south", "total": 20}]));
}

#[test]
fn text_comes_from_the_command_line_a_file_or_standard_input() {
    let (_file, table) = sales();
    let query = TempFile::new("totals.sql", TOTALS);
    let run = |args: &[&str], input: &str| {
        let args = [&["run"], args, &["--table", &table, "--output", "csv"]].concat();
        with_input(&args, input).ok().out
    };
    let expected = run(&["-c", TOTALS], "");
    assert_eq!(run(&[query.path()], ""), expected);
    assert_eq!(run(&["-"], TOTALS), expected);
}

#[test]
fn threads_do_not_change_results() {
    let run = |threads: &str| leafhold(&["run", "tpch/q03", "--tpch", "0.01", "--threads", threads, "--output", "csv"]);
    assert_eq!(run("1").ok().out, run("2").ok().out);
}

#[test]
fn a_disabled_rule_does_not_fire() {
    let fired = |args: &[&str]| {
        let said = leafhold(&[&["run", "tpch/q03", "--tpch", "0.001"], args].concat()).ok();
        let line = said.out.lines().find(|line| line.starts_with("rules fired: ")).unwrap_or_default().to_owned();
        line.trim_start_matches("rules fired: ")
            .split(", ")
            .map(|rule| rule.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = fired(&[]);
    // A rule that only rewrites: without an implementation of an operator there is no plan.
    let rule = all.iter().find(|rule| !rule.starts_with("implement-")).expect("some rule rewrites q03");
    assert!(!fired(&["--disable-rule", rule]).contains(rule));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = command(&["run", "tpch/q01", "--tpch", "0.001"]).spawn().unwrap();
    drop(child.stdout.take());
    let said = from(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn an_error_while_running_leaves_no_result_and_no_future() {
    let file = TempFile::new("bad.csv", "a\n1\n2\n");
    let table = format!("t={}", file.path());
    let sql = "select 1 / (a - 1) as b from t";
    let said = leafhold(&["run", "-c", sql, "--table", &table, "--output", "json"]);
    said.fails(1, &["Divide by zero", "1 failed"]);
}

#[test]
fn worker_processes_give_what_threads_give() {
    for query in ["tpch/q03", "tpch/q05", "tpch/q13"] {
        let run = |how: &[&str]| {
            let said = leafhold(&[&["run", query, "--tpch", "0.01", "--output", "csv"], how].concat()).ok();
            assert_all_released(&said.err);
            said
        };
        let (threads, processes) = (run(&["--threads", "2"]), run(&["--isolate", "2", "--retries", "1"]));
        assert_eq!(processes.out, threads.out, "{query}");
        assert!(processes.err.contains(" ok) in ") && processes.err.contains(" on 2 workers"), "{}", processes.err);
    }
    // A file is opened by the process that reads it.
    let (_file, table) = sales();
    let csv = leafhold(&["run", "-c", TOTALS, "--table", &table, "--output", "csv", "--isolate", "2"]).ok();
    assert_eq!(csv.out, "region,total\nnorth,40\nsouth,20\n");
}

#[test]
fn worker_processes_within_little_memory_give_what_threads_give() {
    for query in ["tpch/q03", "tpch/q18"] {
        let run = |how: &[&str]| {
            let said = leafhold(&[&["run", query, "--tpch", "0.02", "--output", "csv"], how].concat()).ok();
            assert_all_released(&said.err);
            said
        };
        let expected = run(&["--threads", "1"]);
        assert!(!expected.err.contains("went to files"), "{}", expected.err);
        for how in [["--isolate", "2"], ["--threads", "2"]] {
            let said = run(&[&how[..], &["--memory-limit", "10KB"]].concat());
            assert_eq!(said.out, expected.out, "{query} {how:?}");
            assert!(said.err.contains("went to files"), "{}", said.err);
        }
    }
}

#[test]
fn a_worker_process_that_has_no_place_for_its_files_says_so() {
    let numbers: String = (0..1_200_000i64).map(|at| format!("{}\n", at * 7_919 % 1_200_000)).collect();
    let file = TempFile::new("numbers.csv", format!("n\n{numbers}"));
    let table = format!("t={}", file.path());
    let query = "select max(c) as c from (select n, count(*) as c from t group by n)";
    let run = |folder: &str, how: &[&str]| {
        let args = [&["run", "-c", query, "--table", &table, "--partitions", "1", "--output", "csv"], how].concat();
        from(command(&args).env("TMPDIR", folder).output().unwrap())
    };
    let folder = std::env::temp_dir();
    let limited = ["--isolate", "2", "--memory-limit", "20MB"];
    assert_eq!(run(folder.to_str().unwrap(), &limited).ok().out, "c\n1\n");
    assert_eq!(run("/nonexistent", &["--isolate", "2"]).ok().out, "c\n1\n");
    let said = run("/nonexistent", &limited);
    said.fails(
        1,
        &["cannot be kept in temporary files: /nonexistent: ", "choose a spill folder with more room", "1 failed"],
    );
}

#[test]
fn what_has_no_written_form_runs_beside_worker_processes() {
    let (_file, table) = sales();
    // DataFusion plans a recursive query in a way that cannot be sent.
    let query = "with recursive n as (select 1 as i union all select i + 1 from n where i < 3) \
        select region, i from sales join n on amount = 10 * i order by region, i";
    let run =
        |how: &[&str]| leafhold(&[&["run", "-c", query, "--table", &table, "--output", "csv"], how].concat()).ok().out;
    let report = TempFile::new("report.jsonl", "");
    let form = format!("jsonl={}", report.path());
    assert_eq!(run(&["--isolate", "2", "--report", &form]), run(&["--threads", "1"]));
    let report = std::fs::read_to_string(report.path()).unwrap();
    assert!(report.contains("\"worker\":\"driver-") && report.contains("\"worker\":\"process-"), "{report}");
}

#[test]
fn windows_unnests_and_grouping_sets_run_in_worker_processes() {
    let (_file, table) = sales();
    let queries = [
        "select region, amount, sum(amount) over (partition by region order by amount) as s from sales order by 1, 2",
        "select region, unnest(make_array(amount, 1)) as n from sales order by 1, 2",
        "select region, sum(amount) as s, grouping(region) as g from sales group by rollup(region) order by 1, 3",
    ];
    for query in queries {
        let run = |how: &[&str]| {
            leafhold(&[&["run", "-c", query, "--table", &table, "--output", "csv"], how].concat()).ok().out
        };
        let report = TempFile::new("operators.jsonl", "");
        let form = format!("jsonl={}", report.path());
        assert_eq!(run(&["--isolate", "2", "--report", &form]), run(&["--threads", "1"]), "{query}");
        let report = std::fs::read_to_string(report.path()).unwrap();
        assert!(!report.contains("\"worker\":\"driver-") && report.contains("\"worker\":\"process-"), "{report}");
    }
}

#[test]
fn errors_of_tasks_cross_processes() {
    let (_file, table) = sales();
    let run = |how: &[&str]| {
        let query = "select 1 / (amount - 10) as x from sales";
        leafhold(&[&["run", "-c", query, "--table", &table, "--output", "csv"], how].concat())
    };
    let (threads, processes) = (run(&["--threads", "1"]), run(&["--isolate", "1"]));
    let remote_trace = "\n    %0 = scan";
    processes.fails(1, &["Divide by zero", "1 failed", remote_trace]);
    threads.fails(1, &["Divide by zero", "1 failed", remote_trace]);
}

#[test]
fn workers_are_processes_or_threads() {
    leafhold(&["run", "tpch/q01", "--isolate", "2", "--threads", "2"]).fails(2, &["--isolate", "--threads"]);
    leafhold(&["run", "tpch/q01", "--isolate", "0"]).fails(2, &["--isolate"]);
    // What a worker process says to a driver that is none. Its own introduction is no text.
    let mut worker = command(&["worker"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    worker.stdin.take().unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let said = from(worker.wait_with_output().unwrap());
    said.fails(1, &["there is no frame of kind 71; is this a Leafhold worker?"]);
}
