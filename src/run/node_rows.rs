use std::collections::{BTreeMap, BTreeSet};

use crate::lower::{Fragment, FragmentOp, TaskDag};

/// Actual rows by node of the plan, as far as workers counted them.
#[derive(Clone, Debug)]
pub(super) struct NodeRows {
    rows: BTreeMap<usize, u64>,
    /// Whether the rows of all joins are known.
    joins: bool,
}

impl NodeRows {
    pub(super) fn new() -> Self {
        NodeRows { rows: BTreeMap::new(), joins: true }
    }

    /// Adds what one task gave.
    pub(super) fn add(&mut self, fragment: &Fragment, counts: &[Option<u64>]) {
        for (at, node) in fragment.nodes.iter().enumerate() {
            match (counts.get(at).copied().flatten(), node.plan_node) {
                (Some(rows), Some(plan_node)) => *self.rows.entry(plan_node).or_default() += rows,
                (None, _) if is_join(&node.op) => self.joins = false,
                _ => {}
            }
        }
    }

    /// A task did not run here, so nobody counted.
    pub(super) fn unknown(&mut self, fragment: &Fragment) {
        self.joins &= !fragment.nodes.iter().any(|node| is_join(&node.op));
    }

    /// Rows by node of the plan, and over the outputs of all joins.
    pub(super) fn finish(mut self, dag: &TaskDag) -> (BTreeMap<usize, u64>, Option<u64>) {
        for (alias, known) in &dag.aliases {
            if let Some(rows) = self.rows.get(known).copied() {
                self.rows.insert(*alias, rows);
            }
        }
        // All tasks of a stage share their nodes.
        let mut seen = vec![false; dag.tasks().map(|task| task.stage + 1).max().unwrap_or(0)];
        let first = dag.tasks().filter(|task| !std::mem::replace(&mut seen[task.stage], true));
        let nodes = first.flat_map(|task| &task.fragment.nodes);
        let joins: BTreeSet<usize> = nodes.filter(|node| is_join(&node.op)).filter_map(|node| node.plan_node).collect();
        let c_out = self.joins.then(|| joins.iter().filter_map(|join| self.rows.get(join)).sum());
        (self.rows, c_out)
    }
}

fn is_join(op: &FragmentOp) -> bool {
    matches!(op, FragmentOp::Compute { op, .. } if op.is_join())
}
