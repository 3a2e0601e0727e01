//! From plans written by hand to task graphs and runs, on kernels of a few lines: no engine needed.

mod drawings;
mod graph;
mod hashed_leaves;
#[path = "../common/kernels.rs"]
mod kernels;
mod ledger;
mod liveness;
mod lowering;
#[path = "../common/plans.rs"]
mod plans;
mod properties;
mod pruning;
mod ranges;
mod reductions;
mod remaking;
mod repartition;
mod running;
mod sending;
mod wire;
