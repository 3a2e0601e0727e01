//! Runs the binary as a user does.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a process said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Fails unless it went well.
    #[track_caller]
    pub fn ok(self) -> Said {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Fails unless it ended with this exit code and a message, and left nothing on standard output.
    #[track_caller]
    pub fn fails(self, code: i32, messages: &[&str]) -> Said {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        assert_eq!(self.out, "", "half-written");
        for message in messages {
            assert!(self.err.contains(message), "no {message:?} in:\n{}", self.err);
        }
        for leak in ["panicked", "RUST_BACKTRACE", "stack backtrace", "src/"] {
            assert!(!self.err.contains(leak), "{leak:?} in:\n{}", self.err);
        }
        self
    }
}

pub fn leafhold(args: &[&str]) -> Said {
    with_input(args, "")
}

pub fn with_input(args: &[&str], input: &str) -> Said {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A command that reads no input closes it early.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let said = child.wait_with_output().unwrap();
    writer.join().unwrap();
    from(said)
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leafhold"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn from(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file that goes with the test.
pub struct TempFile(pub PathBuf);

impl TempFile {
    pub fn new(name: &str, content: impl AsRef<[u8]>) -> TempFile {
        // Tests of one process run at the same time, and may use one name.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let (process, number) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("leafhold-cli-{process}-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        TempFile(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(folder) = self.0.parent() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
