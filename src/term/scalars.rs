use arrow_schema::DataType;
use smallvec::SmallVec;

use super::{ColumnId, ColumnSet};
use crate::expr::{AggregateFunction, ScalarOp, Volatility, WindowFrame, WindowFunction};

/// An interned scalar of [`super::Terms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScalarId(pub u32);

/// An operator and its interned operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScalarNode {
    /// What the node does.
    pub op: ScalarOp<ColumnId>,
    /// Its operands.
    pub args: SmallVec<[ScalarId; 3]>,
}

/// What is known of an interned scalar.
#[derive(Clone, Debug)]
pub struct ScalarFacts {
    /// The Arrow type.
    pub data_type: DataType,
    /// Whether it can be null.
    pub nullable: bool,
    /// The columns that it reads.
    pub columns: ColumnSet,
    /// The most volatile function in it.
    pub volatility: Volatility,
    /// Whether evaluating it can raise an error.
    pub can_fail: bool,
}

/// An aggregate over interned scalars.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermAggregate {
    /// What is computed.
    pub function: AggregateFunction,
    /// Of what.
    pub args: SmallVec<[ScalarId; 1]>,
    /// Only of distinct values.
    pub distinct: bool,
    /// Only of the rows where this is true.
    pub filter: Option<ScalarId>,
}

impl TermAggregate {
    /// The arguments and the filter.
    pub fn scalars(&self) -> impl Iterator<Item = ScalarId> + '_ {
        self.args.iter().copied().chain(self.filter)
    }
}

/// A call of a window over interned scalars.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermWindowCall {
    /// What is computed.
    pub function: WindowFunction,
    /// Of what.
    pub args: SmallVec<[ScalarId; 1]>,
    /// Over which rows.
    pub frame: WindowFrame,
    /// Of an aggregate: only over the rows where this is true.
    pub filter: Option<ScalarId>,
}

impl TermWindowCall {
    /// The arguments and the filter.
    pub fn scalars(&self) -> impl Iterator<Item = ScalarId> + '_ {
        self.args.iter().copied().chain(self.filter)
    }
}

/// A sort key over an interned scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermSortKey {
    /// What to sort by.
    pub scalar: ScalarId,
    /// Largest first.
    pub descending: bool,
    /// Nulls before everything else.
    pub nulls_first: bool,
}
