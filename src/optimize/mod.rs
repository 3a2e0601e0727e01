//! From expressions to the cheapest plan that the rules prove equal.
//!
//! The phases, each in a file of its own: [`resolve`] gives columns dense ids; `decorrelate` makes joins of
//! applies; `normalize` applies the rules that are never worse, to a fixpoint; `join_order` enumerates the join trees of join-sets;
//! `explore` lets the e-graph find alternatives whose merit depends on cost; `implement` proposes
//! physical operators; `extract` takes the cheapest tree per class and required partitioning; `finish`
//! prunes columns and builds the [`Plan`].
//!
//! The phases tell an `Observer` what they do: [`Planner::plan_traced`] records a [`trace`].
//!
//! Only counted budgets stop anything, every map whose order can be seen is ordered, and ties fall to
//! the lesser shape, then to what was written first: the same input gives the same plan, byte for byte, everywhere.

mod condition;
mod cost;
mod counts;
mod decorrelate;
mod estimate;
mod explore;
mod extract;
mod finish;
mod graph;
mod hashed_leaves;
mod implement;
mod join_order;
mod key_columns;
mod leaves;
mod normalize;
mod observer;
mod plan;
mod plan_error;
mod planner;
mod query;
mod rename;
mod resolve;
mod rule_index;
mod selectivity;
mod shape;
mod simplify;
mod supported;
mod ties;
pub mod trace;
pub mod wire;

pub(crate) use counts::Fired;
pub(crate) use normalize::{Cycle, normalize};
pub(crate) use rule_index::RuleIndex;

pub use cost::{CostModel, DefaultCost, Movement, Sizes};
pub use counts::Budgets;
pub use observer::Place;
pub use plan::{CapUse, Partitioning, PhysicalOp, Plan, PlanColumn, PlanNode, PlanOp, ResultPartitions};
pub use plan_error::PlanError;
pub use planner::{DEFAULT_FAN_IN, DEFAULT_PARTITIONS, Planner};
pub use resolve::{Resolved, resolve};
pub use shape::plan_shape;
