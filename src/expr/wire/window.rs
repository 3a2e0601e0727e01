//! Windows and their calls, at every layer.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::{ScalarType, Window, WindowCall, WindowFrame, WindowFunction};
use super::relation::AggregateWire;
use super::{ScalarReader, SortKeyWire, Steps, WireError};

/// Which rows see each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowWire<C> {
    partition_by: Vec<Steps<C>>,
    order_by: Vec<SortKeyWire<C>>,
}

/// One call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowCallWire<C> {
    function: WindowFunctionWire,
    args: Vec<Steps<C>>,
    frame: WindowFrame,
    filter: Option<Steps<C>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WindowFunctionWire {
    RowNumber,
    Rank,
    DenseRank,
    PercentRank,
    CumeDist,
    Ntile(u64),
    Lag(u64),
    Lead(u64),
    FirstValue,
    LastValue,
    NthValue(u64),
    Aggregate(AggregateWire),
}

impl<W> WindowWire<W> {
    pub(crate) fn of<C>(window: &Window<C>, place: &str, column: &mut impl FnMut(&C) -> W) -> Result<Self, WireError> {
        let Window { partition_by, order_by } = window;
        let partition_by = partition_by.iter().map(|key| Steps::of(key, place, column)).collect::<Result<_, _>>()?;
        let order_by = order_by.iter().map(|key| SortKeyWire::of(key, place, column)).collect::<Result<_, _>>()?;
        Ok(WindowWire { partition_by, order_by })
    }

    pub(crate) fn read<C: fmt::Display>(
        self,
        reader: &ScalarReader<'_>,
        column: &mut impl FnMut(W) -> Result<(C, ScalarType), WireError>,
    ) -> Result<Window<C>, WireError> {
        let partition_by = self.partition_by.into_iter().map(|key| reader.read(key, column).map(|(key, _)| key));
        let partition_by = partition_by.collect::<Result<_, _>>()?;
        let order_by = self.order_by.into_iter().map(|key| key.read(reader, column)).collect::<Result<_, _>>()?;
        Ok(Window { partition_by, order_by })
    }
}

impl<W> WindowCallWire<W> {
    pub(crate) fn of<C>(
        call: &WindowCall<C>,
        place: &str,
        column: &mut impl FnMut(&C) -> W,
    ) -> Result<Self, WireError> {
        let WindowCall { function, args, frame, filter } = call;
        let function = match function {
            WindowFunction::RowNumber => WindowFunctionWire::RowNumber,
            WindowFunction::Rank => WindowFunctionWire::Rank,
            WindowFunction::DenseRank => WindowFunctionWire::DenseRank,
            WindowFunction::PercentRank => WindowFunctionWire::PercentRank,
            WindowFunction::CumeDist => WindowFunctionWire::CumeDist,
            WindowFunction::Ntile(buckets) => WindowFunctionWire::Ntile(*buckets),
            WindowFunction::Lag(offset) => WindowFunctionWire::Lag(*offset),
            WindowFunction::Lead(offset) => WindowFunctionWire::Lead(*offset),
            WindowFunction::FirstValue => WindowFunctionWire::FirstValue,
            WindowFunction::LastValue => WindowFunctionWire::LastValue,
            WindowFunction::NthValue(row) => WindowFunctionWire::NthValue(*row),
            WindowFunction::Aggregate(function) => WindowFunctionWire::Aggregate(AggregateWire::of(function)),
        };
        let args = Steps::of_args(args, place, column)?;
        let filter = filter.as_ref().map(|filter| Steps::of(filter, place, column)).transpose()?;
        Ok(WindowCallWire { function, args, frame: *frame, filter })
    }

    pub(crate) fn read<C: fmt::Display>(
        self,
        reader: &ScalarReader<'_>,
        column: &mut impl FnMut(W) -> Result<(C, ScalarType), WireError>,
    ) -> Result<WindowCall<C>, WireError> {
        let (args, types) = reader.read_args(self.args, column)?;
        let filter = self.filter.map(|filter| reader.read(filter, column).map(|(filter, _)| filter)).transpose()?;
        let function = match self.function {
            WindowFunctionWire::RowNumber => WindowFunction::RowNumber,
            WindowFunctionWire::Rank => WindowFunction::Rank,
            WindowFunctionWire::DenseRank => WindowFunction::DenseRank,
            WindowFunctionWire::PercentRank => WindowFunction::PercentRank,
            WindowFunctionWire::CumeDist => WindowFunction::CumeDist,
            WindowFunctionWire::Ntile(buckets) => WindowFunction::Ntile(buckets),
            WindowFunctionWire::Lag(offset) => WindowFunction::Lag(offset),
            WindowFunctionWire::Lead(offset) => WindowFunction::Lead(offset),
            WindowFunctionWire::FirstValue => WindowFunction::FirstValue,
            WindowFunctionWire::LastValue => WindowFunction::LastValue,
            WindowFunctionWire::NthValue(row) => WindowFunction::NthValue(row),
            WindowFunctionWire::Aggregate(function) => WindowFunction::Aggregate(function.read(reader, &types)?),
        };
        Ok(WindowCall { function, args, frame: self.frame, filter })
    }
}
