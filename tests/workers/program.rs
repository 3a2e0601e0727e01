//! The worker program: this test program, started with the name of one of its tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use leafhold::expr::CoreFunctions;
use leafhold::expr::wire::ReadContext;
use leafhold::run::process::{ProcessOptions, ProcessWorkers, worker_process};
use leafhold::run::work::WorkObservers;

use crate::behaviour::{Behaving, CENSUS, begun};
use crate::families::found_family;
use crate::functions::Functions;
use crate::tamper::{Tampering, serve_tampered};
use crate::witness::observers;

const MODE: &str = "LEAFHOLD_TEST_WORKER";

/// Not a test, but the worker: it does nothing unless a driver has started it.
#[test]
fn worker_program() {
    let Ok(mode) = std::env::var(MODE) else { return };
    if let Some(census) = std::env::var_os(CENSUS) {
        std::fs::write(Path::new(&census).join(std::process::id().to_string()), b"").unwrap();
        found_family(census.into());
    }
    let context = ReadContext::new(&CoreFunctions).with_codec(&Functions);
    let served = match mode.strip_prefix("honest") {
        // What the driver takes for granted.
        Some("-and-alone") => worker_process(&Behaving::default(), &WorkObservers::default(), &context),
        Some(_) => worker_process(&Behaving::default(), &observers(), &context),
        None => serve_tampered(&Behaving::default(), &context, Tampering::of(&mode)),
    };
    if let Err(error) = served {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

/// What starts worker processes, and knows of each.
pub struct Census {
    folder: PathBuf,
}

impl Census {
    pub fn new() -> Arc<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("test-census-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let census = Census { folder };
        std::fs::create_dir(census.temporary()).unwrap();
        Arc::new(census)
    }

    /// The folder for temporary files of these workers and of their driver, and of nobody else.
    pub fn temporary(&self) -> PathBuf {
        self.folder.join("temporary")
    }

    /// The command that starts a worker of some mode.
    pub fn command(&self, mode: &str) -> Command {
        let program = std::env::current_exe().unwrap();
        let mut command = match mode {
            "pipes" => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "exec \"$0\" \"$@\" 3>&1 >/dev/null"]).arg(program);
                shell
            }
            // Room for the program, and little more.
            "honest-and-small" => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "ulimit -v 1500000; exec \"$0\" \"$@\""]).arg(program);
                shell
            }
            _ => Command::new(program),
        };
        command.args(["program::worker_program", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(MODE, mode).env(CENSUS, &self.folder).env("TMPDIR", self.temporary());
        command
    }

    /// So many workers, which are all of the mode.
    pub fn workers(self: &Arc<Self>, mode: &'static str, slots: usize) -> ProcessWorkers {
        let census = self.clone();
        let workers = ProcessWorkers::new(Arc::new(Behaving::default()), slots, move || census.command(mode));
        workers.with_options(quick()).with_work_observers(observers())
    }

    /// So many workers, of which the first processes are of these modes, and all later ones honest.
    pub fn workers_that_begin(self: &Arc<Self>, modes: &'static [&'static str], slots: usize) -> ProcessWorkers {
        let (census, number) = (self.clone(), AtomicUsize::new(0));
        let command = move || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            census.command(modes.get(number).copied().unwrap_or("honest"))
        };
        let workers = ProcessWorkers::new(Arc::new(Behaving::default()), slots, command);
        workers.with_options(quick()).with_work_observers(observers())
    }

    /// The processes that were started so far.
    pub fn started(&self) -> Vec<u32> {
        let entries = std::fs::read_dir(&self.folder).unwrap();
        entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).collect()
    }

    /// The processes that workers have started as such.
    pub fn relatives(&self, family: &str) -> Vec<u32> {
        let paths = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let of_family = paths.filter(|path| path.extension().is_some_and(|extension| extension == family));
        of_family.filter_map(|path| path.file_stem()?.to_str()?.parse().ok()).collect()
    }

    /// How many bytes workers that count have heard, all of them together.
    pub fn heard(&self) -> u64 {
        let paths = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let heard = paths.filter(|path| path.extension().is_some_and(|extension| extension == "heard"));
        heard.map(|path| std::fs::read_to_string(path).unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Those that are there, dead ones that nobody has reaped included.
    pub fn left(&self) -> Vec<u32> {
        self.started().into_iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect()
    }

    /// Asserts that nothing is left of any process, and no temporary file.
    pub fn assert_nobody_left(&self) {
        let files = std::fs::read_dir(self.temporary()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(files.collect::<Vec<_>>(), Vec::<std::ffi::OsString>::new(), "temporary files");
        if cfg!(target_os = "linux") {
            assert_eq!(self.left(), Vec::<u32>::new(), "a worker process outlived its driver");
        }
    }

    /// Waits until a task says that it has begun under a number, and tells its process.
    pub fn wait_for_begun(&self, number: i64) -> u32 {
        let (note, until) = (begun(&self.folder, number), Instant::now() + Duration::from_secs(30));
        while !note.exists() {
            assert!(Instant::now() < until, "no task has begun under {number}");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::fs::read_to_string(note).unwrap().parse().unwrap()
    }

    /// Waits until a worker has come, and tells its number.
    pub fn wait_for(&self, count: usize) -> Vec<u32> {
        let until = Instant::now() + Duration::from_secs(30);
        while self.started().len() < count && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.started()
    }
}

impl Drop for Census {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Writes down how many bytes this worker has heard.
pub fn write_heard(bytes: u64) -> std::io::Result<()> {
    let Some(census) = std::env::var_os(CENSUS) else { return Ok(()) };
    std::fs::write(Path::new(&census).join(format!("{}.heard", std::process::id())), bytes.to_string())
}

/// Sends a signal to a process, which may be gone.
pub fn signal(name: &str, pid: u32) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).output();
}

/// Stops a process. The signal stops its threads one by one, so it is waited for: one that is left could answer yet.
pub fn stop(pid: u32) {
    signal("STOP", pid);
    let is_stopped = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name, which stands in parentheses and may hold any.
        stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('T'))
    };
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    while !threads().all(is_stopped) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Limits that a test can wait for, and that a busy machine keeps.
pub fn quick() -> ProcessOptions {
    ProcessOptions { silence: Duration::from_secs(3), stop: Duration::from_secs(2), ..ProcessOptions::default() }
}
