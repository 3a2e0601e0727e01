use std::io::{self, Read};
use std::process::ChildStderr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::listener::Listener;

/// So much of what a process says last is kept.
const KEPT: usize = 1 << 13;

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
        String::from_utf8_lossy(&std::mem::take(&mut *self.text.lock())).trim().to_owned()
    }
}
