//! Windows of SQL.

use arrow_schema::Field;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction as DfCall};
use datafusion::logical_expr::{
    Expr as DfExpr, Window as DfWindow, WindowFrame as DfFrame, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition,
};
use leafhold::expr::{
    Expr, FrameBound, FrameUnits, Literal, Name, Scalar, ScalarOp, Window, WindowCall, WindowFrame, WindowFunction, col,
};

use super::aggregate::known_call;
use super::names::Names;
use super::relation::{Converter, label, sort_keys};
use super::scalar::scalar;
use super::scope::Scope;
use super::{Stop, invalid};
use crate::EngineFunctions;

impl Converter {
    /// An operator for each window, in a chain, over the input. What one of the calls needs and an operator does not have
    /// (distances of values, distinct aggregates, nulls that are passed over) makes all of them DataFusion's.
    pub(super) fn window(&mut self, window: &DfWindow) -> Result<Expr, Stop> {
        let input = self.relation(&window.input)?;
        let given = input.schema().clone();
        let scope = self.scope([(&**window.input.schema(), given.clone())]);
        let mut names = Names::default();
        given.fields().iter().for_each(|field| names.reserve(field.name()));
        let mut order: Vec<Name> = given.fields().iter().map(|field| field.name().as_str().into()).collect();
        let mut windows: Vec<(Window, Vec<(Name, WindowCall)>)> = Vec::new();
        for (expr, field) in window.window_expr.iter().zip(window.schema.fields().iter().skip(given.fields().len())) {
            let call = df_call(expr)?;
            let (over, made) = window_call(call, field, &scope)?;
            let name = names.unique(label(field.name(), call.fun.name()), None);
            order.push(name.clone());
            match windows.iter_mut().find(|(known, _)| *known == over) {
                Some((_, calls)) => calls.push((name, made)),
                None => windows.push((over, vec![(name, made)])),
            }
        }
        let chain =
            windows.into_iter().try_fold(input, |expr, (over, calls)| expr.window(over, calls, &EngineFunctions));
        let expr = chain?;
        let schema = expr.schema().clone();
        let mut made = order.iter().zip(window.schema.fields()).skip(given.fields().len());
        let typed = made.all(|(name, wanted)| {
            schema.fields().find(name).is_some_and(|(_, field)| field.data_type() == wanted.data_type())
        });
        if !typed {
            return Err(Stop::Opaque);
        }
        if schema.fields().iter().zip(&order).all(|(field, name)| field.name() == &**name) {
            return Ok(expr);
        }
        let columns = order.into_iter().map(|name| (name.clone(), col(&*name)));
        Ok(expr.project(columns.collect::<Vec<_>>(), &EngineFunctions)?)
    }
}

fn df_call(expr: &DfExpr) -> Result<&DfCall, Stop> {
    match expr {
        DfExpr::Alias(alias) => df_call(&alias.expr),
        DfExpr::WindowFunction(call) => Ok(call),
        _ => Err(Stop::Opaque),
    }
}

/// A call, and the window that it is over.
fn window_call(call: &DfCall, field: &Field, scope: &Scope<'_>) -> Result<(Window, WindowCall), Stop> {
    let params = &call.params;
    if params.distinct || params.null_treatment.is_some_and(|treatment| treatment == NullTreatment::IgnoreNulls) {
        return Err(Stop::Opaque);
    }
    let mut order_by = sort_keys(&params.order_by, scope)?;
    // A constant orders nothing; DataFusion adds one where SQL names a range and no order. Groups are not counted without.
    if params.window_frame.units != WindowFrameUnits::Groups {
        order_by.retain(|key| !matches!(key.scalar.op, ScalarOp::Literal(_)));
    }
    let partition_by = params.partition_by.iter().map(|key| scalar(key, scope)).collect::<Result<Vec<_>, _>>()?;
    let args = params.args.iter().map(|arg| scalar(arg, scope)).collect::<Result<Vec<_>, _>>()?;
    let filter = params.filter.as_deref().map(|filter| scalar(filter, scope)).transpose()?;
    let frame = frame(&params.window_frame, !order_by.is_empty())?;
    let made = match &call.fun {
        WindowFunctionDefinition::AggregateUDF(function) => {
            let call = known_call(function, args, false, filter, field);
            call.over(frame)?
        }
        WindowFunctionDefinition::WindowUDF(function) => {
            let (function, args) = window_function(function.name(), args, field)?;
            let frame = if function.reads_frame() { frame } else { WindowFrame::UP_TO_PEERS };
            WindowCall { function, args, frame, filter }
        }
    };
    Ok((Window { partition_by, order_by }, made))
}

/// A function that only windows have, and its arguments that are no part of it.
fn window_function(name: &str, args: Vec<Scalar>, field: &Field) -> Result<(WindowFunction, Vec<Scalar>), Stop> {
    let mut args = args.into_iter();
    let (value, number, default) = (args.next(), args.next(), args.next());
    let plain = |function| match number {
        None => Ok((function, value.clone().into_iter().collect())),
        Some(_) => Err(Stop::Opaque),
    };
    match name {
        "row_number" => plain(WindowFunction::RowNumber),
        "rank" => plain(WindowFunction::Rank),
        "dense_rank" => plain(WindowFunction::DenseRank),
        "percent_rank" => plain(WindowFunction::PercentRank),
        "cume_dist" => plain(WindowFunction::CumeDist),
        "ntile" => match value.as_ref().map(integer).transpose()? {
            Some(buckets @ 1..) => Ok((WindowFunction::Ntile(buckets.unsigned_abs()), Vec::new())),
            _ => Err(Stop::Opaque),
        },
        "first_value" => plain(WindowFunction::FirstValue),
        "last_value" => plain(WindowFunction::LastValue),
        "nth_value" => match number.as_ref().map(integer).transpose()? {
            Some(n @ 1..) => Ok((WindowFunction::NthValue(n.unsigned_abs()), value.into_iter().collect())),
            // From the frame's end, or wrong.
            _ => Err(Stop::Opaque),
        },
        "lag" | "lead" => {
            let by = number.as_ref().map(integer).transpose()?.unwrap_or(1);
            // A negative distance goes the other way.
            let function = match (name == "lag") == (by >= 0) {
                true => WindowFunction::Lag(by.unsigned_abs()),
                false => WindowFunction::Lead(by.unsigned_abs()),
            };
            let default = default.map(|default| self::default(&default, field)).transpose()?.flatten();
            Ok((function, value.into_iter().chain(default).collect()))
        }
        _ => Err(Stop::Opaque),
    }
}

fn constant(scalar: &Scalar) -> Result<ScalarValue, Stop> {
    match &scalar.op {
        ScalarOp::Literal(value) => ScalarValue::try_from_array(value.array(), 0).map_err(invalid),
        _ => Err(Stop::Opaque),
    }
}

/// A number of rows, where a null is none.
fn integer(scalar: &Scalar) -> Result<i64, Stop> {
    let value = constant(scalar)?;
    match value.is_null() {
        true => Ok(0),
        false if value.data_type().is_integer() => match value.cast_to(&arrow_schema::DataType::Int64) {
            Ok(ScalarValue::Int64(Some(number))) => Ok(number),
            _ => Err(Stop::Opaque),
        },
        false => Err(Stop::Opaque),
    }
}

/// The default of `lag` and `lead` in the type of their value; none, if it is null.
fn default(scalar: &Scalar, field: &Field) -> Result<Option<Scalar>, Stop> {
    let value = constant(scalar)?;
    if value.is_null() {
        return Ok(None);
    }
    let array = value.cast_to(field.data_type()).and_then(|value| value.to_array_of_size(1));
    array.map(|array| Some(Scalar::literal(Literal::new(array)))).map_err(|_| Stop::Opaque)
}

fn frame(frame: &DfFrame, ordered: bool) -> Result<WindowFrame, Stop> {
    let units = match frame.units {
        WindowFrameUnits::Rows => FrameUnits::Rows,
        WindowFrameUnits::Range => FrameUnits::Range,
        WindowFrameUnits::Groups => FrameUnits::Groups,
    };
    let count = |by: &ScalarValue| match by {
        ScalarValue::UInt64(Some(by)) if units != FrameUnits::Range => Ok(*by),
        // A distance of values.
        _ => Err(Stop::Opaque),
    };
    let bound = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(by) if by.is_null() => Ok(FrameBound::UnboundedPreceding),
        WindowFrameBound::Preceding(by) => count(by).map(FrameBound::Preceding),
        WindowFrameBound::CurrentRow => Ok(FrameBound::CurrentRow),
        WindowFrameBound::Following(by) if by.is_null() => Ok(FrameBound::UnboundedFollowing),
        WindowFrameBound::Following(by) => count(by).map(FrameBound::Following),
    };
    let frame = WindowFrame { units, start: bound(&frame.start_bound)?, end: bound(&frame.end_bound)? };
    // Without an order the whole partition is what a window sees that says nothing of it.
    Ok(if frame == WindowFrame::ALL && !ordered { WindowFrame::UP_TO_PEERS } else { frame })
}
