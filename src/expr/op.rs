use std::fmt;
use std::sync::Arc;

use super::{
    AggregateCall, ApplyKind, Extension, GroupingSets, Name, NullLists, Repartitioning, Scalar, Window, WindowCall,
};
use crate::leaf::Leaf;
use crate::token::{Tokenize, Tokenizer};

/// Which rows a join gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JoinKind {
    /// Pairs that match. With no condition this is the cross product.
    Inner,
    /// Pairs that match, and left rows without a match beside nulls.
    Left,
    /// Pairs that match, and right rows without a match beside nulls.
    Right,
    /// Pairs that match, and the rows of both sides without a match beside nulls.
    Full,
    /// Left rows with a match, each once.
    Semi,
    /// Left rows without a match.
    Anti,
    /// `NOT IN`: left rows for which the condition is false, not null, with every right row.
    NullAwareAnti,
}

impl JoinKind {
    /// All kinds.
    pub const ALL: [JoinKind; 7] = [
        JoinKind::Inner,
        JoinKind::Left,
        JoinKind::Right,
        JoinKind::Full,
        JoinKind::Semi,
        JoinKind::Anti,
        JoinKind::NullAwareAnti,
    ];

    /// The kind's name in plans and rules.
    pub fn name(self) -> &'static str {
        match self {
            JoinKind::Inner => "inner",
            JoinKind::Left => "left",
            JoinKind::Right => "right",
            JoinKind::Full => "full",
            JoinKind::Semi => "semi",
            JoinKind::Anti => "anti",
            JoinKind::NullAwareAnti => "null-aware-anti",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        JoinKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the right side's columns are in the output.
    pub fn gives_right(self) -> bool {
        matches!(self, JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full)
    }

    /// Whether the left side's columns can be nulls of this join's making.
    pub fn nulls_left(self) -> bool {
        matches!(self, JoinKind::Right | JoinKind::Full)
    }

    /// Whether the right side's columns can be nulls of this join's making.
    pub fn nulls_right(self) -> bool {
        matches!(self, JoinKind::Left | JoinKind::Full)
    }
}

impl fmt::Display for JoinKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One key of a sort.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortKey<C = Name> {
    /// What to sort by.
    pub scalar: Scalar<C>,
    /// Largest first.
    pub descending: bool,
    /// Nulls before everything else.
    pub nulls_first: bool,
}

impl<C> SortKey<C> {
    /// The same key with every column replaced.
    ///
    /// # Errors
    /// The first that replacing a column gives.
    pub fn try_map<D, E>(&self, column: &mut impl FnMut(&C) -> Result<D, E>) -> Result<SortKey<D>, E> {
        let (descending, nulls_first) = (self.descending, self.nulls_first);
        Ok(SortKey { scalar: self.scalar.try_map(column)?, descending, nulls_first })
    }
}

impl<C: fmt::Display> fmt::Display for SortKey<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.scalar)?;
        if self.descending {
            f.write_str(" desc")?;
        }
        match (self.nulls_first, self.descending) {
            (true, false) => f.write_str(" nulls-first"),
            (false, true) => f.write_str(" nulls-last"),
            _ => Ok(()),
        }
    }
}

impl<C: Tokenize> Tokenize for SortKey<C> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put(&self.scalar);
        tokenizer.put_bool(self.descending);
        tokenizer.put_bool(self.nulls_first);
    }
}

/// What a relational node does; its inputs are beside it.
#[derive(Clone, Debug)]
pub enum Op {
    /// Where data comes from. No inputs.
    Leaf(Leaf),
    /// Computes columns: exactly these, in this order.
    Project(Vec<(Name, Scalar)>),
    /// Keeps the rows for which the predicate is true.
    Filter(Scalar),
    /// Combines two inputs; the conjuncts of the condition may read both.
    Join {
        /// Which rows it gives.
        kind: JoinKind,
        /// The conjuncts of the condition.
        on: Vec<Scalar>,
    },
    /// The left rows and whether the condition is true of a right row: a boolean in three values.
    MarkJoin {
        /// The boolean's name.
        mark: Name,
        /// The conjuncts of the condition.
        on: Vec<Scalar>,
    },
    /// One row per group; without keys, one row even over nothing.
    Aggregate {
        /// The keys.
        group: Vec<(Name, Scalar)>,
        /// Which keys group, once for every set; `None` is all of them, once.
        sets: Option<GroupingSets>,
        /// The aggregates.
        aggregates: Vec<(Name, AggregateCall)>,
    },
    /// Adds columns that are computed over the rows that each row sees.
    Window {
        /// Which rows see each other, in which order.
        window: Window,
        /// The columns.
        calls: Vec<(Name, WindowCall)>,
    },
    /// Orders the rows.
    Sort(Vec<SortKey>),
    /// Skips `offset` rows, then gives at most `fetch`.
    Limit {
        /// Rows to skip.
        offset: u64,
        /// Rows to give; `None` for all.
        fetch: Option<u64>,
    },
    /// Keeps one of equal rows.
    Distinct,
    /// All rows of all inputs, by position; the names are those of the first.
    Union,
    /// A wish how the rows should lie.
    Repartition(Repartitioning),
    /// One row for each element of a list column.
    Unnest {
        /// The list, which becomes its elements.
        column: Name,
        /// What a null list gives.
        nulls: NullLists,
    },
    /// For every left row the right side, whose outer references are the row's columns.
    Apply {
        /// What is made of them.
        kind: ApplyKind,
        /// The conjuncts that must be true of a left and a right row.
        on: Vec<Scalar>,
    },
    /// An operator of an engine's own.
    Extension(Arc<dyn Extension>),
}

impl Op {
    /// The operator's name in plans and rules.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Leaf(_) => "leaf",
            Op::Project(_) => "project",
            Op::Filter(_) => "filter",
            Op::Join { .. } => "join",
            Op::MarkJoin { .. } => "mark-join",
            Op::Aggregate { .. } => "aggregate",
            Op::Window { .. } => "window",
            Op::Sort(_) => "sort",
            Op::Limit { .. } => "limit",
            Op::Distinct => "distinct",
            Op::Union => "union",
            Op::Repartition(_) => "repartition",
            Op::Unnest { .. } => "unnest",
            Op::Apply { .. } => "apply",
            Op::Extension(extension) => extension.operator(),
        }
    }

    /// Writes the operator's content; with `shape`, futures count as their schema alone.
    pub(super) fn tokenize(&self, tokenizer: &mut Tokenizer, shape: bool) {
        tokenizer.put_record(self.name());
        match self {
            Op::Leaf(leaf) => leaf.tokenize(tokenizer, shape),
            Op::Project(columns) => tokenizer.put(columns),
            Op::Filter(predicate) => tokenizer.put(predicate),
            Op::Join { kind, on } => {
                tokenizer.put_str(kind.name());
                tokenizer.put(on);
            }
            Op::MarkJoin { mark, on } => {
                tokenizer.put_str(mark);
                tokenizer.put(on);
            }
            Op::Aggregate { group, sets, aggregates } => {
                tokenizer.put(group);
                tokenizer.put(aggregates);
                if let Some(sets) = sets {
                    tokenizer.put_record("grouping-sets");
                    tokenizer.put(&sets.0);
                }
            }
            Op::Window { window, calls } => {
                tokenizer.put(window);
                tokenizer.put(calls);
            }
            Op::Sort(keys) => tokenizer.put(keys),
            Op::Limit { offset, fetch } => {
                tokenizer.put_u64(*offset);
                tokenizer.put(fetch);
            }
            Op::Distinct | Op::Union => {}
            Op::Repartition(to) => tokenizer.put(to),
            Op::Unnest { column, nulls } => {
                tokenizer.put_str(column);
                tokenizer.put_str(nulls.name());
            }
            Op::Apply { kind, on } => {
                tokenizer.put(kind);
                tokenizer.put(on);
            }
            Op::Extension(extension) => extension.tokenize(tokenizer),
        }
    }

    /// Calls `visit` for every scalar of the operator, in written order.
    pub fn for_each_scalar(&self, visit: &mut impl FnMut(&Scalar)) {
        match self {
            Op::Project(columns) => columns.iter().for_each(|(_, scalar)| visit(scalar)),
            Op::Filter(predicate) => visit(predicate),
            Op::Join { on, .. } | Op::MarkJoin { on, .. } | Op::Apply { on, .. } => on.iter().for_each(visit),
            Op::Aggregate { group, aggregates, .. } => {
                group.iter().for_each(|(_, key)| visit(key));
                aggregates.iter().flat_map(|(_, call)| call.scalars()).for_each(visit);
            }
            Op::Window { window, calls } => {
                window.partition_by.iter().for_each(&mut *visit);
                window.order_by.iter().for_each(|key| visit(&key.scalar));
                calls.iter().flat_map(|(_, call)| call.args.iter().chain(&call.filter)).for_each(visit);
            }
            Op::Sort(keys) => keys.iter().for_each(|key| visit(&key.scalar)),
            Op::Leaf(_) | Op::Limit { .. } | Op::Distinct | Op::Union => {}
            Op::Repartition(_) | Op::Unnest { .. } | Op::Extension(_) => {}
        }
    }
}
