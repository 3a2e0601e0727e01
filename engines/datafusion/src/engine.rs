//! What every part of this crate shares: DataFusion's functions and one configuration.

use std::sync::{Arc, LazyLock};

use datafusion::execution::context::SessionState;
use datafusion::execution::{SessionStateBuilder, TaskContext};
use datafusion::prelude::SessionConfig;

use crate::single_value::single_value;

/// Rows in a batch, as DataFusion's operators like them.
pub(crate) const BATCH_SIZE: usize = 8192;

static STATE: LazyLock<SessionState> = LazyLock::new(|| {
    let mut builder = SessionStateBuilder::new_with_default_features().with_config(config());
    builder.aggregate_functions().get_or_insert_default().push(single_value());
    builder.build()
});

static TASK: LazyLock<Arc<TaskContext>> = LazyLock::new(|| STATE.task_ctx());

/// DataFusion's settings under Leafhold: a task is one partition, and subqueries become joins, since
/// what is left as a subquery would be opaque to the planner.
pub(crate) fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(BATCH_SIZE);
    config.options_mut().optimizer.enable_physical_uncorrelated_scalar_subquery = false;
    config
}

/// The process-wide state: functions and planners, no tables.
pub(crate) fn state() -> &'static SessionState {
    &STATE
}

/// What DataFusion's operators need while they run; one for the whole process.
pub(crate) fn task() -> Arc<TaskContext> {
    TASK.clone()
}
