//! The thread that polls `std` futures: all of them share it, and it sleeps while none can go on.
//!
//! A future that is being polled is owned by whoever can wake it, and by nobody else. So one that nobody
//! can wake any more is dropped, and the promise inside it says that its data are lost, instead of letting
//! a run wait for ever.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Weak};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A future on its way.
pub(super) struct Polled {
    state: Mutex<State>,
    queued: AtomicBool,
}

enum State {
    Idle(Work),
    /// The thread has it.
    Polling,
    /// Done or cancelled.
    Gone,
}

static QUEUE: LazyLock<Mutex<Sender<Arc<Polled>>>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<Arc<Polled>>();
    std::thread::Builder::new()
        .name("leafhold-futures".into())
        .spawn(move || receiver.into_iter().for_each(|polled| contain(|| poll(polled))))
        .expect("the operating system gives a thread for futures");
    Mutex::new(sender)
});

/// Polls a future to its end. `make` gets what cancels it.
pub(super) fn drive(make: impl FnOnce(Weak<Polled>) -> Work) {
    let polled = Arc::new_cyclic(|polled| Polled {
        state: Mutex::new(State::Idle(make(polled.clone()))),
        queued: AtomicBool::new(false),
    });
    polled.wake();
}

/// Drops a future that nobody needs any more.
pub(super) fn cancel(polled: &Weak<Polled>) {
    if let Some(polled) = polled.upgrade() {
        let state = std::mem::replace(&mut *polled.state.lock(), State::Gone);
        contain(|| drop(state));
    }
}

impl Wake for Polled {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            // The receiver lives as long as the process; should it be gone, the future is dropped.
            let unheard = QUEUE.lock().send(self);
            drop(unheard);
        }
    }
}

fn poll(polled: Arc<Polled>) {
    // Before the poll, so that a wake during it is not missed.
    polled.queued.store(false, Ordering::Release);
    // Polled outside the lock: cancelling must not wait for it.
    let mut state = polled.state.lock();
    if !matches!(*state, State::Idle(_)) {
        return;
    }
    let before = std::mem::replace(&mut *state, State::Polling);
    drop(state);
    let State::Idle(mut work) = before else { return };
    let waker = Waker::from(polled.clone());
    let done = work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
    let mut state = polled.state.lock();
    match &*state {
        State::Polling if !done => *state = State::Idle(work),
        _ => {
            *state = State::Gone;
            drop(state);
            drop(work);
        }
    }
}

/// A future's code that panics harms nobody but itself.
fn contain(code: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(code)) {
        tracing::error!("a future panicked while it was let go: {}", super::panic_text(&*panic));
    }
}

/// A future whose panics are values.
pub(super) struct Contained<F>(Pin<Box<F>>);

impl<F: Future> Contained<F> {
    pub(super) fn new(future: F) -> Self {
        Contained(Box::pin(future))
    }
}

impl<F: Future> Future for Contained<F> {
    /// What it gave, or the message of its panic.
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(super::panic_text(&*panic))),
        }
    }
}
