use std::fmt;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::{StreamExt, TryStreamExt};

use super::operators::gathered;
use super::output::renamed;
use super::source::numbered;

/// All rows of all inputs, one input after the other: a union partition by partition, in an order that
/// does not depend on who is faster.
#[derive(Debug)]
pub(super) struct ConcatExec {
    schema: SchemaRef,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl ConcatExec {
    /// The inputs have columns of the types of `schema`, and all as many partitions; otherwise they are
    /// gathered.
    pub fn new(schema: &Schema, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Self {
        let schema = numbered(schema);
        let counts = inputs.iter().map(|input| input.output_partitioning().partition_count());
        let partitions = counts.clone().max().unwrap_or(1);
        let alike = counts.min().unwrap_or(1) == partitions;
        let inputs = if alike { inputs } else { inputs.into_iter().map(gathered).collect() };
        let partitions = if alike { partitions } else { 1 };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        ConcatExec { schema, inputs, metrics: ExecutionPlanMetricsSet::new(), properties: Arc::new(properties) }
    }
}

impl DisplayAs for ConcatExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConcatExec")
    }
}

impl ExecutionPlan for ConcatExec {
    fn name(&self) -> &str {
        "ConcatExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(ConcatExec::new(&self.schema, inputs)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = MetricBuilder::new(&self.metrics).output_rows(partition);
        let schema = self.schema.clone();
        // An input starts when those before it are done.
        let streams =
            futures::stream::iter(self.inputs.clone()).map(move |input| input.execute(partition, context.clone()));
        let batches = streams.try_flatten().map(move |batch| {
            let batch = batch?;
            rows.add(batch.num_rows());
            renamed(batch, &schema)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
