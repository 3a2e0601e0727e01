use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::Watch;

/// A sort of a plan that DataFusion has made: it looks at each batch or run whose keys it takes.
///
/// Operators above it find its order by its keys, and a key that is watched is another one to them. So it shows the sort
/// as it was.
#[derive(Debug)]
pub(super) struct WatchedSort {
    shown: Arc<SortExec>,
    runs: SortExec,
    watch: Watch,
}

impl WatchedSort {
    pub fn new(sort: &SortExec, watch: Watch) -> Self {
        let runs = SortExec::new(watch.keys(sort.expr().clone()), sort.input().clone())
            .with_fetch(sort.fetch())
            .with_preserve_partitioning(sort.preserve_partitioning());
        WatchedSort { shown: Arc::new(sort.clone()), runs, watch }
    }
}

impl DisplayAs for WatchedSort {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt_as(kind, f)
    }
}

impl ExecutionPlan for WatchedSort {
    fn name(&self) -> &str {
        "WatchedSort"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.shown.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![self.shown.input()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (inputs.pop(), inputs.is_empty()) else { return exec_err!("a sort has one input") };
        let sort = SortExec::new(self.shown.expr().clone(), input)
            .with_fetch(self.shown.fetch())
            .with_preserve_partitioning(self.shown.preserve_partitioning());
        Ok(Arc::new(WatchedSort::new(&sort, self.watch.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.runs.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.runs.metrics()
    }
}
