//! Implementation: the physical operators that rules propose for the classes of the explored e-graph.

use super::counts::Fired;
use super::graph::{ClassId, Graph};
use super::observer::Observer;
use super::rule_index::RuleIndex;
use crate::rules::Forest;
use crate::term::Alternative;

/// The physical alternatives that the implementation rules propose for every class, numbered as they come.
pub fn implement<O: Observer>(
    graph: &mut Graph,
    rules: &RuleIndex,
    fired: &mut Fired,
    observer: &mut O,
) -> Vec<(ClassId, Vec<Alternative<ClassId>>)> {
    let mut alternatives = Vec::new();
    for class in graph.classes() {
        let mut proposed: Vec<Alternative<ClassId>> = Vec::new();
        for node in graph.nodes(class).to_vec() {
            for rule in rules.of(node.op) {
                observer.matching();
                observer.trying(rule, class);
                let matches = rule.matches_observed(graph, class, &node, observer);
                for (at, mut bindings) in matches.into_iter().enumerate() {
                    observer.applying(at);
                    match rule.implement_observed(graph, class, &mut bindings, observer) {
                        Ok(alternative) => {
                            fired.count(rule);
                            observer.proposed(class, &bindings);
                            proposed.push(alternative);
                        }
                        Err(refusal) => observer.refused(&bindings, refusal),
                    }
                }
                observer.tried();
            }
        }
        alternatives.push((class, proposed));
    }
    alternatives
}
