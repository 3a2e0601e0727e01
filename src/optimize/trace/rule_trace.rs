use std::time::Duration;

use indexmap::IndexMap;

use super::Call;
use crate::optimize::observer::Place;
use crate::rules::{Cause, Refusal, Value};
use crate::term::{RelNode, ScalarId};

/// What one rule did in one optimization.
#[derive(Clone, Debug, Default)]
pub struct RuleTrace {
    /// Nodes of its operator on which it was tried. Exploration tries again in every round.
    pub tried: u64,
    /// Ways in which its pattern fitted.
    pub matched: u64,
    /// How often it changed a term, was news to the e-graph, or proposed an operator.
    pub fired: u64,
    /// E-nodes that it made.
    pub nodes: u64,
    /// Matches that were not tried because the graph was full.
    pub cut_off: u64,
    /// The time it took. For people: it influences nothing.
    pub time: Duration,
    /// Where it came nearest to a match that it did not make; the first of equals.
    pub nearest: Option<Mismatch>,
    pub(super) refusals: IndexMap<Refusal, (u64, RefusedMatch)>,
}

impl RuleTrace {
    /// Why matches were refused, each with how often, and the first such match with it.
    pub fn refused(&self) -> impl Iterator<Item = (Refusal, u64, &RefusedMatch)> {
        self.refusals.iter().map(|(refusal, (count, first))| (*refusal, *count, first))
    }

    /// How many matches were refused by guards.
    pub fn rejections(&self) -> u64 {
        let guards = self.refused().filter(|(refusal, ..)| matches!(refusal, Refusal::Guard(_)));
        guards.map(|(_, count, _)| count).sum()
    }
}

/// A place where a pattern fits in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where the rule was tried.
    pub place: Place,
    /// What the pattern asks for, by [`Rule::pattern_text`](crate::rules::Rule::pattern_text): what it asks before
    /// is there.
    pub step: usize,
    /// What differs.
    pub cause: Cause,
    /// What is there.
    pub found: MismatchFound,
}

/// What is there instead of what a pattern asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MismatchFound {
    /// A node.
    Node(RelNode<Place>),
    /// An input.
    Rel(Place),
    /// A conjunct.
    Conjunct(ScalarId),
    /// Nothing: a list is empty.
    Nothing,
}

/// A match that a guard, or a part without a value, refused.
#[derive(Clone, Debug)]
pub struct RefusedMatch {
    /// Where.
    pub place: Place,
    /// The rule's variables, as far as they had values.
    pub values: Vec<Value<Place>>,
    /// The facts that were asked for, the last ones by whoever refused.
    pub calls: Vec<Call>,
}
