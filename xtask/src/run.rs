//! Runs steps, says how each went, and closes with what the test runners counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use crate::step::Step;

/// Runs all steps, also after one has failed, so that one run tells everything.
pub fn run(root: &Path, steps: Vec<Step>) -> ExitCode {
    let start = Instant::now();
    let count = steps.len();
    let counted = Mutex::new(Vec::new());
    let mut outcomes = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        println!("==> [{}/{count}] {}: {}", at + 1, step.name, step.text());
        let begin = Instant::now();
        let failure = carry_out(root, step, &counted).err();
        let seconds = begin.elapsed().as_secs_f64();
        match &failure {
            None => println!("==> [{}/{count}] ok in {seconds:.1} s", at + 1),
            Some(failure) => println!("==> [{}/{count}] FAILED in {seconds:.1} s: {failure}", at + 1),
        }
        outcomes.push((step, seconds, failure));
    }
    println!("\n==> summary");
    counted.lock().unwrap_or_else(|error| error.into_inner()).iter().for_each(|line| println!("{line}"));
    for (step, seconds, failure) in &outcomes {
        println!("{} {seconds:8.1} s  {}", if failure.is_none() { "ok    " } else { "FAILED" }, step.name);
    }
    let failed = outcomes.iter().filter(|(_, _, failure)| failure.is_some()).count();
    println!("==> {} of {count} steps ok, in {:.1} s", count - failed, start.elapsed().as_secs_f64());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn carry_out(root: &Path, step: &Step, counted: &Mutex<Vec<String>>) -> Result<(), String> {
    let mut command = step.command()?;
    command.current_dir(root);
    // Programs that ask for a terminal must not wait for one.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("it does not start: {error}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| stdout.map(|from| forward(from, std::io::stdout(), counted)));
        scope.spawn(|| stderr.map(|from| forward(from, std::io::stderr(), counted)));
    });
    let status = child.wait().map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err(status.to_string()),
    }
}

/// Whether a test runner counts in this line: cargo's, nextest, or pytest.
fn is_count(text: &str) -> bool {
    let pytest = || text.contains(" passed") && text.contains(" in ") && text.starts_with(|c: char| c.is_ascii_digit());
    text.starts_with("test result:") || (text.starts_with("Summary [") && text.contains("tests run:")) || pytest()
}

/// Passes lines on as they come, and keeps those in which a test runner counts.
fn forward(from: impl Read, mut to: impl Write, counted: &Mutex<Vec<String>>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // Whoever reads our output may go away; the step still runs to its end.
        let _ = to.write_all(&line);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if is_count(text) && !text.contains(" 0 passed; 0 failed; 0 ignored") {
            counted.lock().unwrap_or_else(|error| error.into_inner()).push(text.to_owned());
        }
        line.clear();
    }
    let _ = to.flush();
}

#[cfg(test)]
mod tests {
    use super::is_count;

    #[test]
    fn the_last_lines_of_test_runners_are_counts() {
        assert!(is_count("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"));
        assert!(is_count("Summary [   1.2s] 5 tests run: 5 passed, 0 skipped"));
        assert!(is_count("120 passed, 2 warnings in 35.61s"));
        assert!(is_count("1 failed, 119 passed in 35.61s"));
        assert!(!is_count("the test passed in time"));
    }
}
