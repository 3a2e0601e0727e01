use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, execute_stream,
};
use futures::{StreamExt, TryStreamExt};
use leafhold::expr::{Extension, MapPartitions};
use leafhold::leaf::shown_bytes;

use super::operators::gathered;
use super::output::renamed;
use super::scalar::calendar_time;
use super::source::{self, numbered};
use super::watch::Setting;
use crate::convert::{InputSource, PlanBarrier};
use crate::engine;

type Operator = Arc<dyn ExecutionPlan>;

/// DataFusion's own plan of a barrier, or a function of the query's, over what its inputs give.
pub(super) fn extension(extension: &Arc<dyn Extension>, inputs: Vec<Operator>, setting: &Setting) -> Result<Operator> {
    let work = match (extension.as_any().downcast_ref::<PlanBarrier>(), MapPartitions::of(&**extension)) {
        (Some(barrier), _) => Work::Plan(barrier.plan().clone()),
        (_, Some(function)) => Work::Function(function.clone()),
        _ => return exec_err!("`{}` is an extension of another engine", extension.name()),
    };
    let everything = !extension.traits().is_partition_wise();
    let inputs = inputs.into_iter().map(|input| if everything { gathered(input) } else { input }).collect();
    Ok(Arc::new(BarrierExec::new(extension.name(), work, numbered(&extension.schema()), inputs, setting.clone())))
}

/// What is done when the inputs are computed.
#[derive(Clone)]
enum Work {
    /// A plan of DataFusion's is planned and run: it may read an input several times.
    Plan(LogicalPlan),
    /// A function is called.
    Function(MapPartitions),
}

/// Waits for the inputs, then works on them. What it has gathered counts, but for what the task was given: that is in memory in any
/// case.
struct BarrierExec {
    name: String,
    work: Work,
    schema: SchemaRef,
    inputs: Vec<Operator>,
    setting: Setting,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl BarrierExec {
    fn new(name: &str, work: Work, schema: SchemaRef, inputs: Vec<Operator>, setting: Setting) -> Self {
        let partitions = inputs.first().map_or(1, |input| input.output_partitioning().partition_count());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let (name, metrics) = (name.to_owned(), ExecutionPlanMetricsSet::new());
        BarrierExec { name, work, schema, inputs, setting, metrics, properties: Arc::new(properties) }
    }
}

/// The batches of an input, which are held from here on.
async fn gather(mut input: SendableRecordBatchStream, held: Option<&MemoryReservation>) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    while let Some(batch) = input.try_next().await? {
        if let Some(held) = held {
            held.grow(shown_bytes(&batch));
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// The operators of a barrier over data: its placeholders become tables.
async fn planned(plan: LogicalPlan, inputs: &[Vec<RecordBatch>], setting: &Setting) -> Result<Operator> {
    let plan = plan.transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let Some(InputSource { slot, schema }) = InputSource::of(&scan.source) else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        let Some(batches) = inputs.get(*slot) else {
            return exec_err!("the barrier reads input {slot}, which it does not have");
        };
        let batches = batches.iter().map(|batch| renamed(batch.clone(), schema)).collect::<Result<_>>()?;
        scan.source = provider_as_source(Arc::new(MemTable::try_new(schema.clone(), vec![batches])?));
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    let mut state = engine::state().clone();
    // A subquery that no join could replace is run beside the plan.
    state.config_mut().options_mut().optimizer.enable_physical_uncorrelated_scalar_subquery = true;
    state.execution_props_mut().query_execution_start_time = calendar_time(setting.started);
    setting.watch.plan(state.create_physical_plan(&plan.data).await?)
}

impl fmt::Debug for BarrierExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierExec").field("name", &self.name).field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl DisplayAs for BarrierExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BarrierExec: {}", self.name)
    }
}

impl ExecutionPlan for BarrierExec {
    fn name(&self) -> &str {
        "BarrierExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Operator> {
        self.inputs.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, inputs: Vec<Operator>) -> Result<Operator> {
        let (work, schema) = (self.work.clone(), self.schema.clone());
        Ok(Arc::new(BarrierExec::new(&self.name, work, schema, inputs, self.setting.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (work, setting, schema) = (self.work.clone(), self.setting.clone(), self.schema.clone());
        let open = |input: &Operator| -> Result<_> {
            Ok((input.execute(partition, context.clone())?, !source::is_at_hand(input)))
        };
        let inputs = self.inputs.iter().map(open);
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let rows = MetricBuilder::new(&self.metrics).output_rows(0);
        let opened = async move {
            let held = MemoryConsumer::new("BarrierExec").register(context.memory_pool());
            let mut tables = Vec::with_capacity(inputs.len());
            for (input, counts) in inputs {
                tables.push(gather(input, counts.then_some(&held)).await?);
            }
            let batches: SendableRecordBatchStream = match work {
                Work::Plan(plan) => execute_stream(planned(plan, &tables, &setting).await?, context)?,
                Work::Function(function) => {
                    let made = function.call(&tables.concat()).map_err(DataFusionError::Execution)?;
                    held.resize(made.iter().map(shown_bytes).sum());
                    let schema = function.schema();
                    let batches = futures::stream::iter(made.into_iter().map(Ok));
                    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
                }
            };
            // It is held as long as the plan may read it.
            Ok::<_, DataFusionError>(batches.inspect(move |_| _ = &held))
        };
        let batches = futures::stream::once(opened).try_flatten().map(move |batch| {
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
