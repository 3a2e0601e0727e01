//! From the futures of Rust's runtimes, threads and channels to handles.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{Builder, JoinHandle};

use super::driver::{Contained, cancel, drive};
use super::{Fault, FutureHandle, FutureOutput, FutureValue, LocalFuture, Promise, panic_text};

/// A handle to any `std` future: a tokio `JoinHandle`, a `futures::Shared`, the receiving end of a oneshot
/// channel, an `async` block.
///
/// It is polled on one thread that all such futures share, so heavy work belongs into a runtime or into
/// [`spawn`], and its handle in here. A panic fails it. When the last handle goes before it is done, the
/// future is dropped, which ends `async` blocks; a task of a runtime goes on, unless
/// [`from_abortable`] is told how to stop it.
///
/// A tokio task, from its runtime to a leaf:
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::leaf::from_future;
///
/// let runtime = tokio::runtime::Runtime::new()?;
/// let task = runtime.spawn(async {
///     RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)])
/// });
/// // It gives `Result<Result<RecordBatch, ArrowError>, JoinError>`, which needs no unwrapping.
/// let handle = from_future("numbers", task);
/// assert_eq!(handle.wait()?[0].num_rows(), 2);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// A shared future, and a oneshot channel:
///
/// ```
/// use futures::{FutureExt, channel::oneshot};
/// use leafhold::leaf::{FutureStatus, PartitionData, from_future};
///
/// let shared = async { PartitionData::default() }.shared();
/// let (one, two) = (from_future("shared", shared.clone()), from_future("shared", shared));
/// assert!(one.wait()?.is_empty() && two.wait()?.is_empty());
///
/// let (sender, receiver) = oneshot::channel::<PartitionData>();
/// let handle = from_future("answer", receiver);
/// drop(sender);
/// assert_eq!(handle.wait().unwrap_err().to_string(), "future \"answer\" of engine local failed: oneshot canceled");
/// # Ok::<_, leafhold::leaf::FutureError>(())
/// ```
pub fn from_future<F>(key: impl Into<String>, future: F) -> FutureHandle
where
    F: Future + Send + 'static,
    F::Output: FutureOutput,
{
    from_abortable(key, future, || ())
}

/// Like [`from_future`], for work that has to be told to stop: `abort` is called once, from the release
/// queue, when the last handle goes before the work is done.
///
/// ```
/// use leafhold::leaf::{Fault, FutureStatus, PartitionData, from_abortable, release};
///
/// let runtime = tokio::runtime::Runtime::new().unwrap();
/// let (never, end) = tokio::sync::oneshot::channel::<()>();
/// let task = runtime.spawn(async move {
///     let _never = never;
///     std::future::pending::<PartitionData>().await
/// });
/// let abort = task.abort_handle();
/// // A task that somebody aborts is cancelled, which is another thing than failed.
/// let data = async move {
///     task.await.map_err(|error| if error.is_cancelled() { Fault::cancelled(error) } else { Fault::failed(error) })
/// };
/// let handle = from_abortable("endless", data, move || abort.abort());
/// assert_eq!(handle.status(), FutureStatus::Pending);
/// drop(handle);
/// release::drain();
/// // The task is gone, and with it the sender that it held.
/// assert!(runtime.block_on(end).is_err());
/// ```
pub fn from_abortable<F>(key: impl Into<String>, future: F, abort: impl FnOnce() + Send + 'static) -> FutureHandle
where
    F: Future + Send + 'static,
    F::Output: FutureOutput,
{
    let (local, promise) = LocalFuture::pending(key);
    let handle = FutureHandle::new(local);
    drive(move |polled| {
        promise.on_release(move || {
            abort();
            cancel(&polled);
        });
        let future = Contained::new(future);
        Box::pin(async move {
            match future.await {
                Ok(output) => promise.resolve(output),
                Err(panic) => promise.fail(format!("panicked: {panic}")),
            }
        })
    });
    handle
}

/// A handle to what comes through a channel: everything, in order, until all senders are gone.
///
/// A sender that goes is the end of the data, also when it goes because of a panic: where that can
/// happen, send results, and the panic's message as the last one. An error that comes through fails the
/// future. When the last handle goes, the receiver goes with the next message, and senders are told so.
///
/// ```
/// use std::sync::{Arc, mpsc::channel};
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::leaf::from_receiver;
///
/// let (sender, receiver) = channel::<RecordBatch>();
/// let handle = from_receiver("stream", receiver);
/// for rows in [vec![1], vec![2, 3]] {
///     sender.send(RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(rows)) as _)])?)?;
/// }
/// drop(sender);
/// assert_eq!(handle.wait()?.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn from_receiver<T>(key: impl Into<String>, receiver: Receiver<T>) -> FutureHandle
where
    T: FutureOutput + Send + 'static,
{
    on_thread(key, move |promise| {
        let mut items = Vec::new();
        for item in receiver {
            if !promise.is_wanted() {
                return Err(Fault::cancelled("nobody needs it"));
            }
            items.push(item.into_value()?);
        }
        Ok(joined(items))
    })
}

/// A handle to what a thread gives when it ends. A panic of the thread fails the future.
///
/// ```
/// use leafhold::leaf::{from_thread, PartitionData};
/// let thread = std::thread::spawn(PartitionData::default);
/// assert!(from_thread("rows", thread).wait()?.is_empty());
/// # Ok::<_, leafhold::leaf::FutureError>(())
/// ```
pub fn from_thread<T>(key: impl Into<String>, thread: JoinHandle<T>) -> FutureHandle
where
    T: FutureOutput + Send + 'static,
{
    on_thread(key, move |_| match thread.join() {
        Ok(output) => output.into_value(),
        Err(panic) => Err(Fault::failed(format!("panicked: {}", panic_text(&*panic)))),
    })
}

/// Runs `produce` on a background thread; an error or a panic fails the future.
///
/// ```
/// use arrow_array::RecordBatch;
/// use leafhold::leaf::spawn;
/// let handle = spawn("rows", || Err::<RecordBatch, _>("disk full"));
/// assert_eq!(handle.wait().unwrap_err().to_string(), "future \"rows\" of engine local failed: disk full");
/// ```
pub fn spawn<T: FutureOutput>(key: impl Into<String>, produce: impl FnOnce() -> T + Send + 'static) -> FutureHandle {
    on_thread(key, move |_| produce().into_value())
}

fn on_thread(
    key: impl Into<String>,
    produce: impl FnOnce(&Promise) -> Result<FutureValue, Fault> + Send + 'static,
) -> FutureHandle {
    let (future, promise) = LocalFuture::pending(key);
    let handle = FutureHandle::new(future);
    // Without a thread the promise is dropped, and the future is lost.
    let started = Builder::new().name("leafhold-source".into()).spawn(move || {
        let value = catch_unwind(AssertUnwindSafe(|| produce(&promise)));
        promise.resolve(value.unwrap_or_else(|panic| Err(Fault::failed(format!("panicked: {}", panic_text(&*panic))))));
    });
    drop(started);
    handle
}

/// Tables as one table; anything else as a list.
fn joined(items: Vec<FutureValue>) -> FutureValue {
    let tables = items.iter().map(|item| match item {
        FutureValue::Table(data) => Some(data),
        _ => None,
    });
    match tables.collect::<Option<Vec<_>>>() {
        Some(tables) => {
            FutureValue::Table(Arc::new(tables.into_iter().flat_map(|data| data.iter().cloned()).collect()))
        }
        None => FutureValue::List(items),
    }
}
