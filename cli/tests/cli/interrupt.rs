//! Limits of memory, Ctrl-C, and signals that ask a program to end.

#[cfg(unix)]
use std::io::{BufRead, BufReader, Read};
#[cfg(unix)]
use std::process::Command;

#[cfg(unix)]
use leafhold::run::{RunReport, TaskState};

#[cfg(unix)]
use crate::aftermath::{assert_all_released, report_of_each_task_once};
#[cfg(target_os = "linux")]
use crate::held_file::HeldFile;
use crate::process::{TempFile, leafhold};
#[cfg(target_os = "linux")]
use crate::process::{command, from};
#[cfg(target_os = "linux")]
use crate::workers::{children, has_open_file, has_thread, hears, is_alive, signal, ticks, wait_for};

/// Every pair of line items: more than anybody wants to wait for.
#[cfg(unix)]
const LONG: &str = "select max(a.l_quantity * b.l_tax + a.l_tax) as m from lineitem a, lineitem b";

#[cfg(unix)]
#[test]
fn ctrl_c_cancels_the_run_and_prints_its_report() {
    let report = TempFile::new("cancelled.jsonl", "");
    let form = format!("jsonl={}", report.path());
    let args = ["run", "-c", LONG, "--tpch", "0.02", "--threads", "2", "--output", "csv", "--report", "table"];
    let mut child = command(&[&args[..], &["--report", &form]].concat()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut before = String::new();
    while !before.contains("caps hit") {
        assert_ne!(said.read_line(&mut before).unwrap(), 0, "{before}");
    }
    // As a terminal does at Ctrl-C.
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut after = String::new();
    said.read_to_string(&mut after).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{after}");
    for words in ["cancelling; press Ctrl-C again", "cancelled", "tasks (", "the run was cancelled"] {
        assert!(after.contains(words), "no {words:?} in {after}");
    }
    // Both sides read the same four.
    assert_eq!(assert_all_released(&after), 4);
    assert_cancelled(&report_of_each_task_once(report.path()));
}

/// Asserts that nothing failed and nothing was lost: what was not over was cancelled.
#[cfg(unix)]
#[track_caller]
fn assert_cancelled(report: &RunReport) {
    assert!(report.count(TaskState::Cancelled) > 0, "{report:?}");
    let (ok, skipped) = (report.count(TaskState::Ok), report.count(TaskState::Skipped));
    assert_eq!(ok + skipped + report.count(TaskState::Cancelled), report.tasks.len(), "{report:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_cancels_the_run_of_explain_analyze_and_writes_its_report() {
    let report = TempFile::new("explained.jsonl", "");
    let form = format!("jsonl={}", report.path());
    let args = ["explain", "-c", LONG, "--tpch", "0.02", "--threads", "2", "--analyze", "--report", &form];
    let child = command(&args).spawn().unwrap();
    // The last thing before a run is under way.
    wait_for("a thread of the run", || has_thread(child.id(), "leafhold-0").then_some(()));
    signal("INT", &child.id().to_string());
    from(child.wait_with_output().unwrap()).fails(1, &["cancelling; press Ctrl-C again", "the run was cancelled"]);
    assert_cancelled(&report_of_each_task_once(report.path()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_ctrl_c_ends_the_program_at_once() {
    let held = HeldFile::new("twice");
    let report = TempFile::new("twice.jsonl", "");
    let form = format!("jsonl={}", report.path());
    let mut begun = held.run(&["--threads", "1", "--report", &form]);
    // Until this is closed, the task cannot stop.
    let _reader = held.reader();
    signal("INT", &begun.child.id().to_string());
    let mut said = [0; 40];
    begun.err.read_exact(&mut said).unwrap();
    assert!(said.starts_with(b"\ncancelling; press Ctrl-C again"), "{said:?}");
    signal("INT", &begun.child.id().to_string());
    let (code, out, _) = begun.end();
    assert_eq!(code, Some(130));
    assert!(!out.contains("tasks ("), "there was no time for a report");
    assert_eq!(std::fs::read_to_string(report.path()).unwrap(), "", "the file is what it was");
    assert_eq!(names_beside(&report), ["twice.jsonl"]);
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_is_heard_by_the_driver_alone_and_no_worker_is_left() {
    use std::os::unix::process::CommandExt;

    let report = TempFile::new("isolated.jsonl", "");
    let form = format!("jsonl={}", report.path());
    let args = ["run", "-c", LONG, "--tpch", "0.02", "--isolate", "2", "--report", &form, "--report", "table"];
    let mut command = command(&[&args[..], &["--output", "csv"]].concat());
    let child = command.process_group(0).spawn().unwrap();
    // Long after it has started: in the middle of a task.
    let workers = wait_for("a worker at work", || {
        let workers = children(child.id());
        workers.iter().any(|worker| ticks(*worker) >= 30).then_some(workers)
    });
    // As a terminal does at Ctrl-C: to the whole group.
    signal("INT", &format!("-{}", child.id()));
    let said = from(child.wait_with_output().unwrap());
    let said = said.fails(1, &["cancelling; press Ctrl-C again", "the run was cancelled", "tasks ("]);
    assert_eq!(assert_all_released(&said.err), 4);
    let report = report_of_each_task_once(report.path());
    assert_cancelled(&report);
    assert!(report.tasks.iter().any(|task| task.state == TaskState::Cancelled && task.started.is_some()), "{report:?}");
    wait_for("the end of every worker", || workers.iter().all(|worker| !is_alive(*worker)).then_some(()));
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_in_a_run_within_little_memory_leaves_no_file_and_no_process() {
    for (how, processes) in [("--threads", 0), ("--isolate", 2)] {
        let report = TempFile::new("spilled.jsonl", "");
        let (form, folder) = (format!("jsonl={}", report.path()), report.0.with_file_name("files"));
        std::fs::create_dir(&folder).unwrap();
        let args = ["run", "-c", LONG, "--tpch", "0.02", how, "2", "--output", "csv", "--report", "table"];
        let limit = ["--memory-limit", "100kB", "--spill-folder", folder.to_str().unwrap(), "--report", &form];
        let child = command(&[&args[..], &limit].concat()).spawn().unwrap();
        // Its files have no names, and are seen where they are open.
        wait_for("rows in files", || has_open_file(child.id(), &folder).then_some(()));
        let workers = wait_for("workers", || Some(children(child.id())).filter(|found| found.len() >= processes));
        signal("INT", &child.id().to_string());
        let said = from(child.wait_with_output().unwrap());
        let said = said.fails(1, &["cancelling; press Ctrl-C again", "the run was cancelled", " went to files"]);
        assert_eq!(assert_all_released(&said.err), 4, "{how}");
        let report = report_of_each_task_once(report.path());
        assert_cancelled(&report);
        assert!(report.spilled_bytes > 0);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{how}");
        wait_for("the end of every worker", || workers.iter().all(|worker| !is_alive(*worker)).then_some(()));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn signals_that_ask_a_program_to_end_cancel_the_run_as_ctrl_c_does() {
    for name in ["TERM", "HUP"] {
        let report = TempFile::new("ended.jsonl", "");
        let form = format!("jsonl={}", report.path());
        let run = ["run", "-c", LONG, "--tpch", "0.02", "--threads", "2", "--output", "csv"];
        // Whoever runs the tests may have HUP ignored.
        let mut command = from_program(&["env", "--default-signal=HUP"]);
        let child = command.args(run).args(["--report", &form, "--report", "table"]).spawn().unwrap();
        wait_for("a thread of the run", || has_thread(child.id(), "leafhold-0").then_some(()));
        assert_eq!(names_beside(&report), ["ended.jsonl"], "whoever is killed now leaves nothing");
        // Twice, as `timeout` does: the program and its group.
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, "--", &id, &id]).status().unwrap().success());
        let said = from(child.wait_with_output().unwrap());
        let answer = format!("cancelling, as SIG{name} asks");
        let said = said.fails(1, &[&answer, "the run was cancelled", "tasks ("]);
        assert_eq!(assert_all_released(&said.err), 4);
        assert_cancelled(&report_of_each_task_once(report.path()));
        assert_eq!(names_beside(&report), ["ended.jsonl"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let child =
        from_program(&["nohup"]).args(["run", "-c", LONG, "--tpch", "0.02", "--output", "csv"]).spawn().unwrap();
    wait_for("a thread of the run", || has_thread(child.id(), "leafhold-0").then_some(()));
    signal("HUP", &child.id().to_string());
    signal("TERM", &child.id().to_string());
    let said = from(child.wait_with_output().unwrap()).fails(1, &["cancelling, as SIGTERM asks"]);
    assert!(!said.err.contains("SIGHUP"), "{}", said.err);
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_waits_for_its_query_ends_at_once() {
    let report = TempFile::new("never.jsonl", "");
    let form = format!("jsonl={}", report.path());
    for (name, number, code) in [("INT", 2, 130), ("TERM", 15, 143)] {
        let mut command = command(&["run", "-", "--tpch", "0.01", "--report", &form]);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        // It is open until the end.
        let input = child.stdin.take();
        wait_for("a program that listens", || hears(child.id(), number).then_some(()));
        signal(name, &child.id().to_string());
        from(child.wait_with_output().unwrap()).fails(code, &[]);
        drop(input);
        assert_eq!(names_beside(&report), ["never.jsonl"]);
    }
}

/// The binary, started by another program which then is it.
#[cfg(target_os = "linux")]
fn from_program(words: &[&str]) -> Command {
    use std::process::Stdio;

    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(env!("CARGO_BIN_EXE_leafhold"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The names of all files in the folder of a file, also of hidden ones.
#[cfg(target_os = "linux")]
fn names_beside(file: &TempFile) -> Vec<String> {
    let entries = std::fs::read_dir(file.0.parent().unwrap()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn rows_beyond_the_limit_go_to_the_folder_that_is_named() {
    let folder = TempFile::new("spilled", "");
    let within = folder.0.parent().unwrap().to_str().unwrap();
    let run = |more: &[&str]| leafhold(&[&["run", "tpch/q03", "--tpch", "0.02", "--output", "csv"], more].concat());
    let spilled = run(&["--memory-limit", "100kB", "--spill-folder", within]).ok();
    assert_eq!(spilled.out, run(&[]).ok().out);
    assert!(spilled.err.contains(" went to files"), "{}", spilled.err);
    // A folder where nobody can write is named before anything runs.
    let limit = ["--memory-limit", "100kB", "--spill-folder"];
    run(&[&limit[..], &["no/such/folder"]].concat()).fails(1, &["--spill-folder no/such/folder: No such file"]);
    run(&["--spill-folder", within]).fails(2, &["--memory-limit"]);
}

#[test]
fn a_run_within_little_memory_gives_the_same_rows() {
    for query in ["tpch/q03", "tpch/q18"] {
        let run = |more: &[&str]| {
            let common = ["run", query, "--tpch", "0.02", "--threads", "2", "--output", "csv"];
            leafhold(&[&common[..], more].concat()).ok().out
        };
        assert_eq!(run(&["--memory-limit", "100kB"]), run(&[]), "{query}");
    }
    leafhold(&["run", "tpch/q01", "--memory-limit", "lots"]).fails(2, &["--memory-limit", "512MB"]);
}
