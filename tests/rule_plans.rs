//! Golden plans of the rules: for every rule that ships, a term on which it fires, and the plan that
//! comes of it. The terms are the rules' own examples; the tables have rows, so that cost has a say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use leafhold::golden::{GoldenFile, Options, Runner, TermPlanner};
use leafhold::rules::{Phase, RuleSet};

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

/// The golden runner plans each case with two other orders of rules; these are more, on every example and `not`.
#[test]
fn the_order_of_rules_within_a_priority_decides_no_plan() {
    let rules = RuleSet::builtin();
    let orders: Vec<_> = (0..8).map(|seed| TermPlanner::new(Arc::new(rules.shuffled(seed)))).collect();
    let planner = TermPlanner::new(rules.clone());
    let mut compared = 0;
    for rule in rules.rules() {
        let examples = rule.examples().iter().map(|example| &example.before);
        for text in examples.chain(rule.nots()) {
            let query = format!("; {}\n{text}", rule.name());
            let Ok(expected) = planner.plan(&query, &Options::default()) else { continue };
            for (seed, planner) in orders.iter().enumerate() {
                let found = planner.plan(&query, &Options::default()).unwrap();
                assert_eq!(found.text, expected.text, "{query}: order {seed}");
            }
            compared += 1;
        }
    }
    assert!(compared > 150, "{compared} terms have a plan");
}

/// A set without some rules plans whatever it can, and says what it cannot.
#[test]
fn any_single_rule_may_be_disabled() {
    let rules = RuleSet::builtin();
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.map(|path| GoldenFile::parse(&path, &std::fs::read_to_string(&path).unwrap()).unwrap());
    let cases: Vec<String> =
        texts.flat_map(|file| file.cases().map(|case| case.query.clone()).collect::<Vec<_>>()).collect();
    for rule in rules.rules() {
        let disabled = vec![rule.name().to_owned()];
        for query in cases.iter().filter(|query| rule_of(query) == Some(rule.name())) {
            let options = Options { disabled: disabled.clone(), ..Options::default() };
            match TermPlanner::new(rules.clone()).plan(query, &options) {
                Ok(plan) => assert!(!plan.fired.contains(&disabled[0])),
                Err(message) => {
                    assert_eq!(rule.phase(), Phase::Implement, "{query}: {message}");
                    assert!(message.starts_with("no implementation rule covers `"), "{query}: {message}");
                }
            }
        }
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
