//! From names to dense column ids.
//!
//! Projections of plain columns vanish here: they only change which name means which column. Chains of
//! projections become one, as far as [`Extent::may_become`] allows; one that several nodes share is
//! computed once. Where both inputs of a join share columns (a self-join over one shared expression), the
//! right one is instantiated again with fresh ids.

mod aggregate;
mod join;
mod projection;
mod scope;
mod simple;
mod window;

use std::collections::{HashMap, HashSet};

use self::projection::State;
use crate::expr::{Expr, Name, Node, Op};
use crate::term::{ColumnId, ColumnSet, TermId, Terms};

/// A resolved expression: a term, and which column each output name means.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The term.
    pub root: TermId,
    /// The output, in the order that the user wrote.
    pub output: Vec<(Name, ColumnId)>,
}

/// Resolves an expression into an arena. O(nodes + columns); no recursion on depth.
pub fn resolve(expr: &Expr, terms: &mut Terms) -> Resolved {
    resolve_and_count(expr, terms).0
}

/// The same, and how many repartitions there were: a term says nothing of them.
pub(super) fn resolve_and_count(expr: &Expr, terms: &mut Terms) -> (Resolved, usize) {
    let mut resolver = Resolver { terms, leaves: 0, repartitions: 0, computed: ColumnSet::new(), outer: Vec::new() };
    let resolved = resolver.expression(expr);
    (resolved, resolver.repartitions)
}

/// Every distinct node once, inputs before the nodes that use them.
struct Order {
    nodes: Vec<Expr>,
    /// Applies whose right sides read columns of the left ones: they are left out, for what they mean depends on these.
    dependent: HashSet<*const Node>,
}

impl Order {
    fn of(expr: &Expr) -> Self {
        let mut order = Order { nodes: Vec::new(), dependent: HashSet::new() };
        let mut seen = HashSet::new();
        let mut stack = vec![(expr.clone(), false)];
        while let Some((expr, inputs_done)) = stack.pop() {
            let node = std::ptr::from_ref::<Node>(&expr);
            if inputs_done {
                order.nodes.push(expr);
            } else if seen.insert(node) {
                if matches!(expr.op(), Op::Apply { .. }) && !expr.inputs()[1].outer_references().is_empty() {
                    order.dependent.insert(node);
                }
                stack.push((expr.clone(), true));
                stack.extend(order.inputs(&expr).iter().rev().map(|input| (input.clone(), false)));
            }
        }
        order
    }

    fn inputs<'a>(&self, expr: &'a Expr) -> &'a [Expr] {
        match self.dependent.contains(&std::ptr::from_ref::<Node>(expr)) {
            true => &expr.inputs()[..1],
            false => expr.inputs(),
        }
    }
}

struct Resolver<'a> {
    terms: &'a mut Terms,
    leaves: usize,
    repartitions: usize,
    /// Columns that projections have computed. They are dropped when no name means them any more: each step
    /// of a long chain computes one.
    computed: ColumnSet,
    /// What names mean on the left sides of the applies around, the innermost last.
    outer: Vec<Vec<(Name, ColumnId)>>,
}
impl Resolver<'_> {
    /// Recurses into the right sides of dependent applies alone, whose nesting `Expr::apply` bounds.
    fn expression(&mut self, expr: &Expr) -> Resolved {
        let order = Order::of(expr);
        let mut uses: HashMap<*const Node, usize> = HashMap::with_capacity(order.nodes.len());
        for input in order.nodes.iter().flat_map(|node| order.inputs(node)) {
            *uses.entry(std::ptr::from_ref(&**input)).or_default() += 1;
        }
        let mut done: HashMap<*const Node, State> = HashMap::new();
        for node in &order.nodes {
            let inputs = order.inputs(node).iter().map(|input| {
                let input = std::ptr::from_ref(&**input);
                let left = uses.get_mut(&input).expect("every input was counted");
                *left -= 1;
                let state = if *left == 0 { done.remove(&input) } else { done.get(&input).cloned() };
                state.expect("inputs come first")
            });
            let mut inputs: Vec<State> = inputs.collect();
            let mut state = match (node.op(), inputs.as_slice()) {
                (Op::Project(columns), [_]) => State::Open(self.project(node, columns, inputs.remove(0))),
                (Op::Filter(predicate), [_]) => self.filter(predicate, inputs.remove(0)),
                _ => {
                    let inputs = inputs.into_iter().map(|input| self.settled(input)).collect();
                    State::Settled(self.node(node, inputs))
                }
            };
            if uses.get(&std::ptr::from_ref(&**node)).is_some_and(|uses| *uses > 1) {
                state = State::Settled(self.settled(state));
            }
            done.insert(&**node, state);
        }
        let root = done.remove(&std::ptr::from_ref(&**expr)).expect("the order ends with the root");
        self.settled(root)
    }

    /// An operator over terms that give all columns.
    fn node(&mut self, expr: &Expr, mut inputs: Vec<Resolved>) -> Resolved {
        let mut input = || inputs.remove(0);
        match expr.op() {
            Op::Leaf(leaf) => self.leaf(leaf),
            Op::Project(columns) => {
                let projection = self.project(expr, columns, State::Settled(input()));
                self.settled(State::Open(projection))
            }
            Op::Filter(predicate) => {
                let filtered = self.filter(predicate, State::Settled(input()));
                self.settled(filtered)
            }
            Op::Join { kind, on } => self.join(*kind, on, input(), input()),
            Op::MarkJoin { mark, on } => self.mark_join(expr, mark, on, input(), input()),
            Op::Apply { kind, on } => self.apply(expr, kind, on, inputs),
            Op::Aggregate { group, sets: Some(sets), aggregates } => {
                self.grouping_sets(expr, group, sets, aggregates, input())
            }
            Op::Aggregate { group, sets: None, aggregates } => self.aggregate(expr, group, aggregates, input()),
            Op::Window { window, calls } => self.window(expr, window, calls, input()),
            Op::Unnest { column, nulls } => self.unnest(expr, column, *nulls, input()),
            // What it says of the result, `Query` knows.
            Op::Repartition(_) => {
                self.repartitions += 1;
                inputs.remove(0)
            }
            Op::Sort(keys) => self.sort(keys, input()),
            Op::Limit { offset, fetch } => self.limit(*offset, *fetch, input()),
            Op::Distinct => self.distinct(input()),
            Op::Union => self.union(expr, &inputs),
            Op::Extension(extension) => self.extension(expr, extension, &inputs),
        }
    }
}

fn columns_of(resolved: &Resolved) -> Vec<ColumnId> {
    resolved.output.iter().map(|(_, column)| *column).collect()
}
