//! Every rule tried on every node of every term, once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::bench::Bench;
use super::graft::plant;
use crate::optimize::{Cycle, Fired, RuleIndex, normalize};
use crate::rules::{Operator, Phase, Rule, RuleSet};
use crate::term::{TermId, Terms};

/// Rewrites after which normalizing a small term is taken not to end.
pub(super) const REWRITES: u64 = 500;

/// What a guard said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub yes: usize,
    pub no: usize,
}

/// A rule that rewrote a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rewritten {
    /// The rule, by its place.
    pub rule: usize,
    pub before: TermId,
    pub after: TermId,
}

/// What lints look at.
pub(super) struct Survey {
    pub rules: Vec<Arc<Rule>>,
    pub bench: Bench,
    /// The normalization of the rule set.
    pub index: RuleIndex,
    /// By rule, what each of its guards said.
    pub guards: Vec<Vec<Said>>,
    /// All rewrites of nodes.
    pub rewritten: Vec<Rewritten>,
    by_node: HashMap<TermId, Vec<usize>>,
    normal: HashMap<TermId, Option<TermId>>,
    /// Cycles that normalizations met.
    pub cycles: Vec<Cycle>,
    /// Terms whose normalization does not end.
    pub endless: Vec<TermId>,
}

impl Survey {
    pub fn new(rules: &RuleSet) -> Survey {
        let index = RuleIndex::new(rules, Phase::Normalize);
        let rules = rules.rules().to_vec();
        let bench = Bench::new(&rules);
        let guards = rules.iter().map(|rule| vec![Said::default(); rule.guards().count()]).collect();
        let mut survey = Survey {
            rules,
            bench,
            index,
            guards,
            rewritten: Vec::new(),
            by_node: HashMap::new(),
            normal: HashMap::new(),
            cycles: Vec::new(),
            endless: Vec::new(),
        };
        survey.run();
        survey
    }

    fn run(&mut self) {
        let mut by_operator: HashMap<Operator, Vec<usize>> = HashMap::new();
        for (at, rule) in self.rules.iter().enumerate() {
            for operator in rule.root_operators() {
                by_operator.entry(*operator).or_default().push(at);
            }
        }
        let mut seen: HashSet<TermId> = HashSet::new();
        let mut stack: Vec<TermId> = self.bench.all.iter().chain(&self.bench.calls).rev().copied().collect();
        while let Some(term) = stack.pop() {
            if !seen.insert(term) {
                continue;
            }
            let terms = &mut self.bench.terms;
            let node = terms.term(term).clone();
            stack.extend(&node.inputs);
            for at in by_operator.get(&Operator::of(node.op)).into_iter().flatten() {
                for bindings in self.rules[*at].matches(&*terms, term, &node) {
                    let attempt = self.rules[*at].attempt(terms, term, bindings);
                    let guards = &mut self.guards[*at];
                    guards[..attempt.passed].iter_mut().for_each(|said| said.yes += 1);
                    if attempt.refused {
                        guards[attempt.passed].no += 1;
                    }
                    if let Some(after) = attempt.made {
                        // What a rule makes of an example is there to show what ends it.
                        if self.bench.examples[*at].contains(&term) {
                            stack.push(after);
                        }
                        self.by_node.entry(term).or_default().push(self.rewritten.len());
                        self.rewritten.push(Rewritten { rule: *at, before: term, after });
                    }
                }
            }
        }
    }

    /// The arena.
    pub fn terms(&self) -> &Terms {
        &self.bench.terms
    }

    /// What rules made of a node.
    pub fn of_node(&self, node: TermId) -> impl Iterator<Item = &Rewritten> {
        self.by_node.get(&node).into_iter().flatten().map(|at| &self.rewritten[*at])
    }

    /// What one application of a normalizing rule, anywhere in a term, makes of it.
    pub fn anywhere(&mut self, term: TermId) -> Vec<(usize, TermId)> {
        let own = self.of_node(term).filter(|rewritten| self.rules[rewritten.rule].phase() == Phase::Normalize);
        let mut all: Vec<(usize, TermId)> = own.map(|rewritten| (rewritten.rule, rewritten.after)).collect();
        let node = self.bench.terms.term(term).clone();
        for (at, input) in node.inputs.iter().enumerate() {
            for (rule, after) in self.anywhere(*input) {
                let mut inputs = node.inputs.to_vec();
                inputs[at] = after;
                all.push((rule, plant(&mut self.bench.terms, node.op, inputs)));
            }
        }
        all
    }

    /// The normal form of a term by all rules of the set; `None` where normalization goes round in a cycle, or
    /// does not end.
    pub fn normal(&mut self, term: TermId) -> Option<TermId> {
        if let Some(known) = self.normal.get(&term) {
            return *known;
        }
        let mut fired = Fired::default();
        let normalized = normalize(&mut self.bench.terms, term, &self.index, REWRITES, &mut fired, &mut ());
        self.endless.extend(normalized.exhausted.then_some(term));
        let ended = !normalized.exhausted && normalized.cycles.is_empty();
        self.cycles.extend(normalized.cycles);
        let normal = ended.then_some(normalized.root);
        self.normal.insert(term, normal);
        normal
    }

    /// The rules that fire when a term is normalized.
    pub fn fired(&mut self, term: TermId) -> Fired {
        let mut fired = Fired::default();
        normalize(&mut self.bench.terms, term, &self.index, REWRITES, &mut fired, &mut ());
        fired
    }
}
