//! The queue from which futures are released.
//!
//! Letting go of the last handle may happen anywhere: under a caller's lock, in a destructor, while
//! an interpreter lock is held. An engine's release code is foreign code, so it runs here, on a
//! thread of its own, and a panic in it reaches nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use parking_lot::Mutex;

use super::RemoteFuture;

enum Job {
    Release(Box<dyn RemoteFuture>),
    Discard(Box<dyn RemoteFuture>),
    Drained(Sender<()>),
}

static RELEASED: AtomicU64 = AtomicU64::new(0);

static QUEUE: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<Job>();
    std::thread::Builder::new()
        .name("leafhold-release".into())
        .spawn(move || receiver.into_iter().for_each(carry_out))
        .expect("the operating system gives a thread for releases");
    Mutex::new(sender)
});

fn carry_out(job: Job) {
    match job {
        Job::Release(future) => {
            // Apart, so that a panic in both is two caught panics and not an abort.
            let released = catch_unwind(AssertUnwindSafe(|| future.release()));
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
            if released.is_err() || dropped.is_err() {
                tracing::error!("an engine panicked while releasing a future");
            }
            RELEASED.fetch_add(1, Ordering::AcqRel);
        }
        Job::Discard(future) => {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
        }
        Job::Drained(done) => {
            let _ = done.send(());
        }
    }
}

pub(super) fn request(future: Box<dyn RemoteFuture>) {
    send(Job::Release(future));
}

pub(super) fn discard(future: Box<dyn RemoteFuture>) {
    send(Job::Discard(future));
}

pub(super) fn released() -> u64 {
    RELEASED.load(Ordering::Acquire)
}

/// Waits until every release requested so far has been carried out.
pub fn drain() {
    let (sender, receiver) = channel();
    send(Job::Drained(sender));
    let _ = receiver.recv();
}

fn send(job: Job) {
    // The receiver lives as long as the process; should it be gone, the job is dropped unheard.
    let _ = QUEUE.lock().send(job);
}
