use std::collections::BTreeMap;

use crate::optimize::{Plan, PlanOp};

/// The rows that the nodes of a plan really gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actuals {
    rows: BTreeMap<usize, u64>,
}

impl Actuals {
    /// The counts of a run, by place in [`Plan::post_order`]; a node that the engine did not count is
    /// left out.
    pub fn new(rows: impl IntoIterator<Item = (usize, u64)>) -> Self {
        Actuals { rows: rows.into_iter().collect() }
    }

    /// The rows of a node, by its place in [`Plan::post_order`].
    pub fn rows(&self, node: usize) -> Option<u64> {
        self.rows.get(&node).copied()
    }

    /// C_out: actual rows summed over the outputs of all joins, semi and anti included. It measures
    /// a join order and nothing of the machine. `None` when a join was not counted.
    pub fn c_out(&self, plan: &Plan) -> Option<u64> {
        self.sum(&Self::joins(plan))
    }

    /// The places of a plan's joins in [`Plan::post_order`].
    pub(super) fn joins(plan: &Plan) -> Vec<usize> {
        let nodes = plan.post_order().into_iter().enumerate();
        let joins = nodes.filter(|(_, node)| matches!(&node.op, PlanOp::Compute(op) if op.is_join()));
        joins.map(|(at, _)| at).collect()
    }

    /// The rows of several nodes; `None` when one was not counted.
    pub(super) fn sum(&self, nodes: &[usize]) -> Option<u64> {
        nodes.iter().map(|node| self.rows(*node)).sum()
    }
}
