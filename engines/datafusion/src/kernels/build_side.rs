//! Build sides of hash joins that the tasks of a stage share.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::joins::{HashJoinExec, HashJoinExecBuilder};
use datafusion::physical_plan::{ExecutionPlan, common};
use parking_lot::Mutex;

use super::runtime;

/// So many tasks probe one build: an operator of DataFusion's keeps some kilobytes of metrics of every one. Beyond, it
/// is built again.
const PROBES: usize = 1024;

/// What was built for the joins of a stage, by node of its fragment.
#[derive(Default)]
pub(super) struct BuildSides(Mutex<HashMap<usize, Arc<Mutex<Option<Probed>>>>>);

struct Probed {
    built: Arc<BuildSide>,
    probes: usize,
}

/// A hash join whose build side is done. What it was built from is gone.
pub(super) struct BuildSide {
    join: HashJoinExec,
    /// The rows that the nodes of the build side gave.
    pub rows: Vec<(usize, Option<u64>)>,
}

impl BuildSides {
    /// What was built for a join. If that is nothing, it is built here, and whoever else needs it waits: a build that
    /// fails, is cancelled or panics leaves it to the next of them.
    pub fn get_or_build(&self, join: usize, build: impl FnOnce() -> Result<BuildSide>) -> Result<Arc<BuildSide>> {
        let side = self.0.lock().entry(join).or_default().clone();
        let mut side = side.lock();
        if let Some(Probed { built, probes }) = &mut *side
            && *probes < PROBES
        {
            *probes += 1;
            return Ok(built.clone());
        }
        *side = None;
        let built = Arc::new(build()?);
        *side = Some(Probed { built: built.clone(), probes: 1 });
        Ok(built)
    }
}

impl BuildSide {
    /// Builds the build side of a join that has nothing to probe it with; `rows` says afterwards what its nodes gave.
    pub fn build(
        join: &Arc<dyn ExecutionPlan>,
        task: Arc<TaskContext>,
        rows: impl FnOnce() -> Vec<(usize, Option<u64>)>,
    ) -> Result<Self> {
        let any: &dyn std::any::Any = &**join;
        let Some(join) = any.downcast_ref::<HashJoinExec>() else {
            return Err(DataFusionError::Internal(format!("{} has no build side", join.name())));
        };
        runtime::block_on(async { common::collect(join.execute(0, task)?).await })?;
        let inputs = [join.left(), join.right()].map(|input| Arc::new(EmptyExec::new(input.schema())) as _);
        let join = HashJoinExecBuilder::from(join).with_new_children(inputs.into())?.build()?;
        Ok(BuildSide { join, rows: rows() })
    }

    /// The join of what was built with other rows of the same columns.
    pub fn probed_with(&self, probe: Arc<dyn ExecutionPlan>) -> Result<HashJoinExec> {
        let inputs = vec![self.join.left().clone(), probe];
        HashJoinExecBuilder::from(&self.join).with_new_children(inputs)?.build()
    }
}
