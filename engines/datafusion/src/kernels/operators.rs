//! One operator of DataFusion's over others.

use std::sync::Arc;

use arrow_schema::Schema;
use datafusion::common::{Result, exec_err};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use leafhold::expr::{Scalar, ScalarOp, SortKey};
use leafhold::optimize::PhysicalOp;

use super::concat::ConcatExec;
use super::probe::ProbeExec;
use super::watch::Setting;
use super::{aggregate, barrier, join, mark, scalar, unnest, window};
use crate::engine::BATCH_SIZE;

type Operator = Arc<dyn ExecutionPlan>;

/// All rows in one partition, in no order.
pub(crate) fn gathered(input: Operator) -> Operator {
    match input.output_partitioning().partition_count() {
        1 => input,
        _ => Arc::new(CoalescePartitionsExec::new(input)),
    }
}

/// Sorted partitions as one.
pub(crate) fn merged(
    keys: &[SortKey<usize>],
    fetch: Option<u64>,
    input: Operator,
    setting: &Setting,
) -> Result<Operator> {
    let order = ordering(keys, &input, setting)?;
    Ok(Arc::new(SortPreservingMergeExec::new(order, input).with_fetch(fetch.map(size))))
}

fn size(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

fn ordering(keys: &[SortKey<usize>], input: &Operator, setting: &Setting) -> Result<LexOrdering> {
    match LexOrdering::new(scalar::sort_exprs(keys, &input.schema(), setting.started)?) {
        Some(ordering) => Ok(ordering),
        None => exec_err!("a sort without keys"),
    }
}

/// One operator over others. `schema` is what it gives; `fusable` says that nobody else reads the first
/// input. What must lie in one partition is gathered.
pub(crate) fn compute(
    op: &PhysicalOp<usize>,
    argument_schema: Option<arrow_schema::SchemaRef>,
    inputs: Vec<Operator>,
    fusable: bool,
    schema: &Schema,
    setting: &Setting,
) -> Result<Operator> {
    let started = setting.started;
    let count = inputs.len();
    let mut inputs = inputs.into_iter();
    let mut next = || match inputs.next() {
        Some(input) => Ok(input),
        None => exec_err!("`{}` with {count} inputs", op.name()),
    };
    Ok(match op {
        PhysicalOp::Filter { predicate } => {
            let input = next()?;
            let predicate = scalar::physical(predicate, &input.schema(), started)?;
            Arc::new(FilterExecBuilder::new(predicate, input).with_batch_size(BATCH_SIZE).build()?)
        }
        PhysicalOp::Project { columns } => project(columns, next()?, fusable, setting)?,
        PhysicalOp::HashJoin { kind, keys, residual, build } => {
            let (left, right) = (next()?, next()?);
            join::hash_join(*kind, keys, residual.as_ref(), *build, left, right, setting)?
        }
        PhysicalOp::NestedLoopJoin { kind, condition } => {
            let (left, right) = (next()?, next()?);
            join::nested_loop_join(*kind, condition.as_ref(), left, right, setting)?
        }
        PhysicalOp::MarkJoin { condition, nullable } => {
            let (left, right) = (next()?, next()?);
            mark::mark_join(condition.as_ref(), *nullable, left, right, setting)?
        }
        PhysicalOp::Window { window, calls } => window::window(window, calls, next()?, setting)?,
        PhysicalOp::Unnest { column, nulls } => unnest::unnest(*column, *nulls, next()?)?,
        PhysicalOp::Aggregate { phase, group, aggregates } => {
            let input = next()?;
            let argument_schema = argument_schema.unwrap_or_else(|| input.schema());
            aggregate::aggregate(*phase, group, aggregates, argument_schema, input, started)?
        }
        // A top-k of DataFusion's takes at least one row.
        PhysicalOp::Sort { fetch: Some(0), .. } => Arc::new(LocalLimitExec::new(next()?, 0)),
        PhysicalOp::Sort { keys, fetch } => {
            let input = next()?;
            let partitioned = input.output_partitioning().partition_count() > 1;
            let ordering = setting.watch.keys(ordering(keys, &input, setting)?);
            let sort = SortExec::new(ordering, setting.compact(input)).with_preserve_partitioning(partitioned);
            Arc::new(sort.with_fetch(fetch.map(size)))
        }
        PhysicalOp::Limit { offset, fetch } => {
            Arc::new(GlobalLimitExec::new(gathered(next()?), size(*offset), fetch.map(size)))
        }
        PhysicalOp::Union => Arc::new(ConcatExec::new(schema, inputs.collect())),
        PhysicalOp::Extension { extension } => barrier::extension(extension, inputs.collect(), setting)?,
    })
}

/// Columns of the input, which a join or a filter below leaves out by itself, or computed ones.
fn project(columns: &[Scalar<usize>], input: Operator, fusable: bool, setting: &Setting) -> Result<Operator> {
    let plain = plain(columns);
    if let (Some(plain), true) = (plain, fusable && !columns.is_empty()) {
        let any: &dyn std::any::Any = &*input;
        if let Some(join) = any.downcast_ref::<HashJoinExec>() {
            return Ok(Arc::new(join.with_projection(Some(plain))?));
        }
        if let Some(join) = any.downcast_ref::<ProbeExec>() {
            return Ok(Arc::new(join.with_projection(plain)?));
        }
        if let Some(filter) = any.downcast_ref::<FilterExec>() {
            return Ok(Arc::new(FilterExecBuilder::from(filter).apply_projection(Some(plain))?.build()?));
        }
    }
    let schema = input.schema();
    let columns = columns.iter().enumerate();
    let columns =
        columns.map(|(at, column)| Ok((scalar::physical(column, &schema, setting.started)?, format!("c{at}"))));
    Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Result<Vec<_>>>()?, input)?))
}

/// The columns that are only moved, if an operator does nothing else.
pub(super) fn plain_columns(op: &PhysicalOp<usize>) -> Option<Vec<usize>> {
    match op {
        PhysicalOp::Project { columns } => plain(columns),
        _ => None,
    }
}

fn plain(columns: &[Scalar<usize>]) -> Option<Vec<usize>> {
    let plain = columns.iter().map(|column| match column.op {
        ScalarOp::Column(column) => Some(column),
        _ => None,
    });
    plain.collect()
}
