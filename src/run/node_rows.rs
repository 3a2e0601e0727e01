use std::collections::BTreeMap;

use crate::lower::{Fragment, FragmentOp, TaskDag, TaskId};

/// Actual rows by node of the plan, as far as workers counted them.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeRows {
    rows: BTreeMap<usize, u64>,
    /// The rows of all joins that ran.
    c_out: u64,
    /// Whether the rows of some join are not known.
    uncounted: bool,
}

impl NodeRows {
    /// Adds what one task gave.
    pub(super) fn add(&mut self, dag: &TaskDag, task: TaskId, counts: &[Option<u64>]) {
        let count = |at: usize| counts.get(at).copied().flatten();
        for (at, node) in dag[task].fragment.nodes.iter().enumerate() {
            match count(at) {
                Some(rows) => {
                    // A worker's word: a sum must not overflow.
                    self.c_out = self.c_out.saturating_add(if is_join(&node.op) { rows } else { 0 });
                    node.plan_node.into_iter().for_each(|plan_node| self.add_rows(plan_node, rows));
                }
                None => self.uncounted |= is_join(&node.op),
            }
        }
        for alias in dag.aliases_of(task) {
            count(alias.operator as usize).into_iter().for_each(|rows| self.add_rows(alias.plan_node as usize, rows));
        }
    }

    fn add_rows(&mut self, plan_node: usize, rows: u64) {
        let sum = self.rows.entry(plan_node).or_default();
        *sum = sum.saturating_add(rows);
    }

    /// A task did not run to its end here, and nobody counted.
    pub(super) fn unknown(&mut self, fragment: &Fragment) {
        self.uncounted |= fragment.nodes.iter().any(|node| is_join(&node.op));
    }

    /// Rows by node of the plan, and over the outputs of all joins. Work that is done once counts once.
    pub(super) fn finish(self) -> (BTreeMap<usize, u64>, Option<u64>) {
        (self.rows, (!self.uncounted).then_some(self.c_out))
    }
}

fn is_join(op: &FragmentOp) -> bool {
    matches!(op, FragmentOp::Compute { op, .. } if op.is_join())
}
