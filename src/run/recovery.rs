use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Executor;
use super::persist::{PersistRun, start};
use crate::leaf::{Fault, FutureError, FutureHandle, FutureStatus, LocalFuture, Origin};
use crate::lower::lower_for;
use crate::optimize::Plan;

/// What a persisted leaf was made from (law L1b): its plan, with strong handles to all leaves, and the
/// executor that ran it.
pub(super) struct Recovery<E> {
    name: String,
    plan: Plan,
    executor: E,
    /// The futures of the last recovery. They are the leaf's data now, so they live as long as it does.
    again: Mutex<Vec<FutureHandle>>,
}

impl<E> Recovery<E> {
    pub(super) fn new(name: String, plan: Plan, executor: E) -> Self {
        Recovery { name, plan, executor, again: Mutex::default() }
    }
}

impl<E: Executor + 'static> Origin for Recovery<E> {
    /// All partitions are made again: the engine that lost one has usually lost more, and identical work is
    /// done once.
    fn recover(&self, partition: usize, lost: &FutureHandle) -> Result<FutureHandle, FutureError> {
        let error = |message: String| Fault::failed(message).of(lost.key(), lost.engine().clone());
        let mut again = self.again.lock();
        if let Some(known) = again.get(partition)
            && known != lost
            && matches!(known.status(), FutureStatus::Pending | FutureStatus::Finished { .. })
        {
            return Ok(known.clone());
        }
        let graph =
            lower_for(&self.plan, self.executor.hash_function()).map_err(|problem| error(problem.to_string()))?;
        let make = |at: usize| {
            let (future, promise) = LocalFuture::pending(format!("{}-{at}", self.name));
            (FutureHandle::new(future), promise)
        };
        let (handles, promises): (Vec<_>, Vec<_>) = (0..graph.outputs.len()).map(make).unzip();
        let found = handles.get(partition).cloned();
        let before = std::mem::replace(&mut *again, handles);
        // Whoever asks from here on gets the new ones; the executor's code runs outside the lock.
        drop(again);
        drop(before);
        start(self.executor.submit(graph), promises, Arc::new(PersistRun::default()), None);
        found.ok_or_else(|| error(format!("the plan has no partition {partition}")))
    }

    fn futures(&self) -> Vec<FutureHandle> {
        self.plan.leaves.iter().flat_map(|leaf| leaf.futures().iter().cloned()).collect()
    }
}

impl<E> fmt::Debug for Recovery<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovery").field("name", &self.name).finish_non_exhaustive()
    }
}
