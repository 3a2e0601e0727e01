use std::sync::Arc;

use petgraph::graph::NodeIndex;

use super::Fragment;
use crate::token::Token;

/// The name of a task within its graph. Producers come before their consumers, so ids are a topological
/// order.
pub type TaskId = NodeIndex<u32>;

/// One piece of work: a shared fragment over one partition. What it reads is in its graph: the edges for what
/// other tasks give, a list for futures and data.
#[derive(Clone, Debug)]
pub struct Task {
    /// What to compute.
    pub fragment: Arc<Fragment>,
    /// Which partition of its stage this is.
    pub partition: usize,
    /// Which stage: tasks of one fragment, numbered in topological order.
    pub stage: usize,
    /// The identity of the work: fragment, partition and inputs. Identical work is one task.
    pub token: Token,
    /// Larger runs first.
    pub priority: i64,
}

/// An edge: the consumer reads a port of the producer. The order of a consumer's edges is that of the sources
/// within its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortUse {
    /// The producer's port.
    pub port: u32,
    /// The consumer's slot.
    pub slot: u32,
}
