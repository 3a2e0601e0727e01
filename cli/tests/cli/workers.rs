//! Worker processes and threads of a command, as Linux shows them.

use std::fs::read_to_string;

/// The processes that a process has started, and which are alive.
pub fn children(parent: u32) -> Vec<u32> {
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers.filter(|pid| stat(*pid).is_some_and(|stat| stat[0] != "Z" && stat[1] == parent.to_string())).collect()
}

/// Whether a process is there and has not ended.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat[0] != "Z")
}

/// How long a process has computed, in the clock's ticks of 10 ms.
pub fn ticks(pid: u32) -> u64 {
    stat(pid).map_or(0, |stat| stat[11].parse().unwrap())
}

/// Whether a process has a thread of this name.
pub fn has_thread(pid: u32, name: &str) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads
        .into_iter()
        .any(|thread| read_to_string(thread.unwrap().path().join("comm")).is_ok_and(|found| found.trim_end() == name))
}

/// Whether a process handles a signal, by its number.
pub fn hears(pid: u32, signal: u32) -> bool {
    let status = read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let handled = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    handled.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (signal - 1)) != 0)
}

/// Whether a process has a file in this folder open, be it one without a name.
pub fn has_open_file(pid: u32, folder: &std::path::Path) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.into_iter().any(|file| std::fs::read_link(file.path()).is_ok_and(|target| target.starts_with(folder)))
}

/// What is said of a process, from its state on; nothing of one that is gone.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = text.rsplit_once(") ")?;
    Some(after.split(' ').map(str::to_owned).collect())
}

/// Looks again and again until there is something to see.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..60_000 {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("{what} is not to be seen");
}

/// Sends a signal to a process, or to a group of them, as `-GROUP`.
#[track_caller]
pub fn signal(name: &str, to: &str) {
    let status = std::process::Command::new("kill").args(["-s", name, "--", to]).status().unwrap();
    assert!(status.success(), "{name} to {to}");
}
