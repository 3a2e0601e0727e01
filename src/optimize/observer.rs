//! What one optimization tells whoever watches it.
//!
//! The phases are generic over an [`Observer`]: the one that records a [`Trace`](super::trace::Trace) and the one
//! that does nothing, `()`, watch the same code. An observer is told what was done and cannot change it.

use std::ops::Range;
use std::sync::Arc;

use super::extract::Goals;
use super::graph::ClassId;
use super::trace::NativeStep;
use crate::rules::{Bindings, Refusal, Rule, RuleObserver};
use crate::term::{RelNode, RelOp, TermId, Terms};

/// Watches one optimization.
pub trait Observer: RuleObserver<TermId> + RuleObserver<ClassId> {
    /// Whether anybody does: what takes time to tell is told only then.
    const WATCHES: bool;

    /// Matches are numbered from 0 again: `at` below.
    fn matching(&mut self);

    /// A rule is tried on a relation, until [`Observer::tried`].
    fn trying<I: Into<Place>>(&mut self, rule: &Arc<Rule>, place: I);

    /// A rule goes on with a match that it found before, until [`Observer::tried`].
    fn resuming<I: Into<Place>>(&mut self, rule: &Arc<Rule>, place: I);

    /// The rule has been tried.
    fn tried(&mut self);

    /// The guards and the right side of a match are evaluated next.
    fn applying(&mut self, at: usize);

    /// They said no.
    fn refused<I: Into<Place> + Copy>(&mut self, bindings: &Bindings<I>, refusal: Refusal);

    /// A rule of `normalize` made one term of another.
    fn rewrote(&mut self, before: TermId, after: TermId, bindings: &Bindings<TermId>);

    /// A node over these inputs became a term: its scalars were simplified to those of `simplified`, and its
    /// constructor brought it into normal form.
    fn rebuilt(&mut self, terms: &Terms, node: RelNode<TermId>, simplified: RelOp, after: TermId);

    /// A native step made one term of another.
    fn stepped(&mut self, step: NativeStep, before: TermId, after: TermId);

    /// The enumerator made a class of a join-set over classes, and the e-nodes with these numbers.
    fn ordered_joins(&mut self, join_set: RelNode<ClassId>, class: ClassId, nodes: Range<usize>);

    /// The normalized term is in the graph, as this class.
    fn built(&mut self, root: ClassId);

    /// The enumerator declared two classes equal.
    fn united(&mut self, to: ClassId, from: ClassId);

    /// A rule of `explore` found a class to be equal to another, which was news, and made the e-nodes with these
    /// numbers.
    fn explored(&mut self, class: ClassId, equal: ClassId, bindings: &Bindings<ClassId>, nodes: Range<usize>);

    /// A match was found but not applied: the graph was full.
    fn cut_off(&mut self, rule: &Arc<Rule>);

    /// A rule of `implement` proposed the next alternative, counted from 0.
    fn proposed(&mut self, class: ClassId, bindings: &Bindings<ClassId>);

    /// The goals of extraction, all ways to reach each; for each its estimated rows, and the cost and the place of
    /// the best; the root by its place among the goals.
    fn extracted(&mut self, goals: &Goals, rows: Vec<f64>, best: &[Option<(f64, usize)>], root: usize);
}

/// Where a rule is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A term.
    Term(TermId),
    /// A class of the e-graph, by an id that it had.
    Class(ClassId),
}

impl From<TermId> for Place {
    fn from(term: TermId) -> Self {
        Place::Term(term)
    }
}

impl From<ClassId> for Place {
    fn from(class: ClassId) -> Self {
        Place::Class(class)
    }
}

/// Nobody watches.
impl Observer for () {
    const WATCHES: bool = false;

    fn matching(&mut self) {}

    fn trying<I: Into<Place>>(&mut self, _: &Arc<Rule>, _: I) {}

    fn resuming<I: Into<Place>>(&mut self, _: &Arc<Rule>, _: I) {}

    fn tried(&mut self) {}

    fn applying(&mut self, _: usize) {}

    fn refused<I: Into<Place> + Copy>(&mut self, _: &Bindings<I>, _: Refusal) {}

    fn rewrote(&mut self, _: TermId, _: TermId, _: &Bindings<TermId>) {}

    fn rebuilt(&mut self, _: &Terms, _: RelNode<TermId>, _: RelOp, _: TermId) {}

    fn stepped(&mut self, _: NativeStep, _: TermId, _: TermId) {}

    fn ordered_joins(&mut self, _: RelNode<ClassId>, _: ClassId, _: Range<usize>) {}

    fn built(&mut self, _: ClassId) {}

    fn united(&mut self, _: ClassId, _: ClassId) {}

    fn explored(&mut self, _: ClassId, _: ClassId, _: &Bindings<ClassId>, _: Range<usize>) {}

    fn cut_off(&mut self, _: &Arc<Rule>) {}

    fn proposed(&mut self, _: ClassId, _: &Bindings<ClassId>) {}

    fn extracted(&mut self, _: &Goals, _: Vec<f64>, _: &[Option<(f64, usize)>], _: usize) {}
}
