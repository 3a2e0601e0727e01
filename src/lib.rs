//! Leafhold, an embeddable, cost-based query planner that never loses live data.
pub mod expr;
pub mod leaf;
pub mod token;
