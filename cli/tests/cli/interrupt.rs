//! Limits of memory, and Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::Command;

use crate::process::{command, leafhold};

/// Every pair of line items: more than anybody wants to wait for.
const LONG: &str = "select max(a.l_quantity * b.l_tax + a.l_tax) as m from lineitem a, lineitem b";

#[cfg(unix)]
#[test]
fn ctrl_c_cancels_the_run_and_prints_its_report() {
    let mut child =
        command(&["run", "-c", LONG, "--tpch", "0.02", "--threads", "2", "--output", "csv"]).spawn().unwrap();
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
