//! Ctrl-C: a run is cancelled and reported, not torn down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use leafhold::lower::TaskGraph;
use leafhold::run::{Canceller, Executor, Run};

/// The run under way.
static CANCELLER: Mutex<Option<Canceller>> = Mutex::new(None);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static LISTENING: Once = Once::new();

/// From now on, Ctrl-C cancels the run that is under way, or that begins next; a second one ends the program at once.
pub fn listen() {
    LISTENING.call_once(|| {
        if let Err(error) = ctrlc::set_handler(interrupt) {
            eprintln!("warning: Ctrl-C will end the program at once: {error}");
        }
    });
}

fn interrupt() {
    if INTERRUPTED.swap(true, Ordering::SeqCst) {
        crate::file::abandon();
        // As a shell says of what ended by this signal.
        std::process::exit(130);
    }
    eprintln!("\ncancelling; press Ctrl-C again to end at once");
    let canceller = CANCELLER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(canceller) = canceller {
        canceller.cancel();
    }
}

/// An executor whose runs Ctrl-C cancels.
pub struct Interruptible<'a>(pub &'a dyn Executor);

impl Executor for Interruptible<'_> {
    fn submit(&self, graph: TaskGraph) -> Run {
        let run = self.0.submit(graph);
        let canceller = run.canceller();
        *CANCELLER.lock().unwrap_or_else(PoisonError::into_inner) = Some(canceller.clone());
        if INTERRUPTED.load(Ordering::SeqCst) {
            canceller.cancel();
        }
        run
    }
}
