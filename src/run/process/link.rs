//! The driver's end of the connection to a worker process.

use std::io::{self, ErrorKind, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::listener::Listener;
use super::process_group::ProcessGroup;
use super::{ProcessOptions, Transport};

/// How long a driver waits for a worker's word before it looks whether it should tell it something.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// A process, and how to talk to it. Reading gives [`ErrorKind::TimedOut`] or `WouldBlock` when nothing comes
/// for a [`TICK`].
pub(super) struct Link {
    pub(super) process: ProcessGroup,
    pub(super) reader: Box<dyn Read + Send>,
    pub(super) writer: Box<dyn Write + Send>,
    /// What copies the process's output, where a thread has to; it ends with the process.
    pub(super) pump: Option<Listener>,
}

impl Link {
    /// Starts a process. Its standard error is the caller's to take.
    pub(super) fn start(mut command: Command, options: &ProcessOptions) -> io::Result<Link> {
        command.stderr(Stdio::piped());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            // A Ctrl-C in a terminal is the driver's to hear, which then cancels its run in order.
            command.process_group(0);
        }
        match options.transport {
            #[cfg(unix)]
            Transport::Socket => Link::socket(command, options),
            Transport::Pipes => Link::pipes(command),
        }
    }

    #[cfg(unix)]
    fn socket(mut command: Command, options: &ProcessOptions) -> io::Result<Link> {
        use std::os::fd::OwnedFd;
        use std::os::unix::net::UnixStream;

        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(TICK))?;
        ours.set_write_timeout(Some(options.silence))?;
        let reader = Box::new(ours.try_clone()?);
        let process = ProcessGroup::of(command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).spawn()?);
        // With the command goes our copy of the worker's end: its death is the end of the stream.
        drop(command);
        Ok(Link { process, reader, writer: Box::new(ours), pump: None })
    }

    fn pipes(mut command: Command) -> io::Result<Link> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(writer), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        let mut process = ProcessGroup::of(child);
        let (sender, parts) = sync_channel(16);
        let pump = move || {
            let mut buffer = vec![0; 1 << 16];
            loop {
                let part = match output.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => Ok(buffer[..count].to_vec()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let last = part.is_err();
                if sender.send(part).is_err() || last {
                    return;
                }
            }
        };
        let pump = Listener::start("leafhold-pump", pump).inspect_err(|_| {
            process.end();
        })?;
        let reader = Box::new(Parts { parts, part: Vec::new(), used: 0 });
        Ok(Link { process, reader, writer: Box::new(writer), pump: Some(pump) })
    }
}

/// What a pump has read.
struct Parts {
    parts: Receiver<io::Result<Vec<u8>>>,
    part: Vec<u8>,
    used: usize,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.part.len() {
            match self.parts.recv_timeout(TICK) {
                Ok(part) => (self.part, self.used) = (part?, 0),
                Err(RecvTimeoutError::Timeout) => return Err(ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.part.len() - self.used);
        buffer[..count].copy_from_slice(&self.part[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}
