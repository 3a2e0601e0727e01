//! Leafhold, an embeddable, cost-based query planner that never loses live data.
pub mod expr;
pub mod leaf;
pub mod lower;
pub mod optimize;
pub mod rules;
pub mod run;
pub mod term;
pub mod token;
pub mod verify;
