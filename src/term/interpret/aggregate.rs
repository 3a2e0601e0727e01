//! Groups and aggregates. Nulls are one group; an aggregate ignores them.

use arrow_schema::DataType;
use indexmap::{IndexMap, IndexSet};

use super::arithmetic::{integer, rescale};
use super::compare::{as_float, order};
use super::scalar::{Context, Positions, positions};
use super::{EvalError, Relation, Row, Value};
use crate::expr::AggregateFunction;
use crate::expr::Overflow;
use crate::term::{AggregateSpec, ColumnId, TermAggregate};

/// One row per group, groups in the order of their first row; without keys, one row even over nothing.
pub(super) fn aggregate(context: Context<'_>, spec: &AggregateSpec, input: &Relation) -> Result<Relation, EvalError> {
    let at = positions(&input.columns);
    let key = |column: &ColumnId| {
        at.get(column).copied().ok_or(EvalError::MissingColumn { place: "an aggregate", column: *column })
    };
    let keys = spec.group.iter().map(key).collect::<Result<Vec<_>, _>>()?;
    let mut groups: IndexMap<Row, Vec<&Row>> = IndexMap::new();
    if keys.is_empty() {
        groups.insert(Row::new(), Vec::new());
    }
    for row in &input.rows {
        let group = keys.iter().map(|at| row[*at].group_key(context.semantics)).collect();
        groups.entry(group).or_default().push(row);
    }
    let mut rows = Vec::with_capacity(groups.len());
    for (mut row, members) in groups {
        for (_, call) in &spec.aggregates {
            row.push(context.aggregate(call, &at, &members)?);
        }
        rows.push(row);
    }
    let columns = spec.group.iter().chain(spec.aggregates.iter().map(|(column, _)| column));
    Ok(Relation { columns: columns.copied().collect(), rows })
}

/// One of equal rows, in the order of the first ones.
pub(super) fn distinct(context: Context<'_>, input: &Relation) -> Relation {
    let key = |row: &Row| row.iter().map(|value| value.group_key(context.semantics)).collect::<Row>();
    let rows: IndexSet<Row> = input.rows.iter().map(key).collect();
    Relation { columns: input.columns.clone(), rows: rows.into_iter().collect() }
}

impl Context<'_> {
    pub(super) fn aggregate(&self, call: &TermAggregate, at: &Positions, members: &[&Row]) -> Result<Value, EvalError> {
        let mut values: Vec<Row> = Vec::new();
        for row in members {
            if let Some(filter) = call.filter
                && self.scalar(filter, at, row)?.as_bool() != Some(true)
            {
                continue;
            }
            let args = call.args.iter().map(|arg| self.scalar(*arg, at, row)).collect::<Result<Row, _>>()?;
            // The engine's own aggregates see nulls, too.
            if matches!(call.function, AggregateFunction::Other(_)) || !args.iter().any(Value::is_null) {
                values.push(args);
            }
        }
        if call.distinct {
            let keys = values.iter().map(|row| row.iter().map(|value| value.group_key(self.semantics)).collect());
            values = keys.collect::<IndexSet<Row>>().into_iter().collect();
        }
        if call.function == AggregateFunction::Count {
            return Ok((values.len() as i64).into());
        }
        let unknown = || EvalError::Unsupported { what: format!("`{}` here", self.terms.call_tree(call)) };
        if let (AggregateFunction::Other(function), Some(calls)) = (&call.function, self.tables.aggregates()) {
            let failed = |reason| EvalError::Call { function: function.name.to_string(), reason };
            return calls(function, &values).map_err(failed);
        }
        let types: Vec<DataType> =
            call.args.iter().map(|arg| self.terms.scalar_facts(*arg).data_type.clone()).collect();
        let kind = self.terms.functions().aggregate_type(&call.function, &types).ok_or_else(unknown)?;
        let Some(values) = values.into_iter().map(|mut row| row.pop()).collect::<Option<Vec<Value>>>() else {
            return Err(unknown());
        };
        let overflow =
            || EvalError::Overflow { scalar: self.terms.call_tree(call).to_string(), data_type: kind.clone() };
        match &call.function {
            AggregateFunction::Min => least(values, |order| order.is_lt()),
            AggregateFunction::Max => least(values, |order| order.is_gt()),
            AggregateFunction::Grouping | AggregateFunction::Other(_) => Err(unknown()),
            _ if values.is_empty() => Ok(Value::Null),
            AggregateFunction::Sum => match &kind {
                DataType::Float32 | DataType::Float64 => Ok(Value::Float(kind.clone(), float_sum(&values)?)),
                DataType::Decimal128(precision, scale) => {
                    let (sum, _) = self.exact_sum(&values, i32::from(*scale)).ok_or_else(overflow)?;
                    Ok(Value::decimal(sum, *precision, *scale))
                }
                kind if kind.is_integer() => {
                    let (sum, _) = self.exact_sum(&values, 0).ok_or_else(overflow)?;
                    integer(sum, kind, self.semantics).map(|sum| Value::Int(kind.clone(), sum)).map_err(|_| overflow())
                }
                _ => Err(unknown()),
            },
            _ => match &kind {
                DataType::Float64 => Ok(Value::from(float_sum(&values)? / values.len() as f64)),
                // The sum has the argument's scale; the mean is cut off at its own, not rounded.
                DataType::Decimal128(precision, scale) => {
                    let own = values.iter().find_map(|value| match value {
                        Value::Decimal { scale, .. } => Some(i32::from(*scale)),
                        _ => None,
                    });
                    let own = own.unwrap_or(0);
                    let (sum, count) = self.exact_sum(&values, own).ok_or_else(overflow)?;
                    let sum = rescale(sum, i32::from(*scale) - own).map_err(|_| overflow())?;
                    let mean = sum / count;
                    match mean.unsigned_abs() < 10u128.pow(u32::from(*precision)) {
                        true => Ok(Value::decimal(mean, *precision, *scale)),
                        false => Err(overflow()),
                    }
                }
                _ => Err(unknown()),
            },
        }
    }

    /// The sum of integers or decimals at a scale, and how many there were; `None` on overflow.
    fn exact_sum(&self, values: &[Value], scale: i32) -> Option<(i128, i128)> {
        let mut sum = 0i128;
        for value in values {
            let value = match value {
                Value::Int(_, value) => rescale(*value, scale).ok()?,
                Value::Decimal { unscaled, scale: own, .. } => rescale(*unscaled, scale - i32::from(*own)).ok()?,
                _ => return None,
            };
            sum = match self.semantics.overflow {
                Overflow::Wrap => sum.wrapping_add(value),
                Overflow::Error => sum.checked_add(value)?,
            };
        }
        Some((sum, values.len() as i128))
    }
}

/// In row order: rounding depends on it.
fn float_sum(values: &[Value]) -> Result<f64, EvalError> {
    values.iter().try_fold(0.0, |sum, value| Ok(sum + as_float(value)?))
}

fn least(values: Vec<Value>, before: fn(std::cmp::Ordering) -> bool) -> Result<Value, EvalError> {
    let mut least: Option<Value> = None;
    for value in values {
        let wins = match &least {
            Some(least) => before(order(&value, least)?),
            None => true,
        };
        if wins {
            least = Some(value);
        }
    }
    Ok(least.unwrap_or(Value::Null))
}
