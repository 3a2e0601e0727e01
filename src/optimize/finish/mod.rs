//! From the chosen operators to a plan: exact column pruning, and columns in order.
//!
//! Every node gives just what something above it reads (an exception: one column stays where nothing
//! is read but rows are counted).

mod builder;
mod needed;

use std::cell::RefCell;
use std::sync::Arc;

use indexmap::IndexMap;

use self::builder::Builder;
use self::needed::{available, needed};
use super::extract::{Best, Choice, Extraction, Goal};
use super::hashed_leaves::HashedLeaves;
use super::plan::{PhysicalOp, PlanColumn, PlanNode, PlanOp};
use crate::expr::Scalar;
use crate::term::{ColumnId, Required, Terms};

/// Builds the physical tree of an extraction whose root gives at least these columns; with it, the columns that plans have
/// beyond those of the query, which are numbered after them. No recursion.
pub(super) fn finish(
    terms: &Terms,
    extraction: &Extraction,
    hashed: &HashedLeaves,
    output: &[ColumnId],
) -> (Arc<PlanNode>, Vec<PlanColumn>) {
    let order = goals_in_order(extraction);
    let outputs = available(terms, extraction, &order);
    let needed = needed(terms, extraction, &order, &outputs, output);
    let mut built: IndexMap<Goal, Arc<PlanNode>> = IndexMap::new();
    let made = RefCell::new(Vec::new());
    for goal in &order {
        let builder = Builder { terms, hashed, made: &made, built: &built, needed: &needed[goal] };
        let node = builder.build(*goal, &extraction.best[goal]);
        built.insert(*goal, node);
    }
    (built[&extraction.root].clone(), made.into_inner())
}

fn inputs_of(goal: Goal, best: &Best) -> Vec<Goal> {
    match &best.choice {
        Choice::Compute(candidate) => candidate.inputs.to_vec(),
        Choice::Move(_) => vec![(goal.0, Required::Any)],
    }
}

/// The goals that the root reaches, inputs first.
fn goals_in_order(extraction: &Extraction) -> Vec<Goal> {
    let mut seen = std::collections::HashSet::new();
    let mut order = Vec::new();
    let mut stack = vec![(extraction.root, false)];
    while let Some((goal, done)) = stack.pop() {
        if done {
            order.push(goal);
        } else if seen.insert(goal) {
            stack.push((goal, true));
            let inputs = inputs_of(goal, &extraction.best[&goal]);
            stack.extend(inputs.into_iter().rev().map(|input| (input, false)));
        }
    }
    order
}

/// A projection to these columns in this order, unless they are that already.
pub fn arrange(input: Arc<PlanNode>, columns: Vec<ColumnId>) -> Arc<PlanNode> {
    if input.output == columns {
        return input;
    }
    Arc::new(PlanNode {
        op: PlanOp::Compute(PhysicalOp::Project {
            columns: columns.iter().map(|column| Scalar::column(*column)).collect(),
        }),
        partitioning: input.partitioning.clone(),
        rows: input.rows,
        cost: input.cost,
        output: columns,
        inputs: vec![input],
    })
}
