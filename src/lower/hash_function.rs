use std::sync::Arc;

use super::LowerError;
use crate::leaf::Leaf;
use crate::optimize::{Partitioning, Plan, PlanNode, PlanOp};
use crate::term::ColumnId;

/// The hash function of the rows that leaves give to a plan where they lie: the plan's exchanges must have the same one.
/// `None` where it relies on no leaf's partitions. O(nodes).
///
/// # Errors
/// When the plan takes a leaf's rows to lie as the leaf does not declare, or two leaves for one function's that have two.
pub fn hash_function(plan: &Plan) -> Result<Option<&str>, LowerError> {
    hash_function_of(plan, &plan.post_order())
}

pub(super) fn hash_function_of<'a>(plan: &'a Plan, order: &[Arc<PlanNode>]) -> Result<Option<&'a str>, LowerError> {
    let mut function = None;
    for node in order {
        let (PlanOp::Read { leaf, columns }, Partitioning::Hashed(hashed)) = (&node.op, &node.partitioning) else {
            continue;
        };
        // A leaf that there is not has an error of its own.
        let Some(leaf) = plan.leaves.get(*leaf) else { continue };
        let of = declared(leaf, plan.target_partitions, columns, &node.output, hashed);
        match of.filter(|of| function.is_none_or(|function| function == *of)) {
            Some(of) => function = Some(of),
            None => return Err(LowerError::Partitioning { leaf: leaf.name().to_owned() }),
        }
    }
    Ok(function)
}

/// The function by which a leaf's rows lie hashed by these columns, over as many partitions.
fn declared<'a>(
    leaf: &'a Leaf,
    partitions: usize,
    positions: &[usize],
    output: &[ColumnId],
    hashed: &[ColumnId],
) -> Option<&'a str> {
    let partitioning = leaf.hash_partitioning().filter(|_| leaf.partitions() == partitions)?;
    let position = |column: &ColumnId| positions.get(output.iter().position(|given| given == column)?).copied();
    let hashed: Option<Vec<usize>> = hashed.iter().map(position).collect();
    (hashed? == partitioning.columns).then_some(partitioning.function.as_str())
}
