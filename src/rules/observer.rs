use super::value::{Given, Value};
use crate::term::{RelNode, ScalarId};

/// Watches rules being tried: how far a pattern fits, and what the functions of guards and computed parts are
/// given and give. It hears of what happens anyway, and cannot change it. `()` hears nothing, and costs
/// nothing.
pub trait RuleObserver<I> {
    /// The pattern does not fit: what it asks at `step` (0 for its root, then in the order in which it chooses)
    /// is not `found` there, for a `cause`. What it asks before fitted.
    fn mismatched(&mut self, step: usize, cause: Cause, found: Found<'_, I>);

    /// The pattern fits these nodes, the root first.
    fn matched(&mut self, nodes: &[&RelNode<I>]);

    /// A clause (`let`, `if`, `when`) is evaluated next: its place among them, from 0. The right side counts as one
    /// more.
    fn clause(&mut self, at: usize);

    /// A function was called; it has no value where `gives` is `None`.
    fn called(&mut self, function: &'static str, args: &[Value<I>], gives: Option<&Given>);
}

impl<I> RuleObserver<I> for () {
    fn mismatched(&mut self, _: usize, _: Cause, _: Found<'_, I>) {}

    fn matched(&mut self, _: &[&RelNode<I>]) {}

    fn clause(&mut self, _: usize) {}

    fn called(&mut self, _: &'static str, _: &[Value<I>], _: Option<&Given>) {}
}

/// Why a pattern does not fit: the first of its demands on a place that fails. Later ones are nearer to a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The operator is another one.
    Operator,
    /// What the operator is given differs, at this place.
    Part(usize),
    /// The inputs differ: in number, or from those that the pattern names twice.
    Inputs,
    /// No input of a list is like the one asked for.
    Element,
    /// A scalar of such an operator has other operands.
    Operands,
    /// No conjunct, or no element of a list of operands, is like the one asked for.
    Conjunct,
}

/// What stands where a pattern does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a, I> {
    /// A node.
    Node(&'a RelNode<I>),
    /// An input.
    Rel(I),
    /// A conjunct, or another scalar.
    Conjunct(ScalarId),
    /// Nothing: a list is empty.
    Nothing,
}

/// Why a rule whose pattern fits leaves a relation alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// A guard says no, or has no value: its place in [`Rule::guards`](super::Rule::guards).
    Guard(usize),
    /// A `let` has no value: its place among all clauses.
    Let(usize),
    /// A part of the right side has no value.
    Replacement,
    /// The result is the relation itself.
    Unchanged,
    /// The rule has no right side of this kind.
    Phase,
}
