use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, exec_err};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::TryStreamExt;
use leafhold::expr::Barrier;
use leafhold::run::TaskContext;

use super::output::renamed;
use super::runtime;
use crate::convert::{InputSource, PlanBarrier};
use crate::engine;

type Operator = Arc<dyn ExecutionPlan>;

/// DataFusion's own plan of a barrier, over what its inputs give.
pub(super) fn barrier(barrier: &Arc<dyn Barrier>, inputs: Vec<Operator>, task: &TaskContext) -> Result<Operator> {
    let Some(opaque) = barrier.as_any().downcast_ref::<PlanBarrier>() else {
        return exec_err!("`{}` is a barrier of another engine", barrier.name());
    };
    // The plan below may read an input several times, so inputs are computed first.
    let mut tables: Vec<Option<Arc<MemTable>>> = vec![None; inputs.len()];
    let plan = opaque.plan().clone().transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let Some(InputSource { slot, schema }) = InputSource::of(&scan.source) else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        let (Some(input), Some(table)) = (inputs.get(*slot), tables.get_mut(*slot)) else {
            return exec_err!("the barrier reads input {slot}, which it does not have");
        };
        let table = match table {
            Some(table) => table.clone(),
            None => table.insert(materialize(input, schema, task)?).clone(),
        };
        scan.source = provider_as_source(table);
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    let planned = runtime::block_on(engine::state().create_physical_plan(&plan.data))?;
    Ok(match planned.output_partitioning().partition_count() {
        1 => planned,
        _ => Arc::new(CoalescePartitionsExec::new(planned)),
    })
}

fn materialize(input: &Operator, schema: &SchemaRef, task: &TaskContext) -> Result<Arc<MemTable>> {
    let stream = input.execute(0, engine::task())?;
    let batches = runtime::block_on(async move {
        let mut batches = Vec::new();
        futures::pin_mut!(stream);
        while let Some(batch) = stream.try_next().await? {
            if task.is_cancelled() {
                return exec_err!("cancelled");
            }
            batches.push(renamed(batch, schema)?);
        }
        Ok(batches)
    })?;
    Ok(Arc::new(MemTable::try_new(schema.clone(), vec![batches])?))
}
