//! The rules that ship: they load, and do what their examples say.

use leafhold::rules::{Phase, RuleSet};
use leafhold::verify::{verify, verify_guards};

/// Fillings of each example.
const SAMPLES: usize = 400;

#[test]
fn every_example_and_every_not_holds() {
    let rules = match RuleSet::parse(RuleSet::builtin_files()) {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    };
    let mut errors = Vec::new();
    for rule in rules.rules() {
        errors.extend(rule.check_examples());
    }
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", texts.join("\n\n"));
}

#[test]
fn every_rewrite_keeps_the_result_on_tiny_tables() {
    for rule in RuleSet::builtin().rules().iter().filter(|rule| rule.phase() != Phase::Implement) {
        match verify(rule, SAMPLES) {
            Ok(coverage) => assert!(coverage.cases >= SAMPLES, "{}: nothing was compared", rule.name()),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn every_soundness_guard_is_needed() {
    let mut unshown = Vec::new();
    for rule in RuleSet::builtin().rules().iter().filter(|rule| rule.phase() != Phase::Implement) {
        for (at, shown) in verify_guards(rule, SAMPLES).unwrap().into_iter().enumerate() {
            if shown.is_none() {
                unshown.push(format!("{} {at}", rule.name()));
            }
        }
    }
    assert_eq!(unshown.join("\n"), "");
}
