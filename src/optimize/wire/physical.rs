use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::PhysicalOp;
use crate::expr::wire::{
    CallWire, Codec, ExtensionWire, Reading, ScalarReader, SortKeyWire, Steps, WindowCallWire, WindowWire, WireError,
};
use crate::expr::{JoinKind, NullLists, ScalarType};
use crate::term::{AggregatePhase, Side};

/// A physical operator of a document; `W` is how documents name columns at its layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PhysicalWire<W> {
    Filter(Steps<W>),
    Project(Vec<Steps<W>>),
    HashJoin { join: String, keys: Vec<(Steps<W>, Steps<W>)>, residual: Option<Steps<W>>, build: Side },
    NestedLoopJoin { join: String, condition: Option<Steps<W>> },
    MarkJoin { condition: Option<Steps<W>>, nullable: bool },
    Window { window: WindowWire<W>, calls: Vec<WindowCallWire<W>> },
    Unnest { column: W, nulls: NullLists },
    Aggregate { phase: AggregatePhase, group: Vec<W>, aggregates: Vec<CallWire<W>> },
    Sort { keys: Vec<SortKeyWire<W>>, fetch: Option<u64> },
    Limit { offset: u64, fetch: Option<u64> },
    Union,
    Extension(ExtensionWire),
}

/// The columns that an operator's parts may read, and their types.
pub(crate) trait PhysicalScope<W, C> {
    /// A column of the inputs, one after the other.
    fn column(&self, column: W) -> Result<(C, ScalarType), WireError>;

    /// A column of one input of a join.
    fn side(&self, side: Side, column: W) -> Result<(C, ScalarType), WireError>;

    /// A column over which the calls of an aggregate are written.
    fn argument(&self, phase: AggregatePhase, column: W) -> Result<(C, ScalarType), WireError>;
}

impl<W> PhysicalWire<W> {
    pub(crate) fn of<C>(
        op: &PhysicalOp<C>,
        place: &str,
        codec: &dyn Codec,
        mut column: impl FnMut(&C) -> W,
    ) -> Result<Self, WireError> {
        let column = &mut column;
        Ok(match op {
            PhysicalOp::Filter { predicate } => PhysicalWire::Filter(Steps::of(predicate, place, column)?),
            PhysicalOp::Project { columns } => {
                let columns = columns.iter().map(|scalar| Steps::of(scalar, place, column));
                PhysicalWire::Project(columns.collect::<Result<_, _>>()?)
            }
            PhysicalOp::HashJoin { kind, keys, residual, build } => {
                let mut pairs = Vec::with_capacity(keys.len());
                for (left, right) in keys {
                    pairs.push((Steps::of(left, place, column)?, Steps::of(right, place, column)?));
                }
                let residual = residual.as_ref().map(|residual| Steps::of(residual, place, column)).transpose()?;
                PhysicalWire::HashJoin { join: kind.name().to_owned(), keys: pairs, residual, build: *build }
            }
            PhysicalOp::NestedLoopJoin { kind, condition } => {
                let condition = condition.as_ref().map(|condition| Steps::of(condition, place, column)).transpose()?;
                PhysicalWire::NestedLoopJoin { join: kind.name().to_owned(), condition }
            }
            PhysicalOp::MarkJoin { condition, nullable } => {
                let condition = condition.as_ref().map(|condition| Steps::of(condition, place, column)).transpose()?;
                PhysicalWire::MarkJoin { condition, nullable: *nullable }
            }
            PhysicalOp::Window { window, calls } => {
                let window = WindowWire::of(window, place, column)?;
                let calls = calls.iter().map(|call| WindowCallWire::of(call, place, column));
                PhysicalWire::Window { window, calls: calls.collect::<Result<_, _>>()? }
            }
            PhysicalOp::Unnest { column: list, nulls } => PhysicalWire::Unnest { column: column(list), nulls: *nulls },
            PhysicalOp::Aggregate { phase, group, aggregates } => {
                let group = group.iter().map(&mut *column).collect();
                let aggregates = aggregates.iter().map(|call| CallWire::of(call, place, column));
                PhysicalWire::Aggregate { phase: *phase, group, aggregates: aggregates.collect::<Result<_, _>>()? }
            }
            PhysicalOp::Sort { keys, fetch } => {
                let keys = keys.iter().map(|key| SortKeyWire::of(key, place, column));
                PhysicalWire::Sort { keys: keys.collect::<Result<_, _>>()?, fetch: *fetch }
            }
            PhysicalOp::Limit { offset, fetch } => PhysicalWire::Limit { offset: *offset, fetch: *fetch },
            PhysicalOp::Union => PhysicalWire::Union,
            PhysicalOp::Extension { extension } => PhysicalWire::Extension(ExtensionWire::of(extension, place, codec)?),
        })
    }

    pub(crate) fn read<C: fmt::Display>(
        self,
        place: &str,
        reading: &Reading<'_>,
        scope: &impl PhysicalScope<W, C>,
    ) -> Result<PhysicalOp<C>, WireError> {
        let reader = ScalarReader { reading, place, typed: false, outer: false };
        let kind = |name: &str| {
            JoinKind::from_name(name).ok_or_else(|| WireError::invalid(place, format!("no join is called {name:?}")))
        };
        let scalar = |steps: Steps<W>| reader.read(steps, &mut |column| scope.column(column)).map(|(scalar, _)| scalar);
        let side = |side: Side, steps: Steps<W>| {
            reader.read(steps, &mut |column| scope.side(side, column)).map(|(scalar, _)| scalar)
        };
        Ok(match self {
            PhysicalWire::Filter(predicate) => PhysicalOp::Filter { predicate: scalar(predicate)? },
            PhysicalWire::Project(columns) => {
                PhysicalOp::Project { columns: columns.into_iter().map(scalar).collect::<Result<_, _>>()? }
            }
            PhysicalWire::HashJoin { join, keys, residual, build } => {
                let keys =
                    keys.into_iter().map(|(left, right)| Ok((side(Side::Left, left)?, side(Side::Right, right)?)));
                PhysicalOp::HashJoin {
                    kind: kind(&join)?,
                    keys: keys.collect::<Result<_, WireError>>()?,
                    residual: residual.map(scalar).transpose()?,
                    build,
                }
            }
            PhysicalWire::NestedLoopJoin { join, condition } => {
                PhysicalOp::NestedLoopJoin { kind: kind(&join)?, condition: condition.map(scalar).transpose()? }
            }
            PhysicalWire::MarkJoin { condition, nullable } => {
                PhysicalOp::MarkJoin { condition: condition.map(scalar).transpose()?, nullable }
            }
            PhysicalWire::Window { window, calls } => {
                let window = window.read(&reader, &mut |column| scope.column(column))?;
                let calls = calls.into_iter().map(|call| call.read(&reader, &mut |column| scope.column(column)));
                PhysicalOp::Window { window, calls: calls.collect::<Result<_, _>>()? }
            }
            PhysicalWire::Unnest { column, nulls } => {
                let (column, _) = scope.column(column)?;
                PhysicalOp::Unnest { column, nulls }
            }
            PhysicalWire::Aggregate { phase, group, aggregates } => {
                let group = group.into_iter().map(|column| scope.column(column).map(|(column, _)| column));
                let group = group.collect::<Result<_, _>>()?;
                let aggregates =
                    aggregates.into_iter().map(|call| call.read(&reader, &mut |column| scope.argument(phase, column)));
                PhysicalOp::Aggregate { phase, group, aggregates: aggregates.collect::<Result<_, _>>()? }
            }
            PhysicalWire::Sort { keys, fetch } => {
                let keys = keys.into_iter().map(|key| key.read(&reader, &mut |column| scope.column(column)));
                PhysicalOp::Sort { keys: keys.collect::<Result<_, _>>()?, fetch }
            }
            PhysicalWire::Limit { offset, fetch } => PhysicalOp::Limit { offset, fetch },
            PhysicalWire::Union => PhysicalOp::Union,
            PhysicalWire::Extension(extension) => PhysicalOp::Extension { extension: extension.read(place, reading)? },
        })
    }
}
