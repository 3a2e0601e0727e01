//! Walks the shared trees that texts print, without recursion and each node once.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::expr::{Expr, Node};
use crate::optimize::PlanNode;

/// A node of a tree whose subtrees may be shared.
pub(super) trait Tree {
    /// Tells nodes apart. Never printed, never ordered by.
    fn identity(&self) -> usize;
    /// The inputs, in order.
    fn inputs(&self) -> &[Self]
    where
        Self: Sized;
}

impl Tree for Expr {
    fn identity(&self) -> usize {
        std::ptr::from_ref::<Node>(self) as usize
    }

    fn inputs(&self) -> &[Expr] {
        Node::inputs(self)
    }
}

impl Tree for Arc<PlanNode> {
    fn identity(&self) -> usize {
        Arc::as_ptr(self) as usize
    }

    fn inputs(&self) -> &[Arc<PlanNode>] {
        &self.inputs
    }
}

/// A step of a walk, in the order in which texts print.
pub(super) enum Step<'a, N> {
    /// A node for the first time; its inputs follow. `shared` numbers nodes with several users.
    Open { node: &'a N, shared: Option<usize> },
    /// A shared node once more.
    Again { node: &'a N, shared: usize },
    /// The inputs of the last open node are done.
    Close,
}

/// Visits every distinct node once, users before their inputs, until `visit` breaks.
pub(super) fn walk<'a, N: Tree>(root: &'a N, mut visit: impl FnMut(Step<'a, N>) -> ControlFlow<()>) {
    let users = count_users(root);
    let mut numbers: HashMap<usize, usize> = HashMap::new();
    // `None` closes the node that was opened last.
    let mut stack = vec![Some(root)];
    while let Some(next) = stack.pop() {
        let step = match next {
            None => Step::Close,
            Some(node) => match numbers.get(&node.identity()) {
                Some(shared) => Step::Again { node, shared: *shared },
                None => {
                    let shared = (users[&node.identity()] > 1).then(|| {
                        let number = numbers.len();
                        numbers.insert(node.identity(), number);
                        number
                    });
                    stack.push(None);
                    stack.extend(node.inputs().iter().rev().map(Some));
                    Step::Open { node, shared }
                }
            },
        };
        if visit(step).is_break() {
            return;
        }
    }
}

/// How many distinct nodes there are.
pub(super) fn count_nodes<N: Tree>(root: &N) -> usize {
    count_users(root).len()
}

fn count_users<N: Tree>(root: &N) -> HashMap<usize, usize> {
    let mut users: HashMap<usize, usize> = HashMap::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        let count = users.entry(node.identity()).or_default();
        *count += 1;
        if *count == 1 {
            stack.extend(node.inputs());
        }
    }
    users
}

/// Deeper nodes are not indented further, or the text of a chain would grow with its square.
const DEEPEST_INDENT: usize = 60;

/// The start of a line: two spaces per level, and how many levels are not shown.
pub(super) fn indent(depth: usize) -> String {
    match depth.checked_sub(DEEPEST_INDENT) {
        None | Some(0) => "  ".repeat(depth),
        Some(more) => format!("{}+{more} ", "  ".repeat(DEEPEST_INDENT)),
    }
}
