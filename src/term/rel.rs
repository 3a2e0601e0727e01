use std::sync::Arc;

use smallvec::SmallVec;

use super::{ColumnId, ScalarId, TermAggregate};
use crate::expr::{Barrier, JoinKind};
use crate::leaf::Leaf;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
    )*};
}

ids! {
    /// A leaf as one place of the query reads it: see [`GetSpec`].
    GetId,
    /// An interned list of columns.
    ColumnsId,
    /// An interned conjunction: conjuncts sorted and de-duplicated.
    PredicatesId,
    /// An interned list of computed columns, sorted by column.
    ProjectionId,
    /// An interned [`AggregateSpec`].
    AggregateId,
    /// An interned list of sort keys.
    SortId,
    /// An interned [`UnionSpec`].
    UnionId,
    /// A [`BarrierSpec`] of the query.
    BarrierId,
}

/// What a relational node does. Small and `Copy`: payloads are ids into [`super::Terms`].
///
/// The output of a node is a *set* of columns; order and names come back when the plan is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelOp {
    /// Reads a leaf.
    Get(GetId),
    /// No rows of these columns.
    Empty(ColumnsId),
    /// Exactly these columns: kept (`column := column`) or computed.
    Project(ProjectionId),
    /// The rows for which every conjunct is true.
    Filter(PredicatesId),
    /// A join of two inputs.
    Join(JoinKind, PredicatesId),
    /// An inner join of any number of inputs, in no order.
    JoinSet(PredicatesId),
    /// One row per group; the keys are columns of the input and keep their ids.
    Aggregate(AggregateId),
    /// One of equal rows.
    Distinct,
    /// Orders the rows.
    Sort(SortId),
    /// Skips rows, then gives at most `fetch`.
    Limit {
        /// Rows to skip.
        offset: u64,
        /// Rows to give; `None` for all.
        fetch: Option<u64>,
    },
    /// The first rows of an order: `limit` over `sort`.
    TopK {
        /// The order.
        keys: SortId,
        /// Rows to skip.
        offset: u64,
        /// Rows to give.
        fetch: u64,
    },
    /// All rows of all inputs, matched by the lists of the [`UnionSpec`].
    Union(UnionId),
    /// What the engine runs as it is.
    Barrier(BarrierId),
}

impl RelOp {
    /// The operator's name in plans and rules.
    pub fn name(self) -> &'static str {
        match self {
            RelOp::Get(_) => "get",
            RelOp::Empty(_) => "empty",
            RelOp::Project(_) => "project",
            RelOp::Filter(_) => "filter",
            RelOp::Join(_, _) => "join",
            RelOp::JoinSet(_) => "join-set",
            RelOp::Aggregate(_) => "aggregate",
            RelOp::Distinct => "distinct",
            RelOp::Sort(_) => "sort",
            RelOp::Limit { .. } => "limit",
            RelOp::TopK { .. } => "top-k",
            RelOp::Union(_) => "union",
            RelOp::Barrier(_) => "barrier",
        }
    }
}

/// An operator and its inputs; `I` names an input: a term, or a class of the e-graph.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelNode<I> {
    /// What the node does.
    pub op: RelOp,
    /// Its inputs, in order.
    pub inputs: SmallVec<[I; 2]>,
}

impl<I> RelNode<I> {
    /// A node of an operator and inputs.
    pub fn new(op: RelOp, inputs: impl IntoIterator<Item = I>) -> Self {
        RelNode { op, inputs: inputs.into_iter().collect() }
    }
}

/// How one place of a query reads a leaf.
#[derive(Clone, Debug)]
pub struct GetSpec {
    /// The leaf, which owns its futures.
    pub leaf: Leaf,
    /// Which leaf of the query it is, in written order.
    pub index: usize,
    /// One id per column of the leaf's schema.
    pub columns: Vec<ColumnId>,
}

/// The content of an aggregate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AggregateSpec {
    /// The keys: columns of the input, ascending.
    pub group: Vec<ColumnId>,
    /// The aggregates, by output column, ascending.
    pub aggregates: Vec<(ColumnId, TermAggregate)>,
}

/// How the inputs of a union map to its output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnionSpec {
    /// The output columns.
    pub output: Vec<ColumnId>,
    /// For each input, the column that feeds each output column.
    pub inputs: Vec<Vec<ColumnId>>,
}

/// A piece of plan that the engine runs.
#[derive(Clone, Debug)]
pub struct BarrierSpec {
    /// The engine's payload.
    pub barrier: Arc<dyn Barrier>,
    /// The columns that it gives.
    pub output: Vec<ColumnId>,
    /// For each input, the columns that the engine reads, by position.
    pub inputs: Vec<Vec<ColumnId>>,
}

/// A computed column.
pub type Computed = (ColumnId, ScalarId);
