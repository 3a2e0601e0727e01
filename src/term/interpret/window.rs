//! Windows: each row sees the rows of its partition, in an order.

use std::cmp::Ordering;
use std::ops::Range;

use indexmap::IndexMap;

use super::plan::compare_keys;
use super::scalar::{Context, Positions, positions};
use super::{EvalError, Relation, Row, Value};
use crate::expr::{FrameBound, FrameUnits, WindowFrame, WindowFunction};
use crate::term::{TermAggregate, TermSortKey, TermWindowCall, WindowSpec};

/// The rows with a column per call. Partitions come in the order of their first rows, each in its own
/// order; rows that tie keep theirs.
pub(super) fn window(context: Context<'_>, spec: &WindowSpec, input: &Relation) -> Result<Relation, EvalError> {
    let at = positions(&input.columns);
    let key = |column| at.get(column).copied().ok_or(EvalError::MissingColumn { place: "a window", column: *column });
    let keys = spec.partition_by.iter().map(key).collect::<Result<Vec<_>, _>>()?;
    let sorted_by = context.sort_values(&spec.order_by, input)?;
    let mut partitions: IndexMap<Row, Vec<usize>> = IndexMap::new();
    for (place, row) in input.rows.iter().enumerate() {
        let group = keys.iter().map(|at| row[*at].group_key(context.semantics)).collect();
        partitions.entry(group).or_default().push(place);
    }
    let mut rows = Vec::with_capacity(input.rows.len());
    for mut members in partitions.into_values() {
        let mut error = None;
        members.sort_by(|a, b| {
            compare_keys(&spec.order_by, &sorted_by[*a], &sorted_by[*b]).unwrap_or_else(|found| {
                error.get_or_insert(found);
                Ordering::Equal
            })
        });
        if let Some(error) = error {
            return Err(error);
        }
        let order: Vec<&Row> = members.iter().map(|member| &sorted_by[*member]).collect();
        let partition = Partition {
            context,
            at: &at,
            rows: members.iter().map(|member| &input.rows[*member]).collect(),
            groups: peer_groups(&spec.order_by, &order)?,
        };
        for (place, row) in partition.rows.iter().enumerate() {
            let mut made = (*row).clone();
            for (_, call) in &spec.calls {
                made.push(partition.call(call, place)?);
            }
            rows.push(made);
        }
    }
    let columns = input.columns.iter().chain(spec.calls.iter().map(|(column, _)| column));
    Ok(Relation { columns: columns.copied().collect(), rows })
}

/// The group of peers that each row is in, from 0.
fn peer_groups(keys: &[TermSortKey], order: &[&Row]) -> Result<Vec<usize>, EvalError> {
    let mut groups = Vec::with_capacity(order.len());
    for place in 0..order.len() {
        let group = match place {
            0 => 0,
            _ => {
                let new = compare_keys(keys, order[place - 1], order[place])?.is_ne();
                groups[place - 1] + usize::from(new)
            }
        };
        groups.push(group);
    }
    Ok(groups)
}

/// One partition in its order.
struct Partition<'a> {
    context: Context<'a>,
    at: &'a Positions,
    rows: Vec<&'a Row>,
    groups: Vec<usize>,
}

impl Partition<'_> {
    fn call(&self, call: &TermWindowCall, place: usize) -> Result<Value, EvalError> {
        let first_peer = self.first_of(self.groups[place]);
        let value = |row: usize| match call.args.first() {
            Some(arg) => self.context.scalar(*arg, self.at, self.rows[row]),
            None => Ok(Value::Null),
        };
        let shifted = |row: Option<usize>| match (row, call.args.get(1)) {
            (Some(row), _) if row < self.rows.len() => value(row),
            (_, Some(default)) => self.context.scalar(*default, self.at, self.rows[place]),
            (_, None) => Ok(Value::Null),
        };
        let frame = || self.frame(call.frame, place);
        match &call.function {
            WindowFunction::RowNumber => Ok(number(place + 1)),
            WindowFunction::Rank => Ok(number(first_peer + 1)),
            WindowFunction::DenseRank => Ok(number(self.groups[place] + 1)),
            WindowFunction::PercentRank => Ok(fraction(first_peer, (self.rows.len() - 1).max(1))),
            WindowFunction::CumeDist => Ok(fraction(self.first_of(self.groups[place] + 1), self.rows.len())),
            WindowFunction::Ntile(buckets) => Ok(number(self.bucket(place, *buckets) + 1)),
            WindowFunction::Lag(offset) => shifted(usize::try_from(*offset).ok().and_then(|by| place.checked_sub(by))),
            WindowFunction::Lead(offset) => shifted(usize::try_from(*offset).ok().and_then(|by| place.checked_add(by))),
            WindowFunction::FirstValue => frame().next().map_or(Ok(Value::Null), value),
            WindowFunction::LastValue => frame().next_back().map_or(Ok(Value::Null), value),
            WindowFunction::NthValue(n) => {
                let skipped = usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
                frame().nth(skipped).map_or(Ok(Value::Null), value)
            }
            WindowFunction::Aggregate(function) => {
                let members: Vec<&Row> = frame().map(|row| self.rows[row]).collect();
                let call = TermAggregate {
                    function: function.clone(),
                    args: call.args.clone(),
                    distinct: false,
                    filter: call.filter,
                };
                self.context.aggregate(&call, self.at, &members)
            }
        }
    }

    /// The first row of a group of peers: as many as there are rows when there is no such group.
    fn first_of(&self, group: usize) -> usize {
        self.groups.partition_point(|known| *known < group)
    }

    /// The bucket of a row, from 0. The first ones have a row more where they cannot all have as many.
    fn bucket(&self, place: usize, buckets: u64) -> usize {
        let buckets = usize::try_from(buckets).unwrap_or(usize::MAX).max(1);
        let (each, larger) = (self.rows.len() / buckets, self.rows.len() % buckets);
        match place.checked_sub(larger * (each + 1)) {
            None => place / (each + 1),
            Some(behind) => larger + behind / each.max(1),
        }
    }

    /// The rows that a call sees from a row.
    fn frame(&self, frame: WindowFrame, place: usize) -> Range<usize> {
        let rows = self.rows.len();
        let group = self.groups[place];
        let back = |from: usize, by: u64| from.checked_sub(usize::try_from(by).unwrap_or(usize::MAX));
        let ahead = |from: usize, by: u64| from.saturating_add(usize::try_from(by).unwrap_or(usize::MAX));
        let by_rows = frame.units == FrameUnits::Rows;
        let start = match frame.start {
            FrameBound::UnboundedPreceding => 0,
            FrameBound::Preceding(by) if by_rows => back(place, by).unwrap_or(0),
            FrameBound::Preceding(by) => self.first_of(back(group, by).unwrap_or(0)),
            FrameBound::CurrentRow if by_rows => place,
            FrameBound::CurrentRow => self.first_of(group),
            FrameBound::Following(by) if by_rows => ahead(place, by),
            FrameBound::Following(by) => self.first_of(ahead(group, by)),
            FrameBound::UnboundedFollowing => rows,
        };
        let end = match frame.end {
            FrameBound::UnboundedPreceding => 0,
            FrameBound::Preceding(by) if by_rows => back(place, by).map_or(0, |last| last + 1),
            FrameBound::Preceding(by) => back(group, by).map_or(0, |last| self.first_of(last + 1)),
            FrameBound::CurrentRow if by_rows => place + 1,
            FrameBound::CurrentRow => self.first_of(group + 1),
            FrameBound::Following(by) if by_rows => ahead(place, by).saturating_add(1),
            FrameBound::Following(by) => self.first_of(ahead(group, by).saturating_add(1)),
            FrameBound::UnboundedFollowing => rows,
        };
        let end = end.min(rows);
        start.min(end)..end
    }
}

fn fraction(part: usize, of: usize) -> Value {
    Value::from(part as f64 / of as f64)
}

fn number(value: usize) -> Value {
    Value::Int(arrow_schema::DataType::UInt64, value as i128)
}
