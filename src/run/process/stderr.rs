use std::io::{self, Read};
use std::process::ChildStderr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::listener::Listener;

/// So much of what a process says last is kept while it runs: a stack may be long, and what it is about stands before it.
const KEPT: usize = 1 << 16;

/// So many characters of it are told, at most.
const TOLD: usize = 1 << 13;

/// The last words of a process on its standard error.
pub(super) struct LastWords {
    text: Arc<Mutex<Vec<u8>>>,
    listener: Listener,
}

impl LastWords {
    /// Listens to a process until it ends.
    pub(super) fn of(mut stderr: ChildStderr) -> io::Result<Self> {
        let text = Arc::new(Mutex::new(Vec::new()));
        let kept = text.clone();
        let listener = Listener::start("leafhold-stderr", move || {
            let mut buffer = [0; 1 << 12];
            loop {
                match stderr.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        let mut text = kept.lock();
                        text.extend_from_slice(&buffer[..count]);
                        let surplus = text.len().saturating_sub(KEPT);
                        text.drain(..surplus);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        })?;
        Ok(LastWords { text, listener })
    }

    /// The words, once the process has ended.
    pub(super) fn take(&mut self) -> String {
        self.listener.join();
        told(&String::from_utf8_lossy(&std::mem::take(&mut *self.text.lock())))
    }
}

/// The last of the words, without the frames of stacks.
fn told(words: &str) -> String {
    let lines: Vec<&str> = words.lines().filter(|line| !is_of_a_stack(line)).collect();
    let words = lines.join("\n");
    let surplus = words.chars().count().saturating_sub(TOLD);
    words.chars().skip(surplus).collect::<String>().trim().to_owned()
}

/// Whether a line is one of those that Rust prints for `RUST_BACKTRACE`.
fn is_of_a_stack(line: &str) -> bool {
    let frame = line.trim_start();
    let number = frame.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_frame = number.len() < frame.len() && number.starts_with(": ");
    frame == "stack backtrace:" || frame.len() < line.len() && (is_frame || frame.starts_with("at "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_said_is_told_without_its_stack() {
        let frames: String =
            (0..900).map(|at| format!("{at:>4}: some::function\n             at ./src/some.rs:1:2\n")).collect();
        let words =
            format!("memory allocation of 7 bytes failed\nstack backtrace:\n{frames}note: Some details are omitted\n");
        assert_eq!(told(&words), "memory allocation of 7 bytes failed\nnote: Some details are omitted");
        // Other lines with numbers stay.
        assert_eq!(told("1: one\n  2 at a time\n"), "1: one\n  2 at a time");
        assert_eq!(told(&"x".repeat(3 * TOLD)).len(), TOLD);
    }
}
