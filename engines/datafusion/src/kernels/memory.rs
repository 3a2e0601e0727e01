//! DataFusion's account of memory as a part of Leafhold's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use leafhold::run::{MemoryBudget, TaskContext as LeafholdTask};

use super::spill::Spill;
use crate::engine;

/// What an operator may hold however little room there is: it needs some batches to make any way.
const FLOOR: usize = 16 << 20;

/// What DataFusion's operators need while they run a task.
pub(super) fn task(task: &LeafholdTask) -> Result<Arc<TaskContext>> {
    if task.memory.limit().is_none() {
        return Ok(engine::task());
    }
    let pool = TaskPool { budget: task.memory.clone(), held: AtomicUsize::new(0) };
    let files = DiskManager::builder().with_temp_file_factory(Arc::new(Spill(task.spill.clone())));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).with_disk_manager_builder(files);
    let runtime = runtime.build_arc()?;
    Ok(Arc::new(TaskContext::from(engine::state()).with_runtime(runtime)))
}

/// The memory of one task's operators. Sorts and aggregates are told that there is no more, and go on with files; a
/// join cannot, and is never told.
#[derive(Debug)]
struct TaskPool {
    budget: MemoryBudget,
    held: AtomicUsize,
}

impl MemoryPool for TaskPool {
    fn name(&self) -> &str {
        "leafhold"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.held.fetch_add(additional, Ordering::Relaxed);
        self.budget.grow(additional as u64);
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.held.fetch_sub(shrink, Ordering::Relaxed);
        self.budget.shrink(shrink as u64);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        // Who holds nothing has nothing to write to a file.
        let held = reservation.size();
        if !reservation.consumer().can_spill() || held == 0 || held + additional <= FLOOR {
            self.grow(reservation, additional);
            return Ok(());
        }
        let more = self.budget.try_grow(additional as u64);
        more.map_err(|error| DataFusionError::ResourcesExhausted(error.to_string()))?;
        self.held.fetch_add(additional, Ordering::Relaxed);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.budget.limit().map_or(MemoryLimit::Infinite, |limit| MemoryLimit::Finite(limit as usize))
    }
}

impl fmt::Display for TaskPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leafhold (used by this task: {}, by all: {})", self.reserved(), self.budget.used())
    }
}

impl Drop for TaskPool {
    /// Operators give back what they hold when they go; whatever they forgot is given back here.
    fn drop(&mut self) {
        self.budget.shrink(self.reserved() as u64);
    }
}
