//! Join order: which trees of binary joins a `join-set` may become.
//!
//! A `JoinGraph` is the query graph of a join-set: relations, the equalities that connect them
//! (closed under transitivity) and everything else a condition says. `csg_cmp_pairs` enumerates it exactly
//! (DPccp; Moerkotte and Neumann, VLDB 2006) while its counted budget lasts; beyond that `greedy`
//! joins the pair of least result first. `plant` puts the trees into the e-graph.

mod dpccp;
mod graph;
mod greedy;
mod plant;

pub use plant::{JoinBudget, JoinUse, plant};
