//! `--report`: forms of a run's report in files.

use leafhold::run::{RunReport, TaskState};

use crate::process::{TempFile, leafhold};

const SALES: &str = "region,amount\nnorth,10\nsouth,20\nnorth,30\n";
const TOTALS: &str = "select region, sum(amount) as total from sales group by region order by region";
/// Fails on the row of 20.
const FAILING: &str = "select region, 1 / (amount - 20) as bad from sales";

struct Place(std::path::PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path =
            std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn form(&self, form: &str, name: &str) -> String {
        format!("{form}={}", self.0.join(name).display())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_form_goes_to_its_file() {
    let file = TempFile::new("sales.csv", SALES);
    let (table, place) = (format!("sales={}", file.path()), Place::new("forms"));
    let (lines, trace, page) =
        (place.form("jsonl", "r.jsonl"), place.form("chrome", "t.json"), place.form("html", "p.html"));
    let own = place.form("perfetto", "t.pftrace");
    let args = ["run", "-c", TOTALS, "--table", &table, "--report", &lines, "--report", &trace, "--report", &page];
    let said = leafhold(&[&args[..], &["--report", &own]].concat()).ok();
    assert!(!said.out.contains("critical path"), "no table was asked for: {}", said.out);
    assert_eq!(place.names(), ["p.html", "r.jsonl", "t.json", "t.pftrace"]);
    let report = RunReport::from_json_lines(&place.read("r.jsonl")).unwrap();
    assert!(report.is_ok() && !report.tasks.is_empty());
    let trace: serde_json::Value = serde_json::from_str(&place.read("t.json")).unwrap();
    let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X").count();
    assert_eq!(slices, 1 + report.tasks.len());
    // What it says follows from the report alone, so that which reads back from JSON lines has the same trace.
    assert_eq!(place.bytes("t.pftrace"), report.to_perfetto_trace());
    let page = place.read("p.html");
    assert!(page.contains(TOTALS) && page.contains("hash-aggregate"), "its title and its plan");
    let both = leafhold(&[&args[..5], &["--report", "table", "--report", &lines]].concat()).ok();
    assert!(both.out.contains("critical path"), "{}", both.out);
}

#[test]
fn a_run_that_fails_has_its_report_in_every_form() {
    let file = TempFile::new("sales.csv", SALES);
    let (table, place) = (format!("sales={}", file.path()), Place::new("failing"));
    let (lines, page) = (place.form("jsonl", "r.jsonl"), place.form("html", "p.html"));
    let said = leafhold(&["run", "-c", FAILING, "--table", &table, "--report", &lines, "--report", &page]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.to_lowercase().contains("divide by zero"), "{}", said.err);
    let report = RunReport::from_json_lines(&place.read("r.jsonl")).unwrap();
    assert_eq!(report.count(TaskState::Failed), 1);
    let failed = report.tasks.iter().find(|event| event.state == TaskState::Failed).unwrap();
    let error = failed.error.as_ref().unwrap();
    assert_eq!(error.kind, "compute");
    let trace = error.trace.as_ref().unwrap();
    assert!(trace.contains("Divide by zero") && trace.contains("%0 = scan"), "{trace}");
    assert!(place.read("p.html").contains("ivide by zero"));
}

#[test]
fn what_is_observed_where_tasks_run_stands_in_every_form() {
    let file = TempFile::new("sales.csv", SALES);
    let (table, place) = (format!("sales={}", file.path()), Place::new("observed"));
    let (lines, trace, page) =
        (place.form("jsonl", "r.jsonl"), place.form("chrome", "t.json"), place.form("html", "p.html"));
    for how in [["--threads", "1"], ["--isolate", "1"]] {
        let reports = ["--report", "table", "--report", &lines, "--report", &trace, "--report", &page];
        let args = ["run", "-c", TOTALS, "--table", &table, "--observe", "cpu"];
        let said = leafhold(&[&args[..], &how, &reports].concat()).ok();
        assert!(said.out.contains("\ncpu.time_us "), "{}", said.out);
        let report = RunReport::from_json_lines(&place.read("r.jsonl")).unwrap();
        assert!(report.tasks.iter().all(|event| event.observed["cpu"]["time_us"].as_f64().unwrap() > 0.0));
        assert!(place.read("t.json").contains("\"observed\":{\"cpu\":{\"time_us\":"));
        assert!(place.read("p.html").contains("{\"cpu\":{\"time_us\":"));
    }
    leafhold(&["run", "-c", TOTALS, "--table", &table, "--observe", "gpu"]).fails(2, &["--observe", "gpu", "cpu"]);
}

#[test]
fn a_report_without_a_place_is_an_error_before_the_run() {
    let place = Place::new("none");
    let nowhere = place.form("html", "no/such/folder.html");
    leafhold(&["run", "tpch/q01", "--report", &nowhere]).fails(1, &["no/such/folder.html", "No such file"]);
    let folder = format!("jsonl={}", place.0.display());
    leafhold(&["run", "tpch/q01", "--report", &folder]).fails(1, &["this is a folder"]);
    let once = place.form("html", "a");
    let twice = place.form("jsonl", "a");
    leafhold(&["run", "tpch/q01", "--report", &once, "--report", &twice]).fails(2, &["two reports would go to"]);
    leafhold(&["run", "tpch/q01", "--report", "pdf=x"]).fails(2, &["jsonl=FILE"]);
    leafhold(&["explain", "tpch/q01", "--report", "table"]).fails(2, &["--analyze"]);
    // A query that cannot be planned leaves no empty file.
    leafhold(&["run", "-c", "select", "--report", &once]);
    leafhold(&["run", "-c", "select nothing from nowhere", "--report", &once]);
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_report_replaces_neither_another_one_nor_what_the_run_reads() {
    let (file, query) = (TempFile::new("sales.csv", SALES), TempFile::new("totals.sql", TOTALS));
    let table = format!("sales={}", file.path());
    let (place, folder) = (Place::new("apart"), file.0.parent().unwrap().to_str().unwrap());
    let fails = |reports: &[&str], message: &str| {
        let reports: Vec<&str> = reports.iter().flat_map(|report| ["--report", report]).collect();
        for command in [&["run"][..], &["explain", "--analyze"]] {
            leafhold(&[command, &[query.path(), "--table", &table], &reports].concat()).fails(2, &[message]);
        }
    };
    fails(&[&format!("jsonl={folder}/./sales.csv")], "a report would replace the file of table `sales`");
    fails(&[&format!("jsonl={}", query.path())], "a report would replace the query's file");
    fails(&[&place.form("html", "a"), &place.form("jsonl", "./a")], "two reports would go to");
    assert_eq!((std::fs::read_to_string(file.path()).unwrap().as_str(), place.names().len()), (SALES, 0));
}

#[test]
fn a_table_has_one_file() {
    let (file, other) = (TempFile::new("sales.csv", SALES), TempFile::new("other.csv", SALES));
    let tables = [&file, &other].map(|file| format!("sales={}", file.path()));
    let args = ["-", "--table", &tables[0], "--table", &tables[1]];
    for command in ["run", "explain", "why"] {
        leafhold(&[&[command], &args[..]].concat()).fails(2, &["`sales` is ", "sales.csv and ", "other.csv"]);
    }
}

#[test]
fn explain_analyze_reports_its_run() {
    let file = TempFile::new("sales.csv", SALES);
    let (table, place) = (format!("sales={}", file.path()), Place::new("explain"));
    let page = place.form("html", "p.html");
    let args = ["explain", "-c", TOTALS, "--table", &table, "--analyze", "--report", &page, "--report", "table"];
    let said = leafhold(&args).ok();
    assert!(said.out.contains("actual 2") && said.out.contains("critical path"), "{}", said.out);
    assert_eq!(place.names(), ["p.html"]);
    let json = leafhold(&[&args[..], &["--format", "json"]].concat()).ok();
    assert!(serde_json::from_str::<serde_json::Value>(&json.out).is_ok(), "{}", json.out);
    assert!(json.err.contains("critical path"), "{}", json.err);
}
