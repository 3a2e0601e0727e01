use leafhold::expr::JoinKind;
use leafhold::lower::{Fragment, FragmentOp};
use leafhold::optimize::PhysicalOp;
use leafhold::run::StageState;
use leafhold::term::Side;

/// Which hash joins of a fragment share their build sides with the other tasks of the stage, and which nodes are left
/// for each task.
pub(super) struct SharedSides {
    /// By node: which of its inputs is such a build side.
    builds: Vec<Option<usize>>,
    /// By node: whether something outside of these build sides reads it.
    outside: Vec<bool>,
}

impl SharedSides {
    /// O(nodes).
    pub fn of(fragment: &Fragment, stage: &StageState) -> Self {
        let nodes = &fragment.nodes;
        // Whether all tasks of the stage make the same rows of a node.
        let mut alike: Vec<bool> = Vec::with_capacity(nodes.len());
        let mut builds = Vec::with_capacity(nodes.len());
        for node in nodes {
            let build = build_input(&node.op).filter(|at| node.inputs.get(*at).is_some_and(|input| alike[*input]));
            builds.push(build);
            alike.push(match &node.op {
                FragmentOp::Input { slot, .. } | FragmentOp::MergeInput { slot, .. } => stage.is_replicated(*slot),
                FragmentOp::Scan { .. } | FragmentOp::Empty => false,
                FragmentOp::Compute { .. } => !node.inputs.is_empty() && node.inputs.iter().all(|input| alike[*input]),
            });
        }
        let mut outside = vec![false; nodes.len()];
        outside.last_mut().into_iter().for_each(|root| *root = true);
        for at in (0..nodes.len()).rev() {
            if outside[at] {
                let inputs = nodes[at].inputs.iter().enumerate();
                inputs.filter(|(input, _)| builds[at] != Some(*input)).for_each(|(_, input)| outside[*input] = true);
            }
        }
        SharedSides { builds, outside }
    }

    /// Which input of a node is a build side that all tasks share.
    pub fn build_input(&self, node: usize) -> Option<usize> {
        self.builds[node]
    }

    /// The nodes that each task computes for itself, in their order.
    pub fn outside(&self) -> Vec<usize> {
        (0..self.outside.len()).filter(|at| self.outside[*at]).collect()
    }
}

/// From which input a hash join builds, if what one task finds there says nothing to the others: that is so where no row
/// of that side is given for its own sake.
fn build_input(op: &FragmentOp) -> Option<usize> {
    let FragmentOp::Compute { op: PhysicalOp::HashJoin { kind, build, .. }, .. } = op else { return None };
    match (kind, build) {
        (JoinKind::Inner | JoinKind::Right, Side::Left) => Some(0),
        (JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti, Side::Right) => Some(1),
        _ => None,
    }
}

/// The nodes that a node is made of and itself, in their order.
pub(super) fn nodes_below(fragment: &Fragment, root: usize) -> Vec<usize> {
    let mut below = vec![false; root + 1];
    below[root] = true;
    for at in (0..=root).rev() {
        if below[at] {
            fragment.nodes[at].inputs.iter().for_each(|input| below[*input] = true);
        }
    }
    (0..=root).filter(|at| below[*at]).collect()
}
