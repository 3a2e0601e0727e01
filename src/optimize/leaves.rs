use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::plan::{PlanNode, PlanOp};
use crate::leaf::Leaf;

/// The leaves that a tree reads, and the tree with their new numbers: a plan owns what it needs and nothing
/// else (laws L1 and L2). O(nodes), no recursion.
pub(super) fn read_leaves(root: Arc<PlanNode>, leaves: Vec<Leaf>) -> (Arc<PlanNode>, Vec<Leaf>) {
    let order = PlanNode::post_order(&root);
    let read: BTreeSet<usize> = order.iter().filter_map(|node| leaf_of(node)).collect();
    if read.len() == leaves.len() {
        return (root, leaves);
    }
    let number: HashMap<usize, usize> = read.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let mut built: HashMap<*const PlanNode, Arc<PlanNode>> = HashMap::with_capacity(order.len());
    for node in &order {
        let mut new = PlanNode::clone(node);
        new.inputs = node.inputs.iter().map(|input| built[&Arc::as_ptr(input)].clone()).collect();
        if let PlanOp::Read { leaf, .. } = &mut new.op {
            *leaf = number[leaf];
        }
        built.insert(Arc::as_ptr(node), Arc::new(new));
    }
    let kept = leaves.into_iter().enumerate().filter(|(at, _)| read.contains(at)).map(|(_, leaf)| leaf);
    (built[&Arc::as_ptr(&root)].clone(), kept.collect())
}

fn leaf_of(node: &PlanNode) -> Option<usize> {
    match &node.op {
        PlanOp::Read { leaf, .. } => Some(*leaf),
        _ => None,
    }
}
