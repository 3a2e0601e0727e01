//! What relational operators share at every layer: sort keys and aggregate calls.

use std::fmt;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use super::super::{AggregateCall, AggregateFunction, ScalarType, SortKey};
use super::scalar::FunctionName;
use super::{ScalarReader, Steps, WireError};

/// One key of a sort.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SortKeyWire<C> {
    scalar: Steps<C>,
    descending: bool,
    nulls_first: bool,
}

impl<W> SortKeyWire<W> {
    pub(crate) fn of<C>(key: &SortKey<C>, place: &str, column: &mut impl FnMut(&C) -> W) -> Result<Self, WireError> {
        let SortKey { scalar, descending, nulls_first } = key;
        let scalar = Steps::of(scalar, place, column)?;
        Ok(SortKeyWire { scalar, descending: *descending, nulls_first: *nulls_first })
    }

    pub(crate) fn read<C: fmt::Display>(
        self,
        reader: &ScalarReader<'_>,
        column: &mut impl FnMut(W) -> Result<(C, ScalarType), WireError>,
    ) -> Result<SortKey<C>, WireError> {
        let (scalar, _) = reader.read(self.scalar, column)?;
        Ok(SortKey { scalar, descending: self.descending, nulls_first: self.nulls_first })
    }
}

/// One aggregate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CallWire<C> {
    function: AggregateWire,
    args: Vec<Steps<C>>,
    distinct: bool,
    filter: Option<Steps<C>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AggregateWire {
    Count,
    Sum,
    Min,
    Max,
    Avg,
    Grouping,
    Other(FunctionName),
}

impl AggregateWire {
    pub(super) fn of(function: &AggregateFunction) -> Self {
        match function {
            AggregateFunction::Count => AggregateWire::Count,
            AggregateFunction::Sum => AggregateWire::Sum,
            AggregateFunction::Min => AggregateWire::Min,
            AggregateFunction::Max => AggregateWire::Max,
            AggregateFunction::Avg => AggregateWire::Avg,
            AggregateFunction::Grouping => AggregateWire::Grouping,
            AggregateFunction::Other(function) => AggregateWire::Other(FunctionName::of(function)),
        }
    }

    /// The function, for arguments of these types.
    pub(super) fn read(self, reader: &ScalarReader<'_>, types: &[DataType]) -> Result<AggregateFunction, WireError> {
        Ok(match self {
            AggregateWire::Count => AggregateFunction::Count,
            AggregateWire::Sum => AggregateFunction::Sum,
            AggregateWire::Min => AggregateFunction::Min,
            AggregateWire::Max => AggregateFunction::Max,
            AggregateWire::Avg => AggregateFunction::Avg,
            AggregateWire::Grouping => AggregateFunction::Grouping,
            AggregateWire::Other(function) => AggregateFunction::Other(reader.aggregate(function, types)?),
        })
    }
}

impl<W> CallWire<W> {
    pub(crate) fn of<C>(
        call: &AggregateCall<C>,
        place: &str,
        column: &mut impl FnMut(&C) -> W,
    ) -> Result<Self, WireError> {
        let AggregateCall { function, args, distinct, filter } = call;
        let function = AggregateWire::of(function);
        let args = Steps::of_args(args, place, column)?;
        let filter = filter.as_ref().map(|filter| Steps::of(filter, place, column)).transpose()?;
        Ok(CallWire { function, args, distinct: *distinct, filter })
    }

    pub(crate) fn read<C: fmt::Display>(
        self,
        reader: &ScalarReader<'_>,
        column: &mut impl FnMut(W) -> Result<(C, ScalarType), WireError>,
    ) -> Result<AggregateCall<C>, WireError> {
        let (args, types) = reader.read_args(self.args, column)?;
        let filter = self.filter.map(|filter| reader.read(filter, column).map(|(filter, _)| filter)).transpose()?;
        let function = self.function.read(reader, &types)?;
        Ok(AggregateCall { function, args, distinct: self.distinct, filter })
    }
}
