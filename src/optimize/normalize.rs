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
    /// The place of each rule in canonical order.
    places: HashMap<Arc<str>, usize, FxBuildHasher>,
}

impl RuleIndex {
    /// The rules of a phase: higher priorities first, then canonical order.
    pub fn new(rules: &RuleSet, phase: Phase) -> Self {
        let places = rules.rules().iter().enumerate().map(|(at, rule)| (rule.shared_name().clone(), at)).collect();
        RuleIndex { places, ..RuleIndex::of_rules(rules.by_phase(phase)) }
    }

    /// These rules, in this order.
    pub fn of_rules(rules: impl IntoIterator<Item = Arc<Rule>>) -> Self {
        let mut by_operator: HashMap<Operator, Vec<Arc<Rule>>, FxBuildHasher> = HashMap::default();
        for rule in rules {
            for operator in rule.root_operators() {
                by_operator.entry(*operator).or_default().push(rule.clone());
            }
        }
        RuleIndex { by_operator, places: HashMap::default() }
    }

    /// The rules that may match a node.
    pub fn of(&self, op: RelOp) -> &[Arc<Rule>] {
        self.by_operator.get(&Operator::of(op)).map_or(&[], Vec::as_slice)
    }
}

/// Rules that make a term of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The rules, in the order in which they fired.
    pub rules: Vec<Arc<str>>,
    /// The term that comes again.
    pub term: TermId,
}

/// What normalization did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalized {
    /// The normal form.
    pub root: TermId,
    /// Rewrites made.
    pub steps: u64,
    /// Whether the budget of rewrites ran out: the result is right, but not normal.
    pub exhausted: bool,
    /// Cycles of rules that were met: the result is right, but each cycle was cut by one of its rules, which
    /// fired no more.
    pub cycles: Vec<Cycle>,
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
        open: HashMap::default(),
        derived: HashSet::default(),
        retired: Vec::new(),
        cycles: Vec::new(),
        steps: 0,
        budget,
    };
    let root = normalizer.run(root);
    let Normalizer { steps, cycles, .. } = normalizer;
    Normalized { root, steps, exhausted: steps >= budget, cycles }
}

struct Normalizer<'a, O> {
    terms: &'a mut Terms,
    rules: &'a RuleIndex,
    fired: &'a mut Fired,
    observer: &'a mut O,
    /// From each term met so far to its normal form.
    normal: HashMap<TermId, TermId, FxBuildHasher>,
    /// Terms that were rewritten and whose normal form is not known yet: one that is needed again is on a cycle.
    open: HashMap<TermId, Option<Arc<Rule>>, FxBuildHasher>,
    /// Predicates that were derived for a relation: each once, wherever they have moved since.
    derived: HashSet<(ScalarId, ScalarId), FxBuildHasher>,
    /// Rules that fire no more, each because of a cycle.
    retired: Vec<Arc<str>>,
    cycles: Vec<Cycle>,
    steps: u64,
    budget: u64,
}

/// What a term became, and the rule that did it: `None` for a native step, and where only the inputs changed.
type Rewrite = (TermId, Option<Arc<Rule>>);

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
                    if self.normal.contains_key(&id) {
                        continue;
                    }
                    tasks.push(Task::Step(id));
                    match self.open.contains_key(&id) {
                        // Its inputs are normal.
                        true => self.cut(id, &tasks),
                        false => tasks.extend(self.terms.term(id).inputs.iter().rev().map(|input| Task::Visit(*input))),
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
                        Some((next, rule)) => {
                            tasks.push(Task::Link(id, next));
                            tasks.push(Task::Visit(next));
                            self.open.insert(id, rule);
                        }
                    }
                }
                Task::Link(from, to) => {
                    let normal = self.normal.get(&to).copied().unwrap_or(to);
                    self.open.remove(&from);
                    // What a cycle led back to has its normal form already.
                    self.normal.entry(from).or_insert(normal);
                }
            }
        }
        self.normal[&root]
    }

    /// Cuts the cycle that leads from a term back to it, or to a term that contains it: the rule of the cycle
    /// that is last in canonical order fires no more. A set with fewer rules is as right, and each cut takes one
    /// rule away, so this ends.
    fn cut(&mut self, id: TermId, tasks: &[Task]) {
        let start = tasks.iter().rposition(|task| matches!(task, Task::Link(from, _) if *from == id));
        let mut rules: Vec<Arc<str>> = Vec::new();
        for task in &tasks[start.unwrap_or(tasks.len())..] {
            // The rewrites of the cycle are forgotten: the term is stepped anew.
            if let Task::Link(from, _) = task
                && let Some(Some(rule)) = self.open.remove(from)
            {
                rules.push(rule.shared_name().clone());
            }
        }
        match rules.iter().max_by_key(|rule| self.rules.places.get(*rule)) {
            Some(last) => {
                self.retired.push(last.clone());
                self.cycles.push(Cycle { rules, term: id });
            }
            // No rule to take away: it is as normal as it gets.
            None => drop(self.normal.insert(id, id)),
        }
    }

    /// One rewrite of a term whose inputs have normal forms; `None` when it is normal.
    fn step(&mut self, id: TermId) -> Option<Rewrite> {
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
            return Some((rebuilt, None));
        }
        if self.steps >= self.budget {
            return None;
        }
        if let Some((step, next)) = self.derive(&node) {
            self.observer.stepped(step, id, next);
            return Some((next, None));
        }
        let next =
            self.rules.of(node.op).iter().find_map(|rule| Some((self.apply(rule, id, &node)?, Some(rule.clone()))));
        self.steps += u64::from(next.is_some());
        next
    }

    /// What a rule makes of a term.
    fn apply(&mut self, rule: &Arc<Rule>, id: TermId, node: &RelNode<TermId>) -> Option<TermId> {
        if !self.retired.is_empty() && self.retired.contains(rule.shared_name()) {
            return None;
        }
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
