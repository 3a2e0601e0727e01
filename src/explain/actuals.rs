use crate::optimize::{Plan, PlanOp};

/// The rows that the nodes of a plan really gave, in the order of [`Plan::post_order`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actuals {
    rows: Vec<Option<u64>>,
}

impl Actuals {
    /// The counts of a run. `None`: the engine did not count this node.
    pub fn new(rows: Vec<Option<u64>>) -> Self {
        Actuals { rows }
    }

    /// The rows of a node, by its place in [`Plan::post_order`].
    pub fn rows(&self, node: usize) -> Option<u64> {
        self.rows.get(node).copied().flatten()
    }

    /// C_out: actual rows summed over the outputs of all joins, semi and anti included. It measures
    /// a join order and nothing of the machine. `None` when a join was not counted.
    pub fn c_out(&self, plan: &Plan) -> Option<u64> {
        let joins = plan.post_order().into_iter().enumerate();
        joins
            .filter(|(_, node)| matches!(&node.op, PlanOp::Compute(op) if op.is_join()))
            .map(|(at, _)| self.rows(at))
            .sum()
    }
}
