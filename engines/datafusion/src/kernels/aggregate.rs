use std::sync::Arc;
use std::time::SystemTime;

use arrow_schema::{Field, SchemaRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal, cast};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use leafhold::expr::{AggregateCall, AggregateFunction};
use leafhold::term::AggregatePhase;

use super::scalar::physical;
use crate::engine;

const NO_COLUMNS: [ProjectionExpr; 0] = [];

/// A phase of an aggregate over `input`. `argument_schema` is the schema over which the calls are written.
pub(super) fn aggregate(
    phase: AggregatePhase,
    group: &[usize],
    aggregates: &[AggregateCall<usize>],
    argument_schema: SchemaRef,
    input: Arc<dyn ExecutionPlan>,
    started: SystemTime,
) -> Result<Arc<dyn ExecutionPlan>> {
    let partitioned = input.output_partitioning().partition_count() > 1;
    let mode = match phase {
        AggregatePhase::Single if partitioned => AggregateMode::SinglePartitioned,
        AggregatePhase::Single => AggregateMode::Single,
        AggregatePhase::Partial => AggregateMode::Partial,
        AggregatePhase::Combine => AggregateMode::PartialReduce,
        AggregatePhase::Final if partitioned => AggregateMode::FinalPartitioned,
        AggregatePhase::Final => AggregateMode::Final,
    };
    let schema = input.schema();
    let keys = group.iter().enumerate().map(|(at, column)| match schema.fields().get(*column) {
        Some(field) => Ok((Arc::new(Column::new(field.name(), *column)) as Arc<dyn PhysicalExpr>, format!("k{at}"))),
        None => exec_err!("a key in column {column} of {}", schema.fields().len()),
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    // DataFusion has no batch for one row without a column, so that the rows are counted, and nobody told.
    let count = [AggregateCall::new(AggregateFunction::Count, [])];
    let nothing = keys.is_empty() && aggregates.is_empty();
    let aggregates = if nothing { &count[..] } else { aggregates };
    let calls = aggregates.iter().enumerate().map(|(at, call)| function(at, call, &argument_schema, started));
    let calls = calls.collect::<Result<Vec<_>>>()?;
    let filters = aggregates.iter().map(|call| match &call.filter {
        Some(filter) if !phase.reads_states() => Ok(Some(physical(filter, &argument_schema, started)?)),
        _ => Ok(None),
    });
    let filters = filters.collect::<Result<Vec<_>>>()?;
    let group = PhysicalGroupBy::new_single(keys);
    let aggregate = AggregateExec::try_new(mode, group, calls, filters, input, argument_schema)?;
    if nothing && !phase.gives_states() {
        return Ok(Arc::new(ProjectionExec::try_new(NO_COLUMNS, Arc::new(aggregate))?));
    }
    Ok(Arc::new(aggregate))
}

/// DataFusion tells distinct floats by their bits, by which there are two zeros; groups and comparisons know one.
pub(super) fn one_zero(arg: Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    let data_type = arg.data_type(schema)?;
    if !data_type.is_floating() {
        return Ok(arg);
    }
    let zero = Arc::new(Literal::new(ScalarValue::new_zero(&data_type)?));
    Ok(Arc::new(BinaryExpr::new(arg, Operator::Plus, zero)))
}

fn function(
    at: usize,
    call: &AggregateCall<usize>,
    schema: &SchemaRef,
    started: SystemTime,
) -> Result<Arc<AggregateFunctionExpr>> {
    let name = call.function.name();
    let Some(udaf) = engine::state().aggregate_functions().get(name) else {
        return exec_err!("no aggregate function `{name}`");
    };
    let mut args = call.args.iter().map(|arg| physical(arg, schema, started)).collect::<Result<Vec<_>>>()?;
    if call.distinct {
        args = args.into_iter().map(|arg| one_zero(arg, schema)).collect::<Result<_>>()?;
    }
    if args.is_empty() {
        args.push(Arc::new(Literal::new(ScalarValue::Int64(Some(1)))));
    }
    let fields = args.iter().map(|arg| Ok(Arc::new(Field::new("arg", arg.data_type(schema)?, true))));
    let fields = fields.collect::<Result<Vec<_>>>()?;
    let wanted = fields_with_udf(&fields, udaf.as_ref())?;
    let args = args.into_iter().zip(fields.iter().zip(&wanted)).map(|(arg, (found, wanted))| {
        match found.data_type() == wanted.data_type() {
            true => Ok(arg),
            false => cast(arg, schema, wanted.data_type().clone()),
        }
    });
    let expr = AggregateExprBuilder::new(udaf.clone(), args.collect::<Result<Vec<_>>>()?)
        .schema(schema.clone())
        .alias(format!("a{at}"))
        .with_distinct(call.distinct)
        .build()?;
    Ok(Arc::new(expr))
}
