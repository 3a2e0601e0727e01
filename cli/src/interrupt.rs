//! Ctrl-C, and what else asks a program to end: a run is cancelled and reported, not torn down.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use leafhold::lower::TaskGraph;
use leafhold::run::{Canceller, Executor, Run};

/// The run under way.
static CANCELLER: Mutex<Option<Canceller>> = Mutex::new(None);
/// When the program was asked to end for the first time.
static ASKED: Mutex<Option<Instant>> = Mutex::new(None);
static PLANNED: AtomicBool = AtomicBool::new(false);
static LISTENING: Once = Once::new();

/// `timeout` tells a program, and then its whole group; of a terminal that closes, the system tells as well as the shell.
/// What comes again so soon is the same request.
const ECHO: Duration = Duration::from_secs(1);

/// Who asks the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    /// Somebody at the terminal.
    CtrlC,
    /// `kill`, `timeout`, whoever stops a service.
    #[cfg(unix)]
    Terminate,
    /// The terminal, which was closed.
    #[cfg(unix)]
    HangUp,
}

impl Request {
    /// What to answer.
    fn answer(self) -> &'static str {
        match self {
            Request::CtrlC => "cancelling; press Ctrl-C again to end at once",
            #[cfg(unix)]
            Request::Terminate => "cancelling, as SIGTERM asks for; a later one ends the program at once",
            #[cfg(unix)]
            Request::HangUp => "cancelling, as SIGHUP asks for; a later one ends the program at once",
        }
    }

    /// As a shell says of what ended by this signal.
    fn exit_code(self) -> i32 {
        match self {
            Request::CtrlC => 130,
            #[cfg(unix)]
            Request::Terminate => 143,
            #[cfg(unix)]
            Request::HangUp => 129,
        }
    }

    /// Whether it is another request than the one that came so long ago. Nobody presses Ctrl-C twice and means once.
    fn is_new(self, since: Duration) -> bool {
        self == Request::CtrlC || since >= ECHO
    }
}

/// From now on, a request to end cancels the run that is under way. A second one ends the program at once; so does the
/// first, as long as there is no plan.
pub fn listen() {
    LISTENING.call_once(|| {
        if let Err(error) = system::listen() {
            say(&format!("warning: Ctrl-C will end the program at once: {error}"));
        }
    });
}

/// From now on there is something to cancel and to report: a plan that is about to run.
pub fn planned() {
    PLANNED.store(true, Ordering::SeqCst);
}

fn interrupt(request: Request) {
    match asked_before() {
        _ if !PLANNED.load(Ordering::SeqCst) => end(request),
        Some(since) if request.is_new(since) => end(request),
        Some(_) => {}
        None => {
            say(&format!("\n{}", request.answer()));
            let canceller = CANCELLER.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(canceller) = canceller {
                canceller.cancel();
            }
        }
    }
}

/// How long ago the first request came, unless this is it.
fn asked_before() -> Option<Duration> {
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    let since = asked.map(|first| first.elapsed());
    asked.get_or_insert_with(Instant::now);
    since
}

fn end(request: Request) -> ! {
    crate::file::abandon();
    std::process::exit(request.exit_code())
}

/// The terminal may be gone, which must not keep us from cancelling.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(unix)]
mod system {
    use std::io;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    use super::{Request, interrupt};

    pub fn listen() -> io::Result<()> {
        let mut signals =
            Signals::new(if hears_hang_up() { &[SIGINT, SIGTERM, SIGHUP][..] } else { &[SIGINT, SIGTERM] })?;
        let heard = move || signals.forever().for_each(|signal| interrupt(request(signal)));
        std::thread::Builder::new().name("signals".to_owned()).spawn(heard).map(drop)
    }

    fn request(signal: i32) -> Request {
        match signal {
            SIGTERM => Request::Terminate,
            SIGHUP => Request::HangUp,
            _ => Request::CtrlC,
        }
    }

    /// Whoever starts a program by `nohup` wants it to outlive the terminal. Where the system does not tell, it is left as
    /// it was.
    fn hears_hang_up() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        ignored
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask & (1 << (SIGHUP - 1)) == 0)
    }
}

#[cfg(not(unix))]
mod system {
    pub fn listen() -> Result<(), ctrlc::Error> {
        ctrlc::set_handler(|| super::interrupt(super::Request::CtrlC))
    }
}

/// An executor whose runs end when the program is asked to.
pub struct Interruptible<'a>(pub &'a dyn Executor);

impl Executor for Interruptible<'_> {
    fn submit(&self, graph: TaskGraph) -> Run {
        let run = self.0.submit(graph);
        let canceller = run.canceller();
        *CANCELLER.lock().unwrap_or_else(PoisonError::into_inner) = Some(canceller.clone());
        if ASKED.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            canceller.cancel();
        }
        run
    }

    fn hash_function(&self) -> Option<&str> {
        self.0.hash_function()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::{ECHO, Request};

    #[test]
    fn a_second_ctrl_c_always_counts_and_an_echo_of_a_signal_does_not() {
        assert!(Request::CtrlC.is_new(Duration::ZERO));
        for request in [Request::Terminate, Request::HangUp] {
            assert!(!request.is_new(Duration::from_millis(5)) && request.is_new(ECHO));
        }
    }
}
