use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::{HashJoinExec, HashJoinExecBuilder};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::build_side::BuildSide;
use super::watch::Watch;

/// The part of a hash join that each task does for itself, where all of them share the build side.
///
/// DataFusion's join counts rows over all that probe it; this counts those of one task, and stops when it is cancelled.
#[derive(Debug)]
pub(super) struct ProbeExec {
    join: HashJoinExec,
    watch: Watch,
    metrics: ExecutionPlanMetricsSet,
}

impl ProbeExec {
    pub fn new(built: &BuildSide, probe: Arc<dyn ExecutionPlan>, watch: &Watch) -> Result<Self> {
        let (join, watch) = (built.probed_with(probe)?, watch.clone());
        Ok(ProbeExec { join, watch, metrics: ExecutionPlanMetricsSet::new() })
    }

    /// The same join, which leaves out columns by itself. Their rows are counted together.
    pub fn with_projection(&self, columns: Vec<usize>) -> Result<Self> {
        let join = self.join.with_projection(Some(columns))?;
        Ok(ProbeExec { join, watch: self.watch.clone(), metrics: self.metrics.clone() })
    }
}

impl DisplayAs for ProbeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProbeExec: join_type={}", self.join.join_type())
    }
}

impl ExecutionPlan for ProbeExec {
    fn name(&self) -> &str {
        "ProbeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.join.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![self.join.right()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(probe), true) = (inputs.pop(), inputs.is_empty()) else {
            return exec_err!("ProbeExec has one input");
        };
        let inputs = vec![self.join.left().clone(), probe];
        let join = HashJoinExecBuilder::from(&self.join).with_new_children(inputs)?.build()?;
        Ok(Arc::new(ProbeExec { join, watch: self.watch.clone(), metrics: ExecutionPlanMetricsSet::new() }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = MetricBuilder::new(&self.metrics).output_rows(partition);
        let watch = self.watch.clone();
        let batches = self.join.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            watch.look()?;
            rows.add(batch.num_rows());
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.join.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
