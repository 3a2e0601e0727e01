//! Physical alternatives of a relation, as implementation rules propose them.

use smallvec::SmallVec;

use super::{
    AggregateId, ColumnId, ColumnsId, ExtensionId, GetId, PredicatesId, ProjectionId, ScalarId, SortId, UnionId,
    UnnestSpec, WindowId,
};
use crate::expr::JoinKind;

/// An interned list of join keys, see [`super::Terms::intern_keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeysId(pub u32);

/// A pair that must be equal: a scalar of the left input, one of the right.
pub type JoinKey = (ScalarId, ScalarId);

/// Which input of a join something concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The first input.
    Left,
    /// The second input.
    Right,
}

/// How an aggregate is split into two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AggregatePhase {
    /// From rows to results.
    Single,
    /// From rows to states, within each partition. The state columns are the engine's.
    Partial,
    /// From states to fewer states: lowering puts it between the halves where many partitions meet in one.
    Combine,
    /// From states to results.
    Final,
}

impl AggregatePhase {
    /// Whether its input has states instead of rows. Its calls are written over the input of the partial phase.
    pub fn reads_states(self) -> bool {
        matches!(self, AggregatePhase::Combine | AggregatePhase::Final)
    }

    /// Whether its columns are the keys and then the engine's states.
    pub fn gives_states(self) -> bool {
        matches!(self, AggregatePhase::Partial | AggregatePhase::Combine)
    }
}

/// A physical operator over interned payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlternativeOp {
    /// Reads a leaf.
    Read(GetId),
    /// No rows.
    Empty(ColumnsId),
    /// Keeps the rows for which every conjunct is true.
    Filter(PredicatesId),
    /// Computes columns.
    Project(ProjectionId),
    /// A hash join on keys; `residual` must hold, too.
    HashJoin {
        /// Which rows it gives.
        kind: JoinKind,
        /// What must be equal.
        keys: KeysId,
        /// What else must be true.
        residual: PredicatesId,
        /// The input of which the hash table is made.
        build: Side,
    },
    /// A join that compares every pair.
    NestedLoopJoin {
        /// Which rows it gives.
        kind: JoinKind,
        /// What must be true of a pair.
        on: PredicatesId,
    },
    /// A mark join that compares every pair.
    MarkJoin {
        /// The column that it adds.
        mark: ColumnId,
        /// What must be true of a pair.
        on: PredicatesId,
    },
    /// Columns computed over the rows that each row sees.
    Window(WindowId),
    /// One row for each element of a list.
    Unnest(UnnestSpec),
    /// One row per group, by a hash table.
    HashAggregate {
        /// Whole, or one of two halves.
        phase: AggregatePhase,
        /// The aggregate.
        spec: AggregateId,
    },
    /// Orders each partition, then merges them into one.
    Sort {
        /// The order.
        keys: SortId,
        /// Rows needed.
        fetch: Option<u64>,
    },
    /// Skips rows, then gives at most `fetch`.
    Limit {
        /// Rows to skip.
        offset: u64,
        /// Rows to give.
        fetch: Option<u64>,
    },
    /// All rows of all inputs.
    Union(UnionId),
    /// An operator of the engine's own.
    Extension(ExtensionId),
}

/// What an operator needs of the partitions of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Required {
    /// Nothing.
    Any,
    /// All rows in one partition.
    Single,
    /// Rows that agree on these columns in one partition, by the columns' hash.
    Hashed(ColumnsId),
    /// All rows in every partition.
    Replicated,
}

/// An input of an alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeInput<I> {
    /// Whatever is cheapest of a class.
    Class(I),
    /// This very operator.
    Inline(Box<Alternative<I>>),
}

/// One way to compute a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative<I> {
    /// The operator.
    pub op: AlternativeOp,
    /// Its inputs, each with what is needed of its partitions.
    pub inputs: SmallVec<[(AlternativeInput<I>, Required); 2]>,
}

impl std::fmt::Display for AggregatePhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            AggregatePhase::Single => "single",
            AggregatePhase::Partial => "partial",
            AggregatePhase::Combine => "combine",
            AggregatePhase::Final => "final",
        })
    }
}
