//! Windows. DataFusion's operator wants its rows sorted by partition and order.

use std::sync::Arc;

use arrow_schema::{Field, SchemaRef, SortOptions};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{WindowFrame as DfFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition};
use datafusion::physical_expr::expressions::{Literal, cast};
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::{WindowAggExec, create_udwf_window_expr, create_window_expr};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use leafhold::expr::{FrameBound, FrameUnits, Window, WindowCall, WindowFrame, WindowFunction};

use super::aggregate::one_zero;
use super::operators::gathered;
use super::scalar::{physical, sort_exprs};
use super::watch::Setting;
use crate::engine;

type Operator = Arc<dyn ExecutionPlan>;

/// The columns of the input, then one per call.
pub(super) fn window(
    window: &Window<usize>,
    calls: &[WindowCall<usize>],
    input: Operator,
    setting: &Setting,
) -> Result<Operator> {
    let input = if window.partition_by.is_empty() { gathered(input) } else { input };
    let schema = input.schema();
    let keys = window.partition_by.iter().map(|key| physical(key, &schema, setting.started));
    // The operator finds these in the order of its input, whose keys are watched.
    let keys = keys.map(|key| Ok(setting.watch.expr(one_zero(key?, &schema)?))).collect::<Result<Vec<_>>>()?;
    let order = sort_exprs(&window.order_by, &schema, setting.started)?;
    let nulls_first = SortOptions { descending: false, nulls_first: true };
    let first = keys.iter().map(|key| PhysicalSortExpr::new(key.clone(), nulls_first));
    let then = order.iter().map(|key| PhysicalSortExpr::new(setting.watch.expr(key.expr.clone()), key.options));
    let input: Operator = match LexOrdering::new(first.chain(then)) {
        Some(ordering) => {
            let partitioned = input.output_partitioning().partition_count() > 1;
            Arc::new(SortExec::new(ordering, setting.compact(input)).with_preserve_partitioning(partitioned))
        }
        None => input,
    };
    let calls = calls.iter().enumerate().map(|(at, call)| expr(at, call, &keys, &order, &schema, setting));
    Ok(Arc::new(WindowAggExec::try_new(calls.collect::<Result<_>>()?, input, !keys.is_empty())?))
}

fn expr(
    at: usize,
    call: &WindowCall<usize>,
    keys: &[Arc<dyn PhysicalExpr>],
    order: &[PhysicalSortExpr],
    schema: &SchemaRef,
    setting: &Setting,
) -> Result<Arc<dyn WindowExpr>> {
    let number = |number: u64| -> Arc<dyn PhysicalExpr> {
        Arc::new(Literal::new(ScalarValue::Int64(Some(i64::try_from(number).unwrap_or(i64::MAX)))))
    };
    let mut args = call.args.iter().map(|arg| physical(arg, schema, setting.started)).collect::<Result<Vec<_>>>()?;
    let (name, aggregate) = match &call.function {
        WindowFunction::RowNumber => ("row_number", false),
        WindowFunction::Rank => ("rank", false),
        WindowFunction::DenseRank => ("dense_rank", false),
        WindowFunction::PercentRank => ("percent_rank", false),
        WindowFunction::CumeDist => ("cume_dist", false),
        WindowFunction::Ntile(buckets) => {
            args.push(number(*buckets));
            ("ntile", false)
        }
        WindowFunction::Lag(offset) | WindowFunction::Lead(offset) => {
            args.insert(1.min(args.len()), number(*offset));
            (if matches!(call.function, WindowFunction::Lag(_)) { "lag" } else { "lead" }, false)
        }
        WindowFunction::FirstValue => ("first_value", false),
        WindowFunction::LastValue => ("last_value", false),
        WindowFunction::NthValue(n) => {
            args.push(number(*n));
            ("nth_value", false)
        }
        WindowFunction::Aggregate(function) => (function.name(), true),
    };
    let frame = Arc::new(frame(call.frame, !order.is_empty()));
    let alias = format!("w{at}");
    if !aggregate {
        let Some(udwf) = engine::state().window_functions().get(name) else {
            return exec_err!("no window function `{name}`");
        };
        let function = setting.watch.window_function(create_udwf_window_expr(udwf, &args, schema, alias, false)?);
        return Ok(Arc::new(StandardWindowExpr::new(function, keys, order, frame)));
    }
    let Some(udaf) = engine::state().aggregate_functions().get(name) else {
        return exec_err!("no window function `{name}`");
    };
    if args.is_empty() {
        args.push(number(1));
    }
    let fields = args.iter().map(|arg| Ok(Arc::new(Field::new("arg", arg.data_type(schema)?, true))));
    let fields = fields.collect::<Result<Vec<_>>>()?;
    let wanted = fields_with_udf(&fields, udaf.as_ref())?;
    let typed = args.into_iter().zip(fields.iter().zip(&wanted)).map(|(arg, (found, wanted))| {
        match found.data_type() == wanted.data_type() {
            true => Ok(arg),
            false => cast(arg, schema, wanted.data_type().clone()),
        }
    });
    let args = typed.collect::<Result<Vec<_>>>()?;
    let filter = call.filter.as_ref().map(|filter| physical(filter, schema, setting.started)).transpose()?;
    let function = WindowFunctionDefinition::AggregateUDF(setting.watch.aggregate(udaf.clone()));
    create_window_expr(&function, alias, &args, keys, order, frame, schema.clone(), false, false, filter)
}

fn frame(frame: WindowFrame, ordered: bool) -> DfFrame {
    let units = match frame.units {
        FrameUnits::Rows => WindowFrameUnits::Rows,
        FrameUnits::Range if ordered => WindowFrameUnits::Range,
        FrameUnits::Groups if ordered => WindowFrameUnits::Groups,
        // Without an order all rows are peers, so that there are only whole partitions.
        FrameUnits::Range | FrameUnits::Groups => {
            let (start, end) = (FrameBound::UnboundedPreceding, FrameBound::UnboundedFollowing);
            return self::frame(WindowFrame::rows(start, end), ordered);
        }
    };
    let rows = |rows: Option<u64>| match units {
        WindowFrameUnits::Range => ScalarValue::Null,
        _ => ScalarValue::UInt64(rows),
    };
    let bound = |bound| match bound {
        FrameBound::UnboundedPreceding => WindowFrameBound::Preceding(rows(None)),
        FrameBound::Preceding(by) => WindowFrameBound::Preceding(rows(Some(by))),
        FrameBound::CurrentRow => WindowFrameBound::CurrentRow,
        FrameBound::Following(by) => WindowFrameBound::Following(rows(Some(by))),
        FrameBound::UnboundedFollowing => WindowFrameBound::Following(rows(None)),
    };
    DfFrame::new_bounds(units, bound(frame.start), bound(frame.end))
}
