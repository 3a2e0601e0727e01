//! A table's file that makes whoever reads it wait, after the plan was made: what happens meanwhile is the test's choice.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command};
use std::thread::JoinHandle;

use crate::process::command;

/// The totals of `sales`.
pub const TOTALS: &str = "region,amount\nnorth,10\nsouth,20\nnorth,30\n";

/// A folder with the file `sales.csv`. It goes with the test.
pub struct HeldFile(PathBuf);

/// A run whose plan is made, and printed in part.
pub struct Begun {
    pub child: Child,
    pub err: ChildStderr,
    out: JoinHandle<String>,
}

impl HeldFile {
    pub fn new(name: &str) -> HeldFile {
        let name = format!("held-{name}-{}", std::process::id());
        let file = HeldFile(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        std::fs::create_dir_all(&file.0).unwrap();
        std::fs::write(file.0.join("sales.csv"), TOTALS).unwrap();
        file
    }

    /// Starts a run that reads the file, and puts a pipe in its place before the first task begins: who opens that waits.
    pub fn run(&self, how: &[&str]) -> Begun {
        // A plan that no pipe of the system takes at once: the run does not begin before we have read it.
        let text = "x".repeat(100_000);
        let query = format!(
            "select region, sum(amount) as total from sales where region <> '{text}' group by region order by region"
        );
        let table = format!("sales={}", self.0.join("sales.csv").display());
        let args = [&["run", "-c", &query, "--table", &table, "--report", "table"], how].concat();
        let mut child = command(&args).spawn().unwrap();
        let (mut out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let mut first = [0];
        out.read_exact(&mut first).unwrap();
        std::fs::rename(self.0.join("sales.csv"), self.0.join("kept.csv")).unwrap();
        assert!(Command::new("mkfifo").arg(self.0.join("pipe")).status().unwrap().success());
        std::fs::hard_link(self.0.join("pipe"), self.0.join("sales.csv")).unwrap();
        let out = std::thread::spawn(move || {
            let mut rest = String::new();
            out.read_to_string(&mut rest).unwrap();
            rest
        });
        Begun { child, err, out }
    }

    /// Waits until somebody reads the pipe, and gives its other end: they wait on until that is closed.
    pub fn reader(&self) -> File {
        OpenOptions::new().write(true).open(self.0.join("pipe")).unwrap()
    }

    /// The file is what it was. Whoever still comes to the pipe finds, for as long as they need, that it is no file.
    pub fn give_back(&self) -> File {
        std::fs::rename(self.0.join("kept.csv"), self.0.join("sales.csv")).unwrap();
        OpenOptions::new().read(true).write(true).open(self.0.join("pipe")).unwrap()
    }
}

impl Begun {
    /// Waits for its end: exit code, standard output, and what is left of standard error.
    pub fn end(mut self) -> (Option<i32>, String, String) {
        let mut err = String::new();
        self.err.read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), self.out.join().unwrap(), err)
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
