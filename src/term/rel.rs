use std::sync::Arc;

use smallvec::SmallVec;

use super::{ColumnId, ScalarId, TermAggregate, TermSortKey, TermWindowCall};
use crate::expr::{Extension, JoinKind, NullLists};
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
    /// An interned [`WindowSpec`].
    WindowId,
    /// A [`ExtensionSpec`] of the query.
    ExtensionId,
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
    /// The left rows and a boolean: whether the condition is true of a right row, in three values.
    MarkJoin(ColumnId, PredicatesId),
    /// For every left row the right side, in which the left columns are free.
    Apply(ApplyForm, PredicatesId),
    /// One row per group; the keys are columns of the input and keep their ids.
    Aggregate(AggregateId),
    /// Adds columns that are computed over the rows that each row sees.
    Window(WindowId),
    /// One row for each element of a list.
    Unnest(UnnestSpec),
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
    /// An operator of the engine's own.
    Extension(ExtensionId),
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
            RelOp::MarkJoin(_, _) => "mark-join",
            RelOp::Apply(_, _) => "apply",
            RelOp::Aggregate(_) => "aggregate",
            RelOp::Window(_) => "window",
            RelOp::Unnest(_) => "unnest",
            RelOp::Distinct => "distinct",
            RelOp::Sort(_) => "sort",
            RelOp::Limit { .. } => "limit",
            RelOp::TopK { .. } => "top-k",
            RelOp::Union(_) => "union",
            RelOp::Extension(_) => "extension",
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

impl GetSpec {
    /// The columns by which the leaf's rows lie hashed, if it declares any, in the order in which they are hashed.
    pub fn hashed(&self) -> Option<Vec<ColumnId>> {
        let partitioning = self.leaf.hash_partitioning()?;
        Some(partitioning.columns.iter().map(|at| self.columns[*at]).collect())
    }
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

/// What an `apply` makes of a left row and the right rows for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApplyForm {
    /// The left row beside each of them.
    Inner,
    /// The left row beside each of them, or beside nulls.
    Left,
    /// The left row if there is one.
    Semi,
    /// The left row if there is none.
    Anti,
    /// The left row and whether the condition is true of one, in three values.
    Mark(ColumnId),
    /// The left row and the only value of the only row; null for none.
    Scalar {
        /// The right column.
        value: ColumnId,
        /// The column that it becomes.
        output: ColumnId,
    },
}

impl ApplyForm {
    /// The name in texts.
    pub fn name(self) -> &'static str {
        match self {
            ApplyForm::Inner => "inner",
            ApplyForm::Left => "left",
            ApplyForm::Semi => "semi",
            ApplyForm::Anti => "anti",
            ApplyForm::Mark(_) => "mark",
            ApplyForm::Scalar { .. } => "scalar",
        }
    }
}

/// How a list column becomes rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnnestSpec {
    /// The list: a column of the input, which the output does not have.
    pub list: ColumnId,
    /// The elements.
    pub element: ColumnId,
    /// What a null list gives.
    pub nulls: NullLists,
}

/// The content of a window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSpec {
    /// Rows that agree on these columns see each other; ascending.
    pub partition_by: Vec<ColumnId>,
    /// In this order.
    pub order_by: Vec<TermSortKey>,
    /// The columns, ascending.
    pub calls: Vec<(ColumnId, TermWindowCall)>,
}

/// A piece of plan that the engine runs.
#[derive(Clone, Debug)]
pub struct ExtensionSpec {
    /// The engine's payload.
    pub extension: Arc<dyn Extension>,
    /// The columns that it gives.
    pub output: Vec<ColumnId>,
    /// For each input, the columns that the engine reads, by position.
    pub inputs: Vec<Vec<ColumnId>>,
}

/// A computed column.
pub type Computed = (ColumnId, ScalarId);
