//! From expressions to the cheapest plan that the rules prove equal.

mod plan;

pub use plan::{CapUse, Partitioning, PhysicalOp, Plan, PlanColumn, PlanNode, PlanOp};
