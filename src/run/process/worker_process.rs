use std::time::{Duration, Instant};

use super::ProtocolError;
use super::inbox::Inbox;
use super::serve::serve_until;
use crate::expr::wire::ReadContext;
use crate::run::Kernels;
use crate::run::panics::keep_panic_traces;
use crate::run::work::WorkObservers;

/// How long a task may clean up when the driver is gone.
const GRACE: Duration = Duration::from_millis(500);

/// [`serve`](super::serve) as all that a process does: the program that
/// [`ProcessExecutor`](super::ProcessExecutor) starts calls this first, and ends with it.
///
/// The driver is at the other end of the process's standard input, which is a Unix socket; where it is none,
/// answers go to standard output, and nothing else may print there. When the driver goes away, the process
/// ends: a task that runs is cancelled, and has half a second. Panics of kernels carry a trace.
///
/// # Errors
/// A driver of another version, and one that breaks the protocol.
pub fn worker_process(
    kernels: &dyn Kernels,
    observers: &WorkObservers,
    context: &ReadContext<'_>,
) -> Result<(), ProtocolError> {
    keep_panic_traces();
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        use std::os::unix::net::UnixStream;

        let stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        // Only of a socket.
        if stream.local_addr().is_ok() {
            return serve_until(kernels, observers, context, stream.try_clone()?, stream, &leave);
        }
    }
    serve_until(kernels, observers, context, std::io::stdin(), std::io::stdout(), &leave)
}

/// Ends the process, whatever the task does that runs.
fn leave(inbox: &Inbox, heard: &Result<(), ProtocolError>) {
    let deadline = Instant::now() + GRACE;
    while !inbox.is_idle() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    if let Err(error) = heard {
        // The driver collects what is said here, should it still be there.
        eprintln!("error: {error}");
        std::process::exit(1);
    }
    std::process::exit(0);
}
