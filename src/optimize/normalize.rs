//! Normalization: rules that are never worse, applied destructively, bottom-up, to a fixpoint.
//!
//! Terms are hash-consed, so "already normal" is one lookup, and normalizing twice is normalizing once.
//! Beside the rules there are native steps, which keep normal forms that a rule would have to repeat for
//! every operator: constants fold, and what a disjunction implies for one relation of a join filters
//! that relation.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::counts::Fired;
use super::observer::Observer;
use super::simplify::{implied, simplify};
use super::trace::NativeStep;
use crate::expr::{JoinKind, Volatility};
use crate::rules::{Operator, Phase, Rule, RuleSet};
use crate::term::{AggregateSpec, RelNode, RelOp, ScalarId, TermId, TermSortKey, Terms};

/// Rules of one phase by the operator at their root, in canonical order.
#[derive(Clone)]
pub struct RuleIndex {
    by_operator: HashMap<Operator, Vec<Arc<Rule>>, FxBuildHasher>,
}

impl RuleIndex {
    /// The rules of a phase: higher priorities first, then canonical order.
    pub fn new(rules: &RuleSet, phase: Phase) -> Self {
        let mut by_operator: HashMap<Operator, Vec<Arc<Rule>>, FxBuildHasher> = HashMap::default();
        for rule in rules.by_phase(phase) {
            for operator in rule.root_operators() {
                by_operator.entry(*operator).or_default().push(rule.clone());
            }
        }
        RuleIndex { by_operator }
    }

    /// The rules that may match a node.
    pub fn of(&self, op: RelOp) -> &[Arc<Rule>] {
        self.by_operator.get(&Operator::of(op)).map_or(&[], Vec::as_slice)
    }
}

/// What normalization did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalized {
    /// The normal form.
    pub root: TermId,
    /// Rewrites made.
    pub steps: u64,
    /// Whether the budget of rewrites ran out: the result is right, but not normal.
    pub exhausted: bool,
}

/// Brings a term to its normal form with at most `budget` rewrites. No recursion on depth.
pub fn normalize<O: Observer>(
    terms: &mut Terms,
    root: TermId,
    rules: &RuleIndex,
    budget: u64,
    fired: &mut Fired,
    observer: &mut O,
) -> Normalized {
    let mut normalizer = Normalizer {
        terms,
        rules,
        fired,
        observer,
        normal: HashMap::default(),
        derived: HashSet::default(),
        steps: 0,
        budget,
    };
    let root = normalizer.run(root);
    Normalized { root, steps: normalizer.steps, exhausted: normalizer.steps >= budget }
}

struct Normalizer<'a, O> {
    terms: &'a mut Terms,
    rules: &'a RuleIndex,
    fired: &'a mut Fired,
    observer: &'a mut O,
    /// From each term met so far to its normal form.
    normal: HashMap<TermId, TermId, FxBuildHasher>,
    /// Predicates that were derived for a relation: each once, wherever they have moved since.
    derived: HashSet<(ScalarId, ScalarId), FxBuildHasher>,
    steps: u64,
    budget: u64,
}

enum Task {
    /// Make the inputs normal, then come back.
    Visit(TermId),
    /// The inputs are normal: take one step, or be done.
    Step(TermId),
    /// The normal form of the first is that of the second.
    Link(TermId, TermId),
}

impl<O: Observer> Normalizer<'_, O> {
    fn run(&mut self, root: TermId) -> TermId {
        let mut tasks = vec![Task::Visit(root)];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Visit(id) => {
                    if !self.normal.contains_key(&id) {
                        tasks.push(Task::Step(id));
                        tasks.extend(self.terms.term(id).inputs.iter().rev().map(|input| Task::Visit(*input)));
                    }
                }
                Task::Step(id) => {
                    if self.normal.contains_key(&id) {
                        continue;
                    }
                    match self.step(id) {
                        None => {
                            self.normal.insert(id, id);
                        }
                        Some(next) => {
                            tasks.push(Task::Link(id, next));
                            tasks.push(Task::Visit(next));
                        }
                    }
                }
                Task::Link(from, to) => {
                    let normal = self.normal.get(&to).copied().unwrap_or(to);
                    self.normal.insert(from, normal);
                }
            }
        }
        self.normal[&root]
    }

    /// One rewrite of a term whose inputs have normal forms; `None` when it is normal.
    fn step(&mut self, id: TermId) -> Option<TermId> {
        let node = self.terms.term(id).clone();
        let inputs: Vec<TermId> =
            node.inputs.iter().map(|input| self.normal.get(input).copied().unwrap_or(*input)).collect();
        let op = self.simplify_payload(node.op);
        let told = O::WATCHES.then(|| RelNode::new(node.op, inputs.iter().copied()));
        let rebuilt = self.rebuild(op, inputs);
        if rebuilt != id {
            if let Some(before) = told {
                self.observer.rebuilt(self.terms, before, op, rebuilt);
            }
            return Some(rebuilt);
        }
        if self.steps >= self.budget {
            return None;
        }
        if let Some((step, next)) = self.derive(&node) {
            self.observer.stepped(step, id, next);
            return Some(next);
        }
        let next = self.rules.of(node.op).iter().find_map(|rule| self.apply(rule, id, &node));
        self.steps += u64::from(next.is_some());
        next
    }

    /// What a rule makes of a term.
    fn apply(&mut self, rule: &Arc<Rule>, id: TermId, node: &RelNode<TermId>) -> Option<TermId> {
        self.observer.matching();
        self.observer.trying(rule, id);
        let matches = rule.matches_observed(&*self.terms, id, node, self.observer);
        let next = matches.into_iter().enumerate().find_map(|(at, mut bindings)| {
            self.observer.applying(at);
            let applied = rule.apply_observed(self.terms, id, &mut bindings, self.observer);
            match applied {
                Ok(next) => {
                    self.fired.count(rule);
                    self.observer.rewrote(id, next, &bindings);
                    Some(next)
                }
                Err(refusal) => {
                    self.observer.refused(&bindings, refusal);
                    None
                }
            }
        });
        self.observer.tried();
        next
    }

    /// The node in the normal form of its constructor.
    fn rebuild(&mut self, op: RelOp, inputs: Vec<TermId>) -> TermId {
        match op {
            RelOp::JoinSet(predicates) | RelOp::Join(JoinKind::Inner, predicates) => {
                let conjuncts = self.terms.predicates(predicates).to_vec();
                self.terms.join_set(inputs, conjuncts)
            }
            RelOp::Filter(predicates) => {
                let conjuncts = self.terms.predicates(predicates).to_vec();
                self.terms.filter(inputs[0], conjuncts)
            }
            op => self.terms.add(RelNode::new(op, inputs)),
        }
    }

    fn simplify_payload(&mut self, op: RelOp) -> RelOp {
        let terms = &mut *self.terms;
        match op {
            RelOp::Filter(predicates) => RelOp::Filter(simplify_predicates(terms, predicates)),
            RelOp::Join(kind, predicates) => RelOp::Join(kind, simplify_predicates(terms, predicates)),
            RelOp::JoinSet(predicates) => RelOp::JoinSet(simplify_predicates(terms, predicates)),
            RelOp::Project(projection) => {
                let mut columns = terms.projection(projection).to_vec();
                columns.iter_mut().for_each(|(_, scalar)| *scalar = simplify(terms, *scalar));
                RelOp::Project(terms.intern_projection(columns))
            }
            RelOp::Aggregate(aggregate) => {
                let AggregateSpec { group, mut aggregates } = terms.aggregate(aggregate).clone();
                let scalars = aggregates.iter_mut().flat_map(|(_, call)| call.args.iter_mut().chain(&mut call.filter));
                scalars.for_each(|scalar| *scalar = simplify(terms, *scalar));
                RelOp::Aggregate(terms.intern_aggregate(AggregateSpec { group, aggregates }))
            }
            RelOp::MarkJoin(mark, on) => RelOp::MarkJoin(mark, simplify_predicates(terms, on)),
            RelOp::Apply(form, on) => RelOp::Apply(form, simplify_predicates(terms, on)),
            RelOp::Window(window) => {
                let mut spec = terms.window(window).clone();
                spec.order_by.iter_mut().for_each(|key| key.scalar = simplify(terms, key.scalar));
                for (_, call) in &mut spec.calls {
                    call.args.iter_mut().chain(&mut call.filter).for_each(|arg| *arg = simplify(terms, *arg));
                }
                RelOp::Window(terms.intern_window(spec))
            }
            RelOp::Sort(keys) => {
                let keys = terms.sort_keys(keys).to_vec();
                let keys = keys.into_iter().map(|key| TermSortKey { scalar: simplify(terms, key.scalar), ..key });
                let keys = keys.collect();
                RelOp::Sort(terms.intern_sort(keys))
            }
            other => other,
        }
    }

    /// What no rule can say: see the two steps below.
    fn derive(&mut self, node: &RelNode<TermId>) -> Option<(NativeStep, TermId)> {
        match node.op {
            RelOp::JoinSet(predicates) => Some((NativeStep::DeriveFilters, self.derive_filters(node, predicates)?)),
            RelOp::Filter(predicates) => {
                Some((NativeStep::PushIntoExtension, self.push_into_extension(node.inputs[0], predicates)?))
            }
            _ => None,
        }
    }

    /// A filter on columns that a row-wise extension preserves says the same of its input.
    fn push_into_extension(&mut self, input: TermId, predicates: crate::term::PredicatesId) -> Option<TermId> {
        let RelNode { op, inputs } = self.terms.term(input).clone();
        let RelOp::Extension(extension) = op else { return None };
        let traits = self.terms.extension(extension).extension.traits();
        if !(traits.row_wise && traits.column_preserving) || traits.volatile {
            return None;
        }
        let preserved = self.terms.facts(input).outputs.intersection(&self.terms.facts(inputs[0]).outputs);
        let (movable, rest): (Vec<_>, Vec<_>) =
            self.terms.predicates(predicates).to_vec().into_iter().partition(|conjunct| {
                let facts = self.terms.scalar_facts(*conjunct);
                facts.volatility < Volatility::Volatile && facts.columns.is_subset(&preserved)
            });
        if movable.is_empty() {
            return None;
        }
        self.steps += 1;
        let below = self.terms.filter(inputs[0], movable);
        let extended = self.terms.add(RelNode::new(op, [below]));
        Some(self.terms.filter(extended, rest))
    }

    /// Filters one relation of a join by what a disjunction of the condition implies for it.
    fn derive_filters(&mut self, node: &RelNode<TermId>, predicates: crate::term::PredicatesId) -> Option<TermId> {
        let conjuncts = self.terms.predicates(predicates).to_vec();
        let mut inputs = node.inputs.clone();
        let mut changed = false;
        for conjunct in &conjuncts {
            for input in &mut inputs {
                let outputs = self.terms.facts(*input).outputs.clone();
                let Some(own) = implied(self.terms, *conjunct, &outputs) else { continue };
                if self.derived.insert((*conjunct, own)) {
                    *input = self.terms.filter(*input, [own]);
                    changed = true;
                }
            }
        }
        changed.then(|| {
            self.steps += 1;
            self.terms.join_set(inputs, conjuncts)
        })
    }
}

fn simplify_predicates(terms: &mut Terms, predicates: crate::term::PredicatesId) -> crate::term::PredicatesId {
    let conjuncts = terms.predicates(predicates).to_vec();
    let simple: Vec<_> = conjuncts.iter().map(|conjunct| simplify(terms, *conjunct)).collect();
    if simple == conjuncts { predicates } else { terms.intern_predicates(simple) }
}
