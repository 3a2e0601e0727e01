//! `--retries`, on threads and on worker processes: what fails the first time.

use std::io::Write;

use crate::held_file::HeldFile;
use crate::workers::{children, signal, wait_for};

#[test]
fn a_task_that_raised_an_error_is_tried_again() {
    // A worker process sees at once that the pipe is not the file, perhaps several times before that is given back.
    for (how, worker, enough) in [("--threads", "local-0", "1"), ("--isolate", "process-0", "1000000")] {
        let run = |retries: &str| {
            let held = HeldFile::new(&format!("errors{how}-{retries}"));
            let begun = held.run(&[how, "1", "--retries", retries]);
            let mut reader = held.reader();
            drop(held.give_back());
            let _ = reader.write_all(b"region,amount\nnorth,ten\n");
            drop(reader);
            begun.end()
        };
        let (code, out, err) = run(enough);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{how}: {}", tail(&out));
        let rows = "| region | total |\n+--------+-------+\n| north  |    40 |\n| south  |    20 |\n";
        assert!(out.contains(rows), "{how}: {}", tail(&out));
        // A worker process may see it as soon as it reads the fragment.
        let first = format!("): attempt 1 of stage 0 partition 0 on {worker}");
        let is_first = |line: &&str| line.starts_with("retried (") && line.contains(&first);
        let tried = out.lines().find(is_first).unwrap_or_else(|| panic!("{}", tail(&out)));
        assert!(tried.starts_with("retried (read): ") && tried.contains("sales.csv"), "{tried}");
        let (code, out, err) = run("0");
        assert_eq!(code, Some(1), "{how}: {}", tail(&out));
        assert!(err.contains("sales.csv") && out.contains("1 failed") && !out.contains("\nretried "), "{how}: {err}");
    }
}

#[test]
fn a_task_whose_worker_was_killed_is_tried_again() {
    let run = |retries: &str| {
        let held = HeldFile::new(&format!("killed-{retries}"));
        let begun = held.run(&["--isolate", "1", "--retries", retries]);
        let parent = begun.child.id();
        let worker = wait_for("a worker", || children(parent).first().copied());
        signal("KILL", &worker.to_string());
        // The next one reads the file, or has come to the pipe before: then it has an attempt more.
        let _pipe = held.give_back();
        begun.end()
    };
    let (code, out, err) = run("2");
    assert_eq!((code, err.as_str()), (Some(0), ""), "{}", tail(&out));
    assert!(out.contains("| north  |    40 |\n"), "{}", tail(&out));
    let first = "retried (worker-lost): attempt 1 of stage 0 partition 0 on process-0";
    let tried = out.lines().find(|line| line.starts_with(first)).unwrap_or_else(|| panic!("{}", tail(&out)));
    assert!(tried.contains("is gone") && !tried.contains("more retries"), "{tried}");
    let (code, out, err) = run("0");
    assert_eq!(code, Some(1), "{}", tail(&out));
    assert!(out.contains("1 lost") && err.contains("more retries would try it again"), "{err}\n{}", tail(&out));
}

/// What stands below the long text of the plan.
fn tail(out: &str) -> String {
    out.lines().filter(|line| line.len() < 10_000).collect::<Vec<_>>().join("\n")
}
