//! DataFusion's account of memory as a part of Leafhold's.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use leafhold::run::{MemoryBudget, TaskContext as LeafholdTask};

use super::spill::Spill;
use crate::engine;

/// What an operator may hold however little room there is: it needs some batches to make any way.
const FLOOR: usize = 16 << 20;

/// The account of one task's operators, and what they need while they run.
pub(super) struct TaskMemory {
    pool: Arc<TaskPool>,
    task: Arc<TaskContext>,
}

impl TaskMemory {
    pub fn of(task: &LeafholdTask) -> Result<Self> {
        let (held, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let budget = task.memory.limit().map(|_| task.memory.clone());
        let limited = budget.is_some();
        let pool = Arc::new(TaskPool { budget, held, peak });
        let shared = engine::task();
        let runtime = match limited {
            true => {
                let files = DiskManager::builder().with_temp_file_factory(Arc::new(Spill(task.spill.clone())));
                RuntimeEnvBuilder::new().with_memory_pool(pool.clone()).with_disk_manager_builder(files).build()?
            }
            // Without a limit there are no files.
            false => RuntimeEnv { memory_pool: pool.clone(), ..RuntimeEnv::clone(&shared.runtime_env()) },
        };
        // Operators have their functions from the plan: a registry of all there are would only be copied.
        let (config, session) = (shared.session_config().clone(), String::new());
        let (scalar, higher, aggregate, window) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        let task = TaskContext::new(None, session, config, scalar, higher, aggregate, window, Arc::new(runtime));
        Ok(TaskMemory { pool, task: Arc::new(task) })
    }

    /// What operators are run with.
    pub fn task(&self) -> Arc<TaskContext> {
        self.task.clone()
    }

    /// The most bytes that they held at a time until now; nothing, if they hold none.
    pub fn peak(&self) -> Option<u64> {
        Some(self.pool.peak.load(Ordering::Relaxed) as u64).filter(|peak| *peak > 0)
    }
}

/// The memory of one task's operators. Under a limit, sorts and aggregates are told when there is no more, and go on with files;
/// a join cannot, and is never told.
#[derive(Debug)]
struct TaskPool {
    /// Where it counts, too: nowhere without a limit.
    budget: Option<MemoryBudget>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl TaskPool {
    fn hold(&self, additional: usize) {
        let held = self.held.fetch_add(additional, Ordering::Relaxed) + additional;
        self.peak.fetch_max(held, Ordering::Relaxed);
    }
}

impl MemoryPool for TaskPool {
    fn name(&self) -> &str {
        "leafhold"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.hold(additional);
        if let Some(budget) = &self.budget {
            budget.grow(additional as u64);
        }
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.held.fetch_sub(shrink, Ordering::Relaxed);
        if let Some(budget) = &self.budget {
            budget.shrink(shrink as u64);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let Some(budget) = &self.budget else {
            self.hold(additional);
            return Ok(());
        };
        // Who holds nothing has nothing to write to a file.
        let held = reservation.size();
        if !reservation.consumer().can_spill() || held == 0 || held + additional <= FLOOR {
            self.grow(reservation, additional);
            return Ok(());
        }
        let more = budget.try_grow(additional as u64);
        more.map_err(|error| DataFusionError::ResourcesExhausted(error.to_string()))?;
        self.hold(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        let limit = self.budget.as_ref().and_then(MemoryBudget::limit);
        limit.map_or(MemoryLimit::Infinite, |limit| MemoryLimit::Finite(limit as usize))
    }
}

impl fmt::Display for TaskPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.budget.as_ref().map_or(0, MemoryBudget::used);
        write!(f, "leafhold (used by this task: {}, by all under a limit: {all})", self.reserved())
    }
}

impl Drop for TaskPool {
    /// Operators give back what they hold when they go; whatever they forgot is given back here.
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.shrink(self.reserved() as u64);
        }
    }
}
