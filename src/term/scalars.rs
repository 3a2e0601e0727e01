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
    /// How large it is, written out.
    pub extent: Extent,
}

/// How large a scalar is when it is written out as a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Operators from the root down, along the longest path; a column has one.
    pub depth: u32,
    /// Operators in all; what is shared counts at each place.
    pub size: u32,
}

impl Extent {
    /// Of a column or a constant.
    pub const LEAF: Extent = Extent { depth: 1, size: 1 };

    /// Nothing computed by one projection from another grows deeper than this (unless it was written so).
    pub const MAX_DEPTH: u32 = 64;

    /// Nothing computed by one projection from another grows larger than it was by more than this.
    pub const MAX_GROWTH: u32 = 1024;

    /// Of an operator over operands.
    pub fn over(operands: impl IntoIterator<Item = Extent>) -> Extent {
        operands.into_iter().fold(Extent::LEAF, |sum, operand| Extent {
            depth: sum.depth.max(operand.depth.saturating_add(1)),
            size: sum.size.saturating_add(operand.size),
        })
    }

    /// Whether a scalar of this extent may become one of another by writing out the columns that it reads.
    ///
    /// Scalars are trees, and whoever walks one recurses on its depth; a chain of assignments is no tree, and
    /// may be a million long. So projections of a chain merge until the bounds above, and no further: `x = x +
    /// 1` grows deep, `x = x + x` doubles.
    pub fn may_become(self, composed: Extent) -> bool {
        composed.depth <= Extent::MAX_DEPTH.max(self.depth)
            && composed.size <= self.size.saturating_add(Extent::MAX_GROWTH)
    }
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
