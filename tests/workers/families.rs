//! Processes that a worker has started, and that hold its standard streams when it is gone.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use leafhold::run::process::{ProcessOptions, ProcessWorkers, Transport};
use leafhold::run::{Worker, Workers};

use crate::attempts::{Task, rows, swapped};
use crate::behaviour::{Behaving, EXITS};
use crate::plans::numbers;
use crate::program::{Census, quick, signal};

/// Has a worker start a process of its own first, and says which.
const FAMILY: &str = "LEAFHOLD_TEST_FAMILY";

/// In the worker's group, as whatever a program starts.
const CHILD: &str = "child";
/// In a group of its own, as whatever is to outlive the program that starts it.
const DAEMON: &str = "daemon";

/// What a worker does before all else. Nobody waits for whom it has started.
#[allow(clippy::zombie_processes)]
pub fn found_family(census: PathBuf) {
    let Ok(family) = std::env::var(FAMILY) else { return };
    let mut command = Command::new("sleep");
    command.arg("600").stdin(Stdio::null()).stdout(Stdio::null());
    #[cfg(unix)]
    if family == DAEMON {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    let child = command.spawn().unwrap();
    std::fs::write(census.join(format!("{}.{family}", child.id())), b"").unwrap();
}

fn workers(census: &Arc<Census>, mode: &'static str, family: &'static str) -> ProcessWorkers {
    let program = {
        let census = census.clone();
        move || {
            let mut command = census.command(mode);
            command.env(FAMILY, family);
            command
        }
    };
    let transport = if mode == "pipes" { Transport::Pipes } else { Transport::default() };
    let options = ProcessOptions { transport, ..quick() };
    ProcessWorkers::new(Arc::new(Behaving::default()), 1, program).with_options(options)
}

/// Whether a process is dead. Somebody else may have to reap it.
fn is_dead(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

fn wait_until_dead(pid: u32) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_dead(pid) {
        assert!(Instant::now() < until, "a process outlived the worker that had started it");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Does what must come to an end: whoever waits for ever fails here.
fn ends<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = channel();
    std::thread::spawn(move || done.send(what()));
    outcome.recv_timeout(Duration::from_secs(60)).expect("it ends")
}

/// Has the worker run a task, so that it is there, and then lets go of it: because it has ended, or because it has nothing
/// to do any more.
fn let_go(mut worker: Box<dyn Worker>, leaves: bool) {
    assert_eq!(rows(Task::new().run(&mut *worker, &numbers(0..2))), swapped(0..2));
    if leaves {
        let cause = Task::new().run(&mut *worker, &[vec![EXITS, 3]]).unwrap_err().cause;
        assert_eq!(cause, "its process ended (exit status: 3); it said: the kernel leaves");
    }
}

#[test]
fn what_a_worker_has_started_goes_with_it() {
    for leaves in [false, true] {
        let census = Census::new();
        let workers = workers(&census, "honest", CHILD);
        ends(move || let_go(workers.worker(0), leaves));
        let [child] = census.relatives(CHILD)[..] else { panic!("one worker, and one child of it") };
        wait_until_dead(child);
        census.assert_nobody_left();
    }
}

#[test]
fn nobody_waits_for_what_outlives_the_worker_that_has_started_it() {
    for (mode, leaves) in [("honest", false), ("honest", true), ("pipes", false)] {
        let census = Census::new();
        let workers = workers(&census, mode, DAEMON);
        ends(move || let_go(workers.worker(0), leaves));
        let [daemon] = census.relatives(DAEMON)[..] else { panic!("one worker, and one daemon of it") };
        assert!(!is_dead(daemon), "it is in no group of ours");
        census.assert_nobody_left();
        signal("KILL", daemon);
    }
}
