//! Aggregates of SQL.

use std::sync::Arc;

use arrow_schema::Field;
use datafusion::logical_expr::{Aggregate, AggregateUDF, Expr as DfExpr};
use leafhold::expr::{AggregateCall, AggregateFunction, Expr, Name, Scalar, ScalarOp};

use super::Stop;
use super::names::Names;
use super::relation::{Converter, label};
use super::scalar::scalar;
use super::scope::Scope;
use crate::EngineFunctions;
use crate::functions::aggregate_info;

impl Converter {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Expr, Stop> {
        if let [DfExpr::GroupingSet(sets)] = &*aggregate.group_expr {
            return self.grouping_sets(aggregate, sets);
        }
        let input = self.relation(&aggregate.input)?;
        let scope = self.scope([(&**aggregate.input.schema(), input.schema().clone())]);
        let mut names = Names::default();
        let keys = aggregate.group_expr.iter().collect::<Vec<_>>();
        let group = keys_of(aggregate, &keys, &scope, &mut names)?;
        let calls = calls_of(aggregate, &scope, &mut names)?;
        Ok(input.aggregate(group, calls, &EngineFunctions)?)
    }
}

/// The keys of an aggregate, under the names of their columns or of what DataFusion calls them.
pub(super) fn keys_of(
    aggregate: &Aggregate,
    keys: &[&DfExpr],
    scope: &Scope<'_>,
    names: &mut Names,
) -> Result<Vec<(Name, Scalar)>, Stop> {
    let mut group = Vec::with_capacity(keys.len());
    for (key, (qualifier, field)) in keys.iter().zip(aggregate.schema.iter()) {
        let scalar = scalar(key, scope)?;
        let name = match &scalar.op {
            ScalarOp::Column(name) => names.unique(name, qualifier),
            _ => names.unique(label(field.name(), "key"), qualifier),
        };
        group.push((name, scalar));
    }
    Ok(group)
}

/// The calls of an aggregate: the last columns that it gives.
pub(super) fn calls_of(
    aggregate: &Aggregate,
    scope: &Scope<'_>,
    names: &mut Names,
) -> Result<Vec<(Name, AggregateCall)>, Stop> {
    let before = aggregate.schema.fields().len().saturating_sub(aggregate.aggr_expr.len());
    let mut calls = Vec::with_capacity(aggregate.aggr_expr.len());
    for (expr, field) in aggregate.aggr_expr.iter().zip(aggregate.schema.fields().iter().skip(before)) {
        let call = aggregate_call(expr, field, scope)?;
        calls.push((names.unique(label(field.name(), call.function.name()), None), call));
    }
    Ok(calls)
}

fn aggregate_call(expr: &DfExpr, field: &Field, scope: &Scope<'_>) -> Result<AggregateCall, Stop> {
    let function = match expr {
        DfExpr::Alias(alias) => return aggregate_call(&alias.expr, field, scope),
        DfExpr::AggregateFunction(function) => function,
        _ => return Err(Stop::Opaque),
    };
    let params = &function.params;
    if !params.order_by.is_empty() || params.null_treatment.is_some() {
        return Err(Stop::Opaque);
    }
    let args = params.args.iter().map(|arg| scalar(arg, scope)).collect::<Result<Vec<_>, _>>()?;
    let filter = params.filter.as_deref().map(|filter| scalar(filter, scope)).transpose()?;
    Ok(known_call(&function.func, args, params.distinct, filter, field))
}

/// A call of an aggregate function of DataFusion's that gives `field`.
pub(super) fn known_call(
    function: &AggregateUDF,
    mut args: Vec<Scalar>,
    distinct: bool,
    filter: Option<Scalar>,
    field: &Field,
) -> AggregateCall {
    let known = match (function.name(), args.len()) {
        ("count", 1) => AggregateFunction::Count,
        ("sum", 1) => AggregateFunction::Sum,
        ("min", 1) => AggregateFunction::Min,
        ("max", 1) => AggregateFunction::Max,
        ("avg", 1) => AggregateFunction::Avg,
        _ => AggregateFunction::Other(Arc::new(aggregate_info(function, field.data_type().clone()))),
    };
    if known == AggregateFunction::Count && !distinct {
        // A constant that is not null counts rows.
        args.retain(|arg| !matches!(&arg.op, ScalarOp::Literal(value) if !value.is_null()));
    }
    AggregateCall { function: known, args, distinct, filter }
}
