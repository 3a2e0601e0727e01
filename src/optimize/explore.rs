//! Building the e-graph of a normalized term, and exploring it.

use std::collections::{HashMap, HashSet};

use rustc_hash::FxBuildHasher;

use super::counts::{Budgets, Fired};
use super::graph::{ClassId, Graph};
use super::join_order::{JoinBudget, JoinUse, plant};
use super::observer::Observer;
use super::rule_index::RuleIndex;
use crate::rules::{Bindings, Forest};
use crate::term::{RelNode, RelOp, TermId, terms_in_order};

/// Adds a normalized term: join-sets become the join trees that the enumerator finds.
pub fn build<O: Observer>(
    graph: &mut Graph,
    root: TermId,
    budgets: &Budgets,
    joins: &mut JoinUse,
    observer: &mut O,
) -> ClassId {
    let order = terms_in_order(graph.terms(), root);
    let mut classes: HashMap<TermId, ClassId> = HashMap::with_capacity(order.len());
    for id in order {
        let node = graph.terms().term(id).clone();
        let inputs: Vec<ClassId> = node.inputs.iter().map(|input| classes[input]).collect();
        let class = match node.op {
            RelOp::JoinSet(predicates) => {
                let conjuncts = graph.terms().predicates(predicates).to_vec();
                let budget = JoinBudget { pairs: budgets.join_pairs, planted: budgets.planted_pairs };
                let made = graph.made();
                let class = plant(graph, &inputs, &conjuncts, budget, joins, observer);
                if O::WATCHES {
                    observer.ordered_joins(RelNode::new(node.op, inputs), class, made..graph.made());
                }
                class
            }
            op => graph.add_node(RelNode::new(op, inputs)),
        };
        classes.insert(id, class);
    }
    graph.rebuild();
    observer.built(classes[&root]);
    graph.find(classes[&root])
}

/// What exploration did.
#[derive(Debug, Default)]
pub struct Explored {
    /// Rounds over all classes.
    pub rounds: u64,
    /// Whether rounds or nodes ran out before nothing new was found.
    pub exhausted: bool,
    /// E-nodes that each rule added.
    pub added: Fired,
}

/// Applies the exploration rules until nothing new is found or a budget is used up. Within a round
/// all matches are found before any is applied, and those of one node are applied by their rules' names, so the
/// order of rules cannot decide what is found.
pub fn explore<O: Observer>(
    graph: &mut Graph,
    rules: &RuleIndex,
    budgets: &Budgets,
    fired: &mut Fired,
    observer: &mut O,
) -> Explored {
    let mut explored = Explored::default();
    // What a match gave once it gives again: applied matches are not built anew in every round.
    let mut applied: HashSet<(ClassId, &str, Bindings<ClassId>), FxBuildHasher> = HashSet::default();
    loop {
        let mut found = Vec::new();
        observer.matching();
        for class in graph.classes() {
            for node in graph.nodes(class) {
                let first = found.len();
                for rule in rules.of(node.op) {
                    observer.trying(rule, class);
                    let matches = rule.matches_observed(graph, class, node, observer);
                    observer.tried();
                    let numbered = matches.into_iter().zip(found.len()..);
                    found.extend(numbered.map(|(bindings, at)| (at, class, rule, bindings)));
                }
                // Columns that rules make are numbered as they come: the order of the rule files must not show.
                found[first..].sort_by_key(|(_, _, rule, _)| rule.name());
            }
        }
        let mut changed = false;
        for (at, class, rule, mut bindings) in found {
            if graph.size() >= budgets.nodes {
                explored.exhausted = true;
                observer.cut_off(rule);
                match O::WATCHES {
                    true => continue,
                    false => break,
                }
            }
            let key = (class, rule.name(), bindings.clone());
            if applied.contains(&key) {
                continue;
            }
            let (nodes, made) = (graph.size(), graph.made());
            observer.resuming(rule, class);
            observer.applying(at);
            match rule.apply_observed(graph, class, &mut bindings, observer) {
                Ok(new) => {
                    applied.insert(key);
                    if graph.unite(class, new) || graph.size() > nodes {
                        fired.count(rule);
                        explored.added.add(rule, (graph.size() - nodes) as u64);
                        observer.explored(class, new, &bindings, made..graph.made());
                        changed = true;
                    }
                }
                Err(refusal) => observer.refused(&bindings, refusal),
            }
            observer.tried();
        }
        graph.rebuild();
        explored.rounds += 1;
        if !changed || explored.exhausted {
            return explored;
        }
        if explored.rounds >= budgets.rounds {
            explored.exhausted = true;
            return explored;
        }
    }
}
