//! Runs steps, says how each went, and closes with what the test runners counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::group::{Group, TICK};
use crate::step::Step;

/// How long what a step has started may take to end once it is asked to.
const GRACE: Duration = Duration::from_secs(20);

/// The lines in which test runners count.
type Counted = Arc<Mutex<Vec<String>>>;

/// Runs all steps, also after one has failed, so that one run tells everything.
pub fn run(root: &Path, steps: Vec<Step>) -> ExitCode {
    let start = Instant::now();
    let count = steps.len();
    let (counted, interrupted) = (Counted::default(), interrupted());
    let mut outcomes = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if interrupted.load(Ordering::SeqCst) {
            break;
        }
        println!("==> [{}/{count}] {}: {}", at + 1, step.name, step.text());
        let begin = Instant::now();
        let failure = carry_out(root, step, GRACE, &counted, &interrupted).err();
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
    let ok = outcomes.iter().filter(|(_, _, failure)| failure.is_none()).count();
    println!("==> {ok} of {count} steps ok, in {:.1} s", start.elapsed().as_secs_f64());
    if ok == count { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Set as soon as somebody wants us to end: a step does not hear of it by itself.
fn interrupted() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let heard = interrupted.clone();
    if let Err(error) = ctrlc::set_handler(move || heard.store(true, Ordering::SeqCst)) {
        eprintln!("warning: Ctrl-C will end this program, and not the step under way: {error}");
    }
    interrupted
}

/// Carries out a step. Nothing that it has started goes on when this is back, unless it has left the step's group.
fn carry_out(
    root: &Path,
    step: &Step,
    grace: Duration,
    counted: &Counted,
    interrupted: &AtomicBool,
) -> Result<(), String> {
    let mut command = step.command()?;
    command.current_dir(root);
    // Programs that ask for a terminal must not wait for one.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(command).map_err(|error| format!("it does not start: {error}"))?;
    let (stdout, stderr) = group.outputs();
    let readers = [pass_on(stdout, std::io::stdout(), counted), pass_on(stderr, std::io::stderr(), counted)];
    let has_said_all = || readers.iter().all(JoinHandle::is_finished);
    let deadline = Instant::now() + step.limit;
    let broken_off = loop {
        match group.status() {
            // What goes on in the background holds the other ends of the pipes.
            Ok(Some(status)) if has_said_all() => {
                return if status.success() { Ok(()) } else { Err(status.to_string()) };
            }
            Ok(_) if interrupted.load(Ordering::SeqCst) => break "it was interrupted".to_owned(),
            Ok(_) if Instant::now() > deadline => {
                let limit = step.limit.as_secs_f64();
                break format!(
                    "`{}` was not over within its limit of {limit} s, and was ended with all that it had started",
                    step.name
                );
            }
            Ok(_) => std::thread::sleep(TICK),
            Err(error) => break error.to_string(),
        }
    };
    group.end(grace);
    // Its last words; whoever has left the group may hold the pipes for ever.
    let until = Instant::now() + Duration::from_secs(1);
    while !has_said_all() && Instant::now() < until {
        std::thread::sleep(TICK);
    }
    Err(broken_off)
}

/// Passes on what a step says, on a thread that nobody has to wait for.
fn pass_on(
    from: Option<impl Read + Send + 'static>,
    to: impl Write + Send + 'static,
    counted: &Counted,
) -> JoinHandle<()> {
    let counted = counted.clone();
    std::thread::spawn(move || {
        if let Some(from) = from {
            forward(from, to, &counted);
        }
    })
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

    #[cfg(unix)]
    mod limits {
        use std::path::Path;
        use std::process::Command;
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::time::{Duration, Instant};

        use crate::run::{Counted, carry_out};
        use crate::step::{Program, Step};

        /// What becomes of some words of a shell within a limit. They have as much to end.
        fn shell(words: &str, limit: Duration, interrupted: &AtomicBool) -> Result<(), String> {
            let step = Step::new("some words", Program::Path("sh".into()), ["-c", words]).within(limit);
            carry_out(Path::new("."), &step, limit, &Counted::default(), interrupted)
        }

        /// Asserts that no process is left whose command has this word. Those that were killed may take a moment.
        fn assert_gone(word: &str) {
            let until = Instant::now() + Duration::from_secs(10);
            loop {
                let all = Command::new("ps").args(["-A", "-o", "args="]).output().unwrap();
                let all = String::from_utf8_lossy(&all.stdout).into_owned();
                let left: Vec<_> = all.lines().filter(|line| line.contains(word)).collect();
                if left.is_empty() {
                    return;
                }
                assert!(Instant::now() < until, "{left:?}");
                std::thread::sleep(Duration::from_millis(10));
            }
        }

        #[test]
        fn a_step_that_is_over_in_time_says_how_it_went() {
            let shell = |words| shell(words, Duration::from_secs(60), &AtomicBool::new(false));
            assert_eq!(shell("exit 0"), Ok(()));
            assert_eq!(shell("exit 3"), Err("exit status: 3".to_owned()));
        }

        #[test]
        fn a_step_beyond_its_limit_fails_and_ends_with_all_that_it_has_started() {
            let message =
                "`some words` was not over within its limit of 0.3 s, and was ended with all that it had started";
            for (words, mark) in [
                ("sleep 611.1 & sleep 611.1; exit 0", "sleep 611.1"),
                // It does not listen.
                ("trap '' TERM; sleep 611.2 & sleep 611.2; exit 0", "sleep 611.2"),
                // It is over, and what it has left behind is not.
                ("sleep 611.3 & exit 0", "sleep 611.3"),
                ("trap '' TERM; sleep 611.4 & exit 0", "sleep 611.4"),
            ] {
                let begin = Instant::now();
                let result = shell(words, Duration::from_millis(300), &AtomicBool::new(false));
                assert_eq!(result, Err(message.to_owned()), "{words}");
                assert!(begin.elapsed() < Duration::from_secs(60), "{words}: {:?}", begin.elapsed());
                assert_gone(mark);
            }
        }

        #[test]
        fn a_step_that_is_interrupted_ends_with_all_that_it_has_started() {
            let interrupted = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(100));
                    interrupted.store(true, Ordering::SeqCst);
                });
                let result = shell("sleep 611.5 & sleep 611.5; exit 0", Duration::from_secs(60), &interrupted);
                assert_eq!(result, Err("it was interrupted".to_owned()));
            });
            assert_gone("sleep 611.5");
        }
    }
}
