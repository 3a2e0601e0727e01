use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How long what a process has said last may take to be heard.
const HEARING: Duration = Duration::from_secs(1);

/// A thread that reads what a process says, until nobody can say anything there.
pub(super) struct Listener(Option<(JoinHandle<()>, Receiver<Infallible>)>);

impl Listener {
    pub(super) fn start(name: &str, listen: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (listening, ends) = channel();
        let listen = move || {
            listen();
            drop(listening);
        };
        let thread = Builder::new().name(name.into()).spawn(listen)?;
        Ok(Listener(Some((thread, ends))))
    }

    /// Waits for the thread, of a process that has ended. What that has started may outlive it, with its streams: then the
    /// thread goes on alone, and ends with the last who has them.
    pub(super) fn join(&mut self) {
        let Some((thread, ends)) = self.0.take() else { return };
        if let Err(RecvTimeoutError::Disconnected) = ends.recv_timeout(HEARING) {
            let _ = thread.join();
        }
    }
}
