use super::{Relation, SharedRule};
use crate::optimize::observer::Place;
use crate::rules::{Given, Phase, Value};

/// One rewrite, or one equality that was found.
#[derive(Clone, Debug)]
pub struct Step {
    /// When: `normalize`, and decorrelation before it, rewrites terms for good, `explore` (and the join order before it) adds to the e-graph
    /// beside what was there.
    pub phase: Phase,
    /// What did it.
    pub by: By,
    /// The relation as it was.
    pub before: Relation,
    /// The relation that stands for it.
    pub after: Relation,
    /// The rule's variables, by their place in [`Rule::variables`](crate::rules::Rule::variables); none for a
    /// native step.
    pub values: Vec<Value<Place>>,
    /// What guards and computed parts asked for, in order.
    pub calls: Vec<Call>,
    /// The numbers of the e-nodes that it made; none in `normalize`.
    pub(in crate::optimize) nodes: std::ops::Range<usize>,
}

/// What made a step.
#[derive(Clone, Debug)]
pub enum By {
    /// A rule.
    Rule(SharedRule),
    /// The optimizer itself.
    Native(NativeStep),
}

impl By {
    /// The name in texts.
    pub fn name(&self) -> &str {
        match self {
            By::Rule(rule) => rule.name(),
            By::Native(step) => step.name(),
        }
    }
}

/// What the optimizer does without a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NativeStep {
    /// An `apply` becomes joins.
    Decorrelate,
    /// Constants fold, common conjuncts leave a disjunction.
    SimplifyScalars,
    /// A constructor brings a node into its normal form: flat filters and join-sets.
    NormalForm,
    /// What a disjunction implies for one relation of a join filters that relation.
    DeriveFilters,
    /// A filter moves below a row-wise extension.
    PushIntoExtension,
    /// The join enumerator puts the trees of a join-set into its class.
    OrderJoins,
}

impl NativeStep {
    /// The name in texts.
    pub fn name(self) -> &'static str {
        match self {
            NativeStep::Decorrelate => "decorrelate",
            NativeStep::SimplifyScalars => "simplify-scalars",
            NativeStep::NormalForm => "normal-form",
            NativeStep::DeriveFilters => "derive-filters",
            NativeStep::PushIntoExtension => "push-filter-into-extension",
            NativeStep::OrderJoins => "order-joins",
        }
    }
}

/// A call of a function by a guard or a computed part: a fact that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The clause that asked, by its place in [`Rule::clauses`](crate::rules::Rule::clauses); the right side
    /// counts as one more.
    pub clause: usize,
    /// The function.
    pub function: &'static str,
    /// What it was given.
    pub args: Vec<Value<Place>>,
    /// What it gave; `None` where it has no value.
    pub gives: Option<Given>,
}
