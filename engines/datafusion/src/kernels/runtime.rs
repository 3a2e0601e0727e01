//! Where DataFusion's streams are driven: on the thread of the task, one task at a time.

use std::cell::OnceCell;
use std::future::Future;

use datafusion::common::{DataFusionError, Result};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    // Some operators start helpers; they run on this thread, too, while it waits.
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Runs a future to its end on this thread.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    RUNTIME.with(|cell| {
        if cell.get().is_none() {
            let runtime = Builder::new_current_thread().build().map_err(DataFusionError::IoError)?;
            let _ = cell.set(runtime);
        }
        match cell.get() {
            Some(runtime) => runtime.block_on(future),
            None => Err(DataFusionError::Internal("no runtime on this thread".into())),
        }
    })
}
