use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Result, exec_err};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, common, execute_stream};
use futures::{StreamExt, TryStreamExt};
use leafhold::expr::Barrier;

use super::operators::gathered;
use super::output::renamed;
use super::scalar::calendar_time;
use super::source::numbered;
use crate::convert::{InputSource, PlanBarrier};
use crate::engine;

type Operator = Arc<dyn ExecutionPlan>;

/// DataFusion's own plan of a barrier, over what its inputs give.
pub(super) fn barrier(barrier: &Arc<dyn Extension>, inputs: Vec<Operator>, started: SystemTime) -> Result<Operator> {
    let Some(opaque) = barrier.as_any().downcast_ref::<PlanBarrier>() else {
        return exec_err!("`{}` is a barrier of another engine", barrier.name());
    };
    let inputs = inputs.into_iter().map(gathered).collect();
    Ok(Arc::new(BarrierExec::new(barrier.name(), opaque.plan().clone(), numbered(&barrier.schema()), inputs, started)))
}

/// Plans and runs a plan of DataFusion's when its inputs are computed: the plan may read one several times.
struct BarrierExec {
    name: String,
    plan: LogicalPlan,
    schema: SchemaRef,
    inputs: Vec<Operator>,
    started: SystemTime,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl BarrierExec {
    fn new(name: &str, plan: LogicalPlan, schema: SchemaRef, inputs: Vec<Operator>, started: SystemTime) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let (name, metrics) = (name.to_owned(), ExecutionPlanMetricsSet::new());
        BarrierExec { name, plan, schema, inputs, started, metrics, properties: Arc::new(properties) }
    }
}

/// The operators of a barrier over data: its placeholders become tables.
async fn planned(plan: LogicalPlan, inputs: &[Vec<RecordBatch>], started: SystemTime) -> Result<Operator> {
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
    state.execution_props_mut().query_execution_start_time = calendar_time(started);
    state.create_physical_plan(&plan.data).await
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
        let (plan, schema) = (self.plan.clone(), self.schema.clone());
        Ok(Arc::new(BarrierExec::new(&self.name, plan, schema, inputs, self.started)))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (plan, started, schema) = (self.plan.clone(), self.started, self.schema.clone());
        let inputs = self.inputs.iter().map(|input| input.execute(0, context.clone())).collect::<Result<Vec<_>>>()?;
        let rows = MetricBuilder::new(&self.metrics).output_rows(0);
        let opened = async move {
            let mut tables = Vec::with_capacity(inputs.len());
            for input in inputs {
                tables.push(common::collect(input).await?);
            }
            execute_stream(planned(plan, &tables, started).await?, context)
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
