//! The shape token of a plan: its operators, columns and leaf schemas; no futures, estimates or costs.

use std::collections::HashMap;
use std::sync::Arc;

use super::plan::{Partitioning, PhysicalOp, PlanNode, PlanOp};
use crate::expr::Name;
use crate::leaf::Leaf;
use crate::term::{ColumnId, Side};
use crate::token::{Token, Tokenizer};

/// The shape of a physical tree over leaves with named outputs: the token that plans print, the same in
/// every run. O(nodes), no recursion.
///
/// # Panics
/// When the tree reads a leaf that is not among these: such a plan is a bug of whoever made it.
pub fn plan_shape(root: &Arc<PlanNode>, output: &[(Name, ColumnId)], leaves: &[Leaf]) -> Token {
    let mut tokens: HashMap<*const PlanNode, Token> = HashMap::new();
    let mut stack = vec![(root, false)];
    while let Some((node, done)) = stack.pop() {
        if tokens.contains_key(&Arc::as_ptr(node)) {
            continue;
        }
        if !done {
            stack.push((node, true));
            stack.extend(node.inputs.iter().rev().map(|input| (input, false)));
            continue;
        }
        let mut tokenizer = Tokenizer::new("plan-node");
        put_op(&node.op, leaves, &mut tokenizer);
        tokenizer.put(&node.output);
        tokenizer.put_sequence(node.inputs.len());
        node.inputs.iter().for_each(|input| tokenizer.put_token(tokens[&Arc::as_ptr(input)]));
        tokens.insert(Arc::as_ptr(node), tokenizer.finish());
    }
    let mut tokenizer = Tokenizer::new("plan");
    tokenizer.put_token(tokens[&Arc::as_ptr(root)]);
    tokenizer.put_sequence(output.len());
    for (name, column) in output {
        tokenizer.put_str(name);
        tokenizer.put(column);
    }
    tokenizer.finish()
}

fn put_op(op: &PlanOp, leaves: &[Leaf], tokenizer: &mut Tokenizer) {
    tokenizer.put_record(op.name());
    match op {
        PlanOp::Read { leaf, columns } => {
            leaves[*leaf].tokenize(tokenizer, true);
            tokenizer.put(columns);
        }
        PlanOp::Empty => {}
        PlanOp::Exchange { to, merge } => {
            match to {
                Partitioning::Any => tokenizer.put_str("any"),
                Partitioning::Single => tokenizer.put_str("single"),
                Partitioning::Replicated => tokenizer.put_str("replicated"),
                Partitioning::Hashed(columns) => {
                    tokenizer.put_str("hashed");
                    tokenizer.put(columns);
                }
            }
            tokenizer.put(merge);
        }
        PlanOp::Compute(op) => put_physical(op, tokenizer),
    }
}

fn put_physical(op: &PhysicalOp<ColumnId>, tokenizer: &mut Tokenizer) {
    match op {
        PhysicalOp::Filter { predicate } => tokenizer.put(predicate),
        PhysicalOp::Project { columns } => tokenizer.put(columns),
        PhysicalOp::HashJoin { kind, keys, residual, build } => {
            tokenizer.put_str(kind.name());
            tokenizer.put(keys);
            tokenizer.put(residual);
            tokenizer.put_bool(*build == Side::Left);
        }
        PhysicalOp::NestedLoopJoin { kind, condition } => {
            tokenizer.put_str(kind.name());
            tokenizer.put(condition);
        }
        PhysicalOp::MarkJoin { condition, nullable } => {
            tokenizer.put(condition);
            tokenizer.put_bool(*nullable);
        }
        PhysicalOp::Window { window, calls } => {
            tokenizer.put(window);
            tokenizer.put(calls);
        }
        PhysicalOp::Unnest { column, nulls } => {
            tokenizer.put(column);
            tokenizer.put_str(nulls.name());
        }
        PhysicalOp::Aggregate { phase, group, aggregates } => {
            tokenizer.put_str(&phase.to_string());
            tokenizer.put(group);
            tokenizer.put(aggregates);
        }
        PhysicalOp::Sort { keys, fetch } => {
            tokenizer.put(keys);
            tokenizer.put(fetch);
        }
        PhysicalOp::Limit { offset, fetch } => {
            tokenizer.put_u64(*offset);
            tokenizer.put(fetch);
        }
        PhysicalOp::Union => {}
        PhysicalOp::Extension { extension } => tokenizer.put_token(extension.token()),
    }
}
