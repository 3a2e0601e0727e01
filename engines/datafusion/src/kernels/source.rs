use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt};
use leafhold::leaf::{FromDelayed, PartitionData, PartitionReader, ReadStep};

use super::output::renamed;
use super::watch::Watch;
use crate::engine::BATCH_SIZE;
use crate::files::FileTable;

/// Batches on their way into operators: nothing is copied.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// What one partition of a [`SourceExec`] reads.
#[derive(Clone, Debug)]
pub(crate) enum SourceData {
    /// Data at hand, all of it in order; only these columns, when given.
    Batches { sources: Vec<PartitionData>, columns: Option<Vec<usize>> },
    /// A partition of a leaf whose data may still be on their way; only these columns.
    Delayed { leaf: FromDelayed, partition: usize, columns: Vec<usize> },
    /// A partition of a file.
    File { table: FileTable, partition: usize, columns: Vec<usize> },
}

impl SourceData {
    async fn open(self) -> Result<Batches> {
        match self {
            SourceData::Batches { sources, columns } => {
                let batches = sources.into_iter().flat_map(batches_of);
                Ok(Box::new(batches.map(move |batch| match &columns {
                    Some(columns) => Ok(batch.project(columns)?),
                    None => Ok(batch),
                })))
            }
            SourceData::Delayed { leaf, partition, columns } => {
                let Some(reader) = leaf.reader(partition) else {
                    return exec_err!("leaf {} has no partition {partition}", leaf.name());
                };
                let data = arrival(reader).await?;
                Ok(Box::new(batches_of(data).map(move |batch| Ok(batch.project(&columns)?))))
            }
            SourceData::File { table, partition, columns } => {
                let batches = table.read(partition, &columns).map_err(external)?;
                Ok(Box::new(batches.map(|batch| batch.map_err(external))))
            }
        }
    }
}

/// The rows of a partition, waited for without a thread.
async fn arrival(mut reader: PartitionReader) -> Result<PartitionData> {
    loop {
        let handle = match reader.advance() {
            ReadStep::Done(result) => return result.map(|delivered| delivered.data).map_err(external),
            ReadStep::Waits(handle) => handle,
        };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        handle.on_done(move || {
            let _ = sender.send(());
        });
        // An engine that drops the callback has lost the future; the reader says so.
        let _ = receiver.await;
    }
}

fn batches_of(data: PartitionData) -> impl Iterator<Item = RecordBatch> + Send {
    (0..data.len()).map(move |at| data[at].clone()).flat_map(slices)
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A batch in pieces that operators like; the buffers are shared.
pub(super) fn slices(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    let step = if rows > 2 * BATCH_SIZE { BATCH_SIZE } else { rows.max(1) };
    (0..rows.max(1)).step_by(step).map(move |from| batch.slice(from, step.min(rows - from)))
}

/// What fragments and plans start from, checked for cancellation at every batch.
#[derive(Debug)]
pub(crate) struct SourceExec {
    schema: SchemaRef,
    partitions: Vec<SourceData>,
    watch: Watch,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl SourceExec {
    /// A source of columns of these types, whatever they are called and whether they hold nulls or not.
    pub fn new(schema: &Schema, partitions: Vec<SourceData>, watch: &Watch) -> Self {
        let schema = numbered(schema);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        SourceExec {
            schema,
            partitions,
            watch: watch.clone(),
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::new(properties),
        }
    }
}

/// Whether an operator only hands on what somebody else holds in memory.
pub(super) fn is_at_hand(operator: &Arc<dyn ExecutionPlan>) -> bool {
    let any: &dyn std::any::Any = &**operator;
    any.downcast_ref::<SourceExec>()
        .is_some_and(|source| source.partitions.iter().all(|data| matches!(data, SourceData::Batches { .. })))
}

/// The same types as columns `c0`, `c1`, .. that may hold nulls.
pub(crate) fn numbered(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().enumerate();
    let fields = fields.map(|(at, field)| Field::new(format!("c{at}"), field.data_type().clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl DisplayAs for SourceExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceExec: partitions={}", self.partitions.len())
    }
}

impl ExecutionPlan for SourceExec {
    fn name(&self) -> &str {
        "SourceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(source) = self.partitions.get(partition).cloned() else {
            return exec_err!("partition {partition} of a source of {}", self.partitions.len());
        };
        let rows = MetricBuilder::new(&self.metrics).output_rows(partition);
        let (schema, watch) = (self.schema.clone(), self.watch.clone());
        let opened =
            futures::stream::once(async move { Ok::<_, DataFusionError>(futures::stream::iter(source.open().await?)) });
        let batches = opened.try_flatten().map(move |batch| {
            let batch = batch?;
            watch.look()?;
            rows.add(batch.num_rows());
            renamed(batch, &schema)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
