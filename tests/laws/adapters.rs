//! Handles to futures of runtimes, threads and channels.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use leafhold::leaf::{
    Fault, FutureErrorKind, FutureHandle, FutureStatus, FutureValue, LocalFuture, PartitionData, from_abortable,
    from_future, from_receiver, from_thread, ready, release, spawn, value,
};

use crate::engine::{batch, numbers};

fn rows(handle: &FutureHandle) -> usize {
    handle.wait().unwrap().iter().map(|batch| batch.num_rows()).sum()
}

fn table() -> arrow_array::RecordBatch {
    batch(&numbers(0..3))
}

#[test]
fn futures_of_any_runtime_become_handles() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let handles = [
        from_future("plain", async { table() }),
        from_future("batches", runtime.spawn(async { vec![table()] })),
        from_future("results", runtime.spawn(async { Ok::<_, std::io::Error>(table()) })),
        from_future("blocking", runtime.spawn_blocking(|| PartitionData::new(vec![table()]))),
        from_future("shared", async { PartitionData::new(vec![table()]) }.shared()),
        from_future("boxed", async { Ok::<_, String>(FutureValue::table(vec![table()])) }.boxed()),
        from_thread("thread", std::thread::spawn(|| Ok::<_, String>(table()))),
        spawn("spawned", table),
    ];
    for handle in &handles {
        assert_eq!(rows(handle), 3, "{handle:?}");
        let bytes = table().get_array_memory_size() as u64;
        assert_eq!(handle.status(), FutureStatus::Finished { rows: Some(3), bytes: Some(bytes) }, "{handle:?}");
    }
}

#[test]
fn errors_and_panics_fail_the_future_in_their_own_words() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    async fn panics() -> PartitionData {
        panic!("a bug")
    }
    let aborted = runtime.spawn(std::future::pending::<PartitionData>());
    aborted.abort();
    let (sender, receiver) = futures::channel::oneshot::channel::<PartitionData>();
    drop(sender);
    let cases = [
        (from_future("f", async { Err::<PartitionData, _>("disk full") }), "failed: disk full"),
        (from_future("f", panics()), "failed: panicked: a bug"),
        (from_future("f", receiver), "failed: oneshot canceled"),
        (from_future("f", async { Err::<PartitionData, _>(Fault::lost("gone")) }), "was lost: gone"),
        (spawn("f", || -> PartitionData { panic!("a bug") }), "failed: panicked: a bug"),
        (from_thread("f", std::thread::spawn(|| -> PartitionData { panic!("a bug") })), "failed: panicked: a bug"),
        (from_thread("f", std::thread::spawn(|| Err::<PartitionData, _>("disk full"))), "failed: disk full"),
    ];
    for (handle, words) in cases {
        assert_eq!(handle.wait().unwrap_err().to_string(), format!("future \"f\" of engine local {words}"));
    }
    let words = from_future("f", aborted).wait().unwrap_err().to_string();
    assert!(words.contains("was cancelled"), "{words}");
    let words = from_future("f", runtime.spawn(panics())).wait().unwrap_err().to_string();
    assert!(words.contains("a bug"), "{words}");
    // The kind of an error that is one of ours stays.
    let (never, promise) = LocalFuture::pending("inner");
    promise.cancel();
    let error = FutureHandle::new(never).data().unwrap_err();
    let error = from_future("f", async { Err::<PartitionData, _>(error) }).wait().unwrap_err();
    assert_eq!(error.kind, FutureErrorKind::Cancelled);
}

/// Counts its polls and its end, and tells how to wake it.
struct Slow(Arc<(AtomicUsize, AtomicUsize, parking_lot::Mutex<Option<Waker>>)>, usize);

impl Future for Slow {
    type Output = PartitionData;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<PartitionData> {
        if self.0.0.fetch_add(1, Ordering::SeqCst) == self.1 {
            return Poll::Ready(PartitionData::default());
        }
        *self.0.2.lock() = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_future_is_polled_when_it_is_woken_and_dropped_when_it_is_done() {
    let seen = Arc::default();
    let handle = from_future("slow", Slow(Arc::clone(&seen), 2));
    for polls in 1..=2 {
        let waker = loop {
            match seen.2.lock().take() {
                Some(waker) => break waker,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(seen.0.load(Ordering::SeqCst), polls);
        waker.wake();
    }
    assert!(handle.wait().unwrap().is_empty());
    drop(handle);
    release::drain();
    assert_eq!(seen.0.load(Ordering::SeqCst), 3);
}

#[test]
fn a_future_that_nobody_can_wake_is_lost_and_not_waited_for() {
    struct Forgotten;
    impl Future for Forgotten {
        type Output = PartitionData;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<PartitionData> {
            Poll::Pending
        }
    }
    let error = from_future("forgotten", Forgotten).wait().unwrap_err();
    assert_eq!(error.kind, FutureErrorKind::Lost);
}

#[test]
fn letting_go_stops_what_can_be_stopped() {
    let seen = Arc::default();
    let aborts = Arc::new(AtomicUsize::new(0));
    let count = aborts.clone();
    let abort = move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let handle = from_abortable("slow", Slow(Arc::clone(&seen), usize::MAX), abort);
    while seen.2.lock().is_none() {
        std::thread::yield_now();
    }
    let again = handle.clone();
    drop(handle);
    release::drain();
    assert_eq!((aborts.load(Ordering::SeqCst), seen.1.load(Ordering::SeqCst)), (0, 0));
    drop(again);
    release::drain();
    assert_eq!((aborts.load(Ordering::SeqCst), seen.1.load(Ordering::SeqCst)), (1, 1));

    // Work that is done is not told to stop.
    let count = aborts.clone();
    let handle = from_abortable("done", async { PartitionData::default() }, move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    handle.wait().unwrap();
    drop(handle);
    release::drain();
    assert_eq!(aborts.load(Ordering::SeqCst), 1);
}

#[test]
fn a_channel_is_read_until_its_senders_are_gone() {
    let (sender, receiver) = channel();
    let handle = from_receiver("stream", receiver);
    let other = sender.clone();
    sender.send(Ok::<_, String>(table())).unwrap();
    drop(sender);
    assert_eq!(handle.status(), FutureStatus::Pending);
    other.send(Ok(table())).unwrap();
    drop(other);
    assert_eq!(rows(&handle), 6);

    let (sender, receiver) = channel();
    let handle = from_receiver("stream", receiver);
    sender.send(Ok(table())).unwrap();
    sender.send(Err("the source broke")).unwrap();
    assert_eq!(handle.wait().unwrap_err().message, "the source broke");

    // Futures that come through a channel are a list.
    let (sender, receiver) = channel();
    let handle = from_receiver("stream", receiver);
    sender.send(value("inner", vec![table()])).unwrap();
    drop(sender);
    let _ = handle.wait();
    assert!(matches!(handle.value().unwrap(), FutureValue::List(items) if items.len() == 1));
}

#[test]
fn a_channel_that_nobody_reads_any_more_tells_its_senders() {
    let (sender, receiver) = channel();
    let handle = from_receiver("stream", receiver);
    drop(handle);
    release::drain();
    // The first message may still be taken; after it the receiver goes.
    let _ = sender.send(table());
    while sender.send(table()).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn promises_know_whether_they_are_wanted() {
    let stops = Arc::new(AtomicUsize::new(0));
    let stop = |stops: &Arc<AtomicUsize>| {
        let stops = stops.clone();
        move || {
            stops.fetch_add(1, Ordering::SeqCst);
        }
    };
    let (future, promise) = LocalFuture::pending("k");
    let handle = FutureHandle::new(future);
    promise.on_release(stop(&stops));
    assert!(promise.is_wanted());
    drop(handle);
    release::drain();
    assert!(!promise.is_wanted());
    assert_eq!(stops.load(Ordering::SeqCst), 1);
    // Too late is at once.
    promise.on_release(stop(&stops));
    assert_eq!(stops.load(Ordering::SeqCst), 2);
    promise.resolve(ready("inner", table()));
}

#[test]
fn a_callback_that_panics_harms_nobody_else() {
    let (future, promise) = LocalFuture::pending("k");
    let handle = FutureHandle::new(future);
    handle.on_done(|| panic!("a callback's bug"));
    let (sender, receiver) = channel();
    handle.on_done(move || sender.send(()).unwrap());
    promise.fulfil(vec![table()]);
    receiver.recv().unwrap();
    assert_eq!(rows(&handle), 3);
}
