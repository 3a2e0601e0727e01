use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, common,
};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, Stream, TryStreamExt};
use parking_lot::Mutex;

/// The rows of a partition, computed by whoever asks first and goes on asking.
type Rows = Shared<BoxFuture<'static, Result<Arc<Vec<RecordBatch>>, Arc<DataFusionError>>>>;

async fn compute(
    input: Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
) -> Result<Arc<Vec<RecordBatch>>, Arc<DataFusionError>> {
    let stream = input.execute(partition, context).map_err(Arc::new)?;
    Ok(Arc::new(common::collect(stream).await.map_err(Arc::new)?))
}

async fn batches_of(rows: Rows) -> Result<impl Stream<Item = Result<RecordBatch>> + Send> {
    let rows = rows.await.map_err(DataFusionError::Shared)?;
    Ok(futures::stream::iter((0..rows.len()).map(move |at| Ok(rows[at].clone()))))
}

/// A node that several others read. It runs once, and its rows stay for as long as the plan does:
/// DataFusion's operators are trees, and most of them cannot run twice.
pub(crate) struct SharedExec {
    input: Arc<dyn ExecutionPlan>,
    partitions: Vec<Mutex<Option<Rows>>>,
    properties: Arc<PlanProperties>,
}

impl SharedExec {
    pub fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let partitioning = input.output_partitioning().clone();
        let partitions = (0..partitioning.partition_count()).map(|_| Mutex::default()).collect();
        let equivalences = EquivalenceProperties::new(input.schema());
        let properties = PlanProperties::new(equivalences, partitioning, EmissionType::Final, Boundedness::Bounded);
        SharedExec { input, partitions, properties: Arc::new(properties) }
    }
}

impl fmt::Debug for SharedExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedExec").field("input", &self.input).finish_non_exhaustive()
    }
}

impl DisplayAs for SharedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedExec")
    }
}

impl ExecutionPlan for SharedExec {
    fn name(&self) -> &str {
        "SharedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (inputs.pop(), inputs.len()) {
            (Some(input), 0) => Ok(Arc::new(SharedExec::new(input))),
            _ => exec_err!("SharedExec has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(cell) = self.partitions.get(partition) else {
            return exec_err!("partition {partition} of a node of {}", self.partitions.len());
        };
        let mut cell = cell.lock();
        let rows = cell.get_or_insert_with(|| compute(self.input.clone(), partition, context).boxed().shared());
        let batches = futures::stream::once(batches_of(rows.clone())).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), batches)))
    }
}
