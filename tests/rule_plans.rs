//! Golden plans of the rules: for every rule that ships, a term on which it fires, and the plan that
//! comes of it. The terms are the rules' own examples; the tables have rows, so that cost has a say.

use std::path::{Path, PathBuf};

use leafhold::golden::{Coverage, Options, Runner, TermPlanner};
use leafhold::rules::RuleSet;

/// `rules`: plans in which a rule fires, and most often matters. `guards`: what a rule leaves alone.
const FOLDERS: [&str; 2] = ["rules", "guards"];

/// An extension holds an engine's payload, so no text has one; `tests/algebra` plans some.
const WITHOUT_A_TEXT: [&str; 2] = ["implement-extension", "implement-partition-wise-extension"];

fn path(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder)
}

#[test]
fn the_plans_of_the_rules_are_the_recorded_ones() {
    let planner = TermPlanner::new(RuleSet::builtin());
    for folder in FOLDERS {
        if let Err(error) = Runner::from_env().run(&path(folder), |query, options| planner.plan(query, options)) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_rule_fires_and_every_guard_rejects_in_a_golden_plan() {
    let planner = TermPlanner::new(RuleSet::builtin());
    let mut coverage = Coverage::default();
    let runner = Runner::new().repetitions(0);
    for folder in FOLDERS {
        let counted = |query: &str, options: &Options| match options.disabled.is_empty() {
            true => planner.plan_covering(query, options, &mut coverage),
            false => planner.plan(query, options),
        };
        runner.run(&path(folder), counted).unwrap_or_else(|error| panic!("{error}"));
    }
    let gaps = coverage.gaps(&RuleSet::builtin());
    let gaps: Vec<String> = gaps
        .iter()
        .filter(|gap| !WITHOUT_A_TEXT.iter().any(|rule| gap.to_string().starts_with(&format!("`{rule}`"))))
        .map(ToString::to_string)
        .collect();
    assert!(gaps.is_empty(), "{coverage}; but\n{}", gaps.join("\n"));
}

#[test]
fn what_no_golden_plan_shows_is_a_gap() {
    let rules = RuleSet::builtin();
    let mut coverage = Coverage::default();
    let rule = rules.get("eliminate-aggregate-on-key").unwrap();
    coverage.add_fired(rule);
    coverage.add_rejected(rule, 1);
    let gaps = coverage.gaps(&rules).into_iter().map(|gap| gap.to_string());
    let gaps: Vec<String> = gaps.filter(|gap| gap.contains(rule.name())).collect();
    assert_eq!(gaps, ["`eliminate-aggregate-on-key`: its guard (key ?r (group ?g)) rejects in no golden plan"]);
}
