//! Plans as documents: see [`crate::expr::wire`] for what documents share.
//!
//! A [`PlanDocument`] has everything that a [`Plan`](super::Plan) has: the tree (shared nodes once), the
//! columns, the leaves with their futures, the rules that fired. Its shape is computed again on reading
//! and must be what the document says.

mod physical;
mod plan;

pub(crate) use physical::{PhysicalScope, PhysicalWire};
pub use plan::PlanDocument;

/// Partitions of one exchange: each costs memory before any row is there.
pub(crate) const MOST_PARTITIONS: usize = 1 << 16;
