//! What the optimizer counts: rules that fired, and budgets.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::CapUse;
use crate::rules::{Rule, RuleSet};

/// How often each rule fired: matched, passed its guards, and changed a term, added an e-node or
/// proposed an alternative.
#[derive(Debug, Default)]
pub struct Fired(HashMap<Arc<str>, u64, FxBuildHasher>);

impl Fired {
    /// Counts one firing.
    pub fn count(&mut self, rule: &Rule) {
        *self.0.entry(rule.shared_name().clone()).or_default() += 1;
    }

    /// The counts in canonical rule order.
    pub fn in_order(&self, rules: &RuleSet) -> IndexMap<String, u64> {
        let counted = rules.rules().iter().filter_map(|rule| Some((rule.name().to_owned(), *self.0.get(rule.name())?)));
        counted.collect()
    }
}

/// Counted budgets of one optimization. No clock decides anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Rewrites of normalization.
    pub rewrites: u64,
    /// Pairs of one join-set that are enumerated exactly.
    pub join_pairs: usize,
    /// Up to so many pairs of one join-set all go into the e-graph.
    pub planted_pairs: usize,
    /// Rounds of exploration.
    pub rounds: u64,
    /// E-nodes.
    pub nodes: usize,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets { rewrites: 100_000, join_pairs: 5_000, planted_pairs: 500, rounds: 8, nodes: 5_000 }
    }
}

/// Notes what was used of a budget.
pub fn cap(caps: &mut IndexMap<String, CapUse>, name: &str, used: u64, limit: u64, hit: bool) {
    caps.insert(name.to_owned(), CapUse { used, limit, hit });
}
