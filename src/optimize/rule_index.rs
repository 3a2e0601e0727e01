use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::expr::ScalarOp;
use crate::rules::{Operator, Phase, Rule, RuleSet, ScalarOperator};
use crate::term::{ColumnId, RelOp};

/// Rules of one phase by the operator at their root, in canonical order.
#[derive(Clone)]
pub struct RuleIndex {
    by_operator: HashMap<Operator, Vec<Arc<Rule>>, FxBuildHasher>,
    /// Those rooted at a scalar, by its operator.
    by_scalar: HashMap<ScalarOperator, Vec<Arc<Rule>>, FxBuildHasher>,
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
        let mut index =
            RuleIndex { by_operator: HashMap::default(), by_scalar: HashMap::default(), places: HashMap::default() };
        for rule in rules {
            match rule.scalar_operators() {
                Some(operators) => operators
                    .iter()
                    .for_each(|operator| index.by_scalar.entry(*operator).or_default().push(rule.clone())),
                None => rule
                    .root_operators()
                    .iter()
                    .for_each(|operator| index.by_operator.entry(*operator).or_default().push(rule.clone())),
            }
        }
        index
    }

    /// The place of a rule in canonical order, by its name.
    pub fn place(&self, rule: &str) -> Option<usize> {
        self.places.get(rule).copied()
    }

    /// Whether any rule is rooted at a scalar.
    pub fn has_scalar_rules(&self) -> bool {
        !self.by_scalar.is_empty()
    }

    /// The rules that may match a scalar of this operator.
    pub fn of_scalar(&self, op: &ScalarOp<ColumnId>) -> &[Arc<Rule>] {
        let rules = ScalarOperator::of(op).and_then(|operator| self.by_scalar.get(&operator));
        rules.map_or(&[], Vec::as_slice)
    }

    /// All rules that may match a node or a scalar that it is given, in the order in which they are tried.
    pub fn in_order(&self, op: RelOp) -> Vec<Arc<Rule>> {
        let mut rules: Vec<Arc<Rule>> = Vec::new();
        for rule in self.by_scalar.values().flatten() {
            if !rules.iter().any(|known| known.name() == rule.name()) {
                rules.push(rule.clone());
            }
        }
        rules.sort_by_key(|rule| (std::cmp::Reverse(rule.priority()), self.place(rule.name())));
        rules.extend(self.of(op).iter().cloned());
        rules
    }

    /// The rules that may match a node.
    pub fn of(&self, op: RelOp) -> &[Arc<Rule>] {
        self.by_operator.get(&Operator::of(op)).map_or(&[], Vec::as_slice)
    }
}
