use super::{Fragment, FragmentOp};
use crate::expr::{AggregateCall, AggregateFunction, Scalar, SortKey, Volatility, WindowCall, WindowFunction};
use crate::optimize::PhysicalOp;

impl Fragment {
    /// Whether every run of it over the same rows gives the same, so that one result may serve wherever the task's
    /// token stands, as long as what it reads is so, too. What cannot be read may differ.
    pub fn is_deterministic(&self) -> bool {
        !self.nodes.iter().any(|node| match &node.op {
            FragmentOp::Input { .. } | FragmentOp::Scan { .. } | FragmentOp::Empty => false,
            FragmentOp::MergeInput { keys, .. } => keys.iter().any(unstable_key),
            FragmentOp::Compute { op, .. } => unstable_op(op),
        })
    }
}

fn unstable_op(op: &PhysicalOp<usize>) -> bool {
    match op {
        PhysicalOp::Filter { predicate } => unstable(predicate),
        PhysicalOp::Project { columns } => columns.iter().any(unstable),
        PhysicalOp::HashJoin { keys, residual, .. } => {
            keys.iter().any(|(left, right)| unstable(left) || unstable(right)) || residual.iter().any(unstable)
        }
        PhysicalOp::NestedLoopJoin { condition, .. } | PhysicalOp::MarkJoin { condition, .. } => {
            condition.iter().any(unstable)
        }
        PhysicalOp::Window { window, calls } => {
            window.partition_by.iter().any(unstable)
                || window.order_by.iter().any(unstable_key)
                || calls.iter().any(unstable_window_call)
        }
        PhysicalOp::Aggregate { aggregates, .. } => aggregates.iter().any(unstable_call),
        PhysicalOp::Sort { keys, .. } => keys.iter().any(unstable_key),
        PhysicalOp::Unnest { .. } | PhysicalOp::Limit { .. } | PhysicalOp::Union => false,
        PhysicalOp::Extension { .. } => true,
    }
}

fn unstable(scalar: &Scalar<usize>) -> bool {
    scalar.volatility() != Volatility::Immutable
}

fn unstable_key(key: &SortKey<usize>) -> bool {
    unstable(&key.scalar)
}

fn unstable_function(function: &AggregateFunction) -> bool {
    matches!(function, AggregateFunction::Other(function) if function.volatility != Volatility::Immutable)
}

fn unstable_window_call(call: &WindowCall<usize>) -> bool {
    let own = matches!(&call.function, WindowFunction::Aggregate(function) if unstable_function(function));
    own || call.args.iter().any(unstable) || call.filter.iter().any(unstable)
}

fn unstable_call(call: &AggregateCall<usize>) -> bool {
    unstable_function(&call.function) || call.args.iter().any(unstable) || call.filter.iter().any(unstable)
}
