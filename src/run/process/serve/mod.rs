//! The worker's side: tasks in, answers out.

mod worker;

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use self::worker::Worker;
use super::ProtocolError;
use super::frame::{FrameKind, FrameReader};
use super::inbox::Inbox;
use super::message::{Hello, write};
use super::outbox::Outbox;
use crate::expr::wire::ReadContext;
use crate::leaf::panic_text;
use crate::run::Kernels;
use crate::run::host::host;
use crate::run::work::WorkObservers;

/// Serves one driver: runs the tasks that come in on `reader`, one after the other, and answers on `writer`.
///
/// Fragments are read with `context`, so it needs the functions, and perhaps the codec, of the engine whose
/// kernels these are. Tasks run on the calling thread. While one runs, a second thread hears what the driver
/// says (a cancellation sets [`TaskContext::cancelled`](crate::run::TaskContext::cancelled)), and a third says that the
/// worker is alive. A kernel that panics, fails, or is cancelled is an answer, and the next task is taken; so is a codec
/// that panics. `observers` are those that a run may ask for, by name; the driver hears which there are.
///
/// Returns when the driver has gone away: at once, or when the task that runs has ended, for which it is
/// cancelled. [`worker_process`](super::worker_process) is this for a process of its own, which
/// does not wait for it.
///
/// # Errors
/// A driver of another version, and one that breaks the [protocol](super); a panic of the worker's own.
pub fn serve(
    kernels: &dyn Kernels,
    observers: &WorkObservers,
    context: &ReadContext<'_>,
    reader: impl Read + Send,
    writer: impl Write + Send,
) -> Result<(), ProtocolError> {
    serve_until(kernels, observers, context, reader, writer, &|_, _| ())
}

/// The same, and calls `gone` as soon as the driver is, while a task may still run, or when nobody will run tasks any more.
pub(super) fn serve_until(
    kernels: &dyn Kernels,
    observers: &WorkObservers,
    context: &ReadContext<'_>,
    reader: impl Read + Send,
    writer: impl Write + Send,
    gone: &(dyn Fn(&Inbox, &Result<(), ProtocolError>) + Sync),
) -> Result<(), ProtocolError> {
    let clock = Instant::now();
    let outbox = Outbox::new(writer);
    let mut frames = FrameReader::new(reader);
    let known = observers.names().cloned().collect();
    let hello = Hello { host: host().to_owned(), observers: known, ..Hello::new("worker") };
    outbox.send(FrameKind::Hello, &write(&hello)?)?;
    let Some(frame) = frames.next()? else { return Err(ProtocolError::Blocked) };
    let driver = Hello::read(&frame, "driver")?;
    let heartbeat = Duration::from_micros(driver.heartbeat_us.max(1000));
    let (jobs, queue) = channel();
    let inbox = Inbox::default();
    std::thread::scope(|scope| {
        let (inbox, outbox) = (&inbox, &outbox);
        let listening = scope.spawn(move || {
            let heard = inbox.listen(frames, jobs, outbox, clock);
            gone(inbox, &heard);
            outbox.close();
            heard
        });
        scope.spawn(|| outbox.keep_alive(heartbeat));
        let worker = Worker::new(kernels, observers, context, (inbox, outbox), clock);
        let worked = catch_unwind(AssertUnwindSafe(|| worker.work(queue)));
        // Who does not work must not say so for ever.
        outbox.close();
        let worked = worked.unwrap_or_else(|panic| {
            inbox.end();
            let panicked = Err(ProtocolError::Panic(panic_text(&*panic)));
            gone(inbox, &panicked);
            panicked
        });
        // The listener has seen the end of the stream, or will: an error here means that the driver is gone, or
        // is about to hear that this worker is.
        worked?;
        listening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};

    use super::super::frame::head;
    use super::*;
    use crate::expr::CoreFunctions;
    use crate::lower::Fragment;
    use crate::run::{KernelError, SlotData, TaskContext, TaskOutput};

    struct NoKernels;

    impl Kernels for NoKernels {
        fn run(&self, _: &Fragment, _: Vec<SlotData>, _: &TaskContext) -> Result<TaskOutput, KernelError> {
            Ok(TaskOutput::default())
        }
    }

    /// Panics as soon as there is an answer to write.
    struct Touchy;

    impl Write for Touchy {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            assert_ne!(bytes[0], FrameKind::Answer as u8, "who writes is touchy");
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A driver that has said something, and is there until the worker is no more, or it has waited too long for that.
    struct Driver<'a> {
        said: &'a [u8],
        is_over: Receiver<()>,
        waited: Sender<RecvTimeoutError>,
    }

    impl Read for Driver<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.said.is_empty()
                && let Err(error) = self.is_over.recv_timeout(Duration::from_secs(60))
            {
                let _ = self.waited.send(error);
            }
            self.said.read(buffer)
        }
    }

    #[test]
    fn a_worker_that_panics_where_none_should_is_over() {
        let frame = |kind, body: &[u8]| [&head(kind, body.len())[..], body].concat();
        let hello = write(&Hello { heartbeat_us: 1000, ..Hello::new("driver") }).unwrap();
        let fragment = "0".repeat(64);
        let task =
            format!("{{\"attempt\":1,\"fragment\":\"{fragment}\",\"partition\":0,\"run_started_ns\":0,\"inputs\":[]}}");
        let said = [frame(FrameKind::Hello, &hello), frame(FrameKind::Task, task.as_bytes())].concat();
        let ((over, is_over), (waited, waits)) = (channel(), channel());
        let context = ReadContext::new(&CoreFunctions);
        let gone = |inbox: &Inbox, heard: &Result<(), ProtocolError>| {
            assert!(inbox.is_idle(), "nobody waits for the task");
            if heard.is_err() {
                let _ = over.send(());
            }
        };
        let driver = Driver { said: &said, is_over, waited };
        let served = serve_until(&NoKernels, &WorkObservers::none(), &context, driver, Touchy, &gone);
        assert!(
            matches!(&served, Err(ProtocolError::Panic(words)) if words.contains("who writes is touchy")),
            "{served:?}"
        );
        assert_eq!(waits.try_iter().collect::<Vec<_>>(), [], "the driver hears of it");
    }
}
