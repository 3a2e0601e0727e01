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
use super::rule_index::RuleIndex;
use super::simplify::{implied, simplify};
use super::trace::NativeStep;
use crate::expr::JoinKind;
use crate::rules::{Bindings, Rule};
use crate::term::{RelNode, RelOp, ScalarId, TermId, Terms};

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
        fitting: Vec::new(),
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
    /// By scalar, whether a pattern fits it or a part of it. That does not depend on the relation, as guards do: most
    /// scalars are looked at once.
    fitting: Vec<Option<bool>>,
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
        match rules.iter().max_by_key(|rule| self.rules.place(rule)) {
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
        let op = self.terms.map_scalars(node.op, &mut simplify);
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
        if self.rules.has_scalar_rules()
            && let Some(rewrite) = self.rewrite_scalars(id, &node)
        {
            self.steps += 1;
            return Some(rewrite);
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

    /// One rewrite of a scalar that a node is given, or of a part of one; the innermost and first.
    fn rewrite_scalars(&mut self, id: TermId, node: &RelNode<TermId>) -> Option<Rewrite> {
        let scalars = self.terms.scalars_of(node.op);
        scalars.into_iter().find_map(|scalar| self.rewrite_scalar(id, node, scalar))
    }

    fn rewrite_scalar(&mut self, id: TermId, node: &RelNode<TermId>, scalar: ScalarId) -> Option<Rewrite> {
        if self.fits(scalar) == Some(false) {
            return None;
        }
        let args = self.terms.node(scalar).args.clone();
        let mut fits = false;
        for arg in args {
            if let Some(rewrite) = self.rewrite_scalar(id, node, arg) {
                return Some(rewrite);
            }
            fits |= self.fits(arg) != Some(false);
        }
        let rules = self.rules;
        for rule in rules.of_scalar(&self.terms.node(scalar).op) {
            if self.is_retired(rule) {
                continue;
            }
            self.observer.matching();
            self.observer.trying(rule, id);
            let matches = rule.matches_scalar(&*self.terms, node, scalar, self.observer);
            fits |= !matches.is_empty();
            if let Some(next) = self.apply_first(rule, id, matches) {
                return Some((next, Some(rule.clone())));
            }
        }
        let at = scalar.0 as usize;
        if self.fitting.len() <= at {
            self.fitting.resize(at + 1, None);
        }
        self.fitting[at] = Some(fits);
        None
    }

    /// Whether the pattern of some rule fits a scalar or a part of it; `None` when nobody has looked.
    fn fits(&self, scalar: ScalarId) -> Option<bool> {
        self.fitting.get(scalar.0 as usize).copied().flatten()
    }

    fn is_retired(&self, rule: &Rule) -> bool {
        !self.retired.is_empty() && self.retired.contains(rule.shared_name())
    }

    /// What a rule makes of a term.
    fn apply(&mut self, rule: &Arc<Rule>, id: TermId, node: &RelNode<TermId>) -> Option<TermId> {
        if self.is_retired(rule) {
            return None;
        }
        self.observer.matching();
        self.observer.trying(rule, id);
        let matches = rule.matches_observed(&*self.terms, id, node, self.observer);
        self.apply_first(rule, id, matches)
    }

    /// What a rule makes of a term by the first of its matches that its guards let through.
    fn apply_first(&mut self, rule: &Arc<Rule>, id: TermId, matches: Vec<Bindings<TermId>>) -> Option<TermId> {
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
                !self.terms.stays(*conjunct) && facts.columns.is_subset(&preserved)
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
