//! Golden plans of the rules: for every rule that ships, a term on which it fires, and the plan that
//! comes of it. The terms are the rules' own examples; the tables have rows, so that cost has a say.

use std::collections::BTreeSet;
use std::path::Path;

use leafhold::golden::{GoldenFile, Runner, TermPlanner};
use leafhold::rules::RuleSet;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/rules")
}

/// A case is a term in the notation of plans; the comment above it names the rule that it is about.
fn rule_of(query: &str) -> Option<&str> {
    query.lines().next()?.strip_prefix("; ")
}

#[test]
fn the_plans_of_the_rules_are_the_recorded_ones() {
    let planner = TermPlanner::new(RuleSet::builtin());
    if let Err(error) = Runner::from_env().run(&folder(), |query, options| planner.plan(query, options)) {
        panic!("{error}");
    }
}

#[test]
fn every_rule_fires_in_a_golden_plan_of_its_own() {
    let mut fired = BTreeSet::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let file = GoldenFile::parse(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        for case in file.cases() {
            let rule = rule_of(&case.query).unwrap().to_owned();
            if case.recorded.as_ref().is_some_and(|plan| plan.fired.contains(&rule)) {
                fired.insert(rule);
            }
        }
    }
    // An extension holds an engine's payload, so no text has one; `tests/algebra` plans some.
    let exempt = ["implement-extension", "implement-partition-wise-extension"];
    let silent: Vec<_> = RuleSet::builtin()
        .rules()
        .iter()
        .map(|rule| rule.name().to_owned())
        .filter(|name| !fired.contains(name) && !exempt.contains(&name.as_str()))
        .collect();
    assert!(silent.is_empty(), "no golden plan for: {}", silent.join(", "));
}
