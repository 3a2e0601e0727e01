//! Resolved terms: what rules rewrite.
//!
//! Here columns are dense [`ColumnId`]s, unique per query, so no rule renames or re-indexes anything
//! and a join commutes without a projection. Terms are hash-consed in one arena, [`Terms`]; scalars,
//! predicate lists and other payloads are interned beside them, so a relational node is a small
//! `Copy` operator and its inputs. Normal forms belong to the constructors of [`Terms`].

mod column;
mod facts;
pub mod interpret;
mod null_safe;
mod order;
mod payloads;
mod physical;
mod rel;
mod scalar_forms;
mod scalar_places;
mod scalars;
mod terms;
pub mod text;
mod walk;

pub use column::{ColumnId, ColumnSet};
pub use facts::{Facts, MAX_KEYS};
pub use physical::{AggregatePhase, Alternative, AlternativeInput, AlternativeOp, JoinKey, KeysId, Required, Side};
pub use rel::{
    AggregateId, AggregateSpec, ApplyForm, ColumnsId, ExtensionId, ExtensionSpec, GetId, GetSpec, PredicatesId,
    ProjectionId, RelNode, RelOp, SortId, UnionId, UnionSpec, UnnestSpec, WindowId, WindowSpec,
};
pub use scalars::{Extent, ScalarFacts, ScalarId, ScalarNode, TermAggregate, TermSortKey, TermWindowCall};
pub use terms::{ColumnInfo, TermId, Terms};
pub(crate) use walk::{can_fail_within, free_columns, is_volatile, reads, terms_in_order};
