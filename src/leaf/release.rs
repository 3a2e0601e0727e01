//! The queue from which futures are released.
//!
//! Letting go of the last handle may happen anywhere: under a caller's lock, in a destructor, while
//! an interpreter lock is held. An engine's release code is foreign code, so it runs here, on a
//! thread of its own, and a panic in it reaches nobody.

use std::cell::Cell;
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

/// Jobs in the queue that jobs have put there: a future's data may hold the last handle of another one.
static CAUSED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static ON_QUEUE: Cell<bool> = const { Cell::new(false) };
}

/// A job, and whether another job has caused it.
type Entry = (Job, bool);

static QUEUE: LazyLock<Mutex<Sender<Entry>>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<Entry>();
    let work = move || {
        ON_QUEUE.set(true);
        for (job, caused) in receiver {
            carry_out(job);
            CAUSED.fetch_sub(u64::from(caused), Ordering::AcqRel);
        }
    };
    std::thread::Builder::new()
        .name("leafhold-release".into())
        .spawn(work)
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
        // Behind what has been caused meanwhile; all of that comes from jobs, so there is an end to it.
        Job::Drained(done) if CAUSED.load(Ordering::Acquire) > 0 => put((Job::Drained(done), false)),
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

/// Waits until every release requested so far has been carried out, with all that these caused. Release code
/// that calls it is not made to wait for itself.
pub fn drain() {
    if ON_QUEUE.get() {
        return;
    }
    let (sender, receiver) = channel();
    send(Job::Drained(sender));
    let _ = receiver.recv();
}

fn send(job: Job) {
    let caused = ON_QUEUE.get();
    CAUSED.fetch_add(u64::from(caused), Ordering::AcqRel);
    put((job, caused));
}

fn put(entry: Entry) {
    // The receiver lives as long as the process; should it be gone, the job is dropped unheard.
    let unheard = QUEUE.lock().send(entry);
    drop(unheard);
}
