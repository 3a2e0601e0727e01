//! Golden plans of the rules: for every rule that ships, a term on which it fires, and the plan that
//! comes of it. The terms are the rules' own examples; the tables have rows, so that cost has a say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::golden::{Coverage, GoldenFile, Options, Runner, TermPlanner};
use leafhold::optimize::trace::Choice;
use leafhold::rules::{Phase, RuleSet};

/// `rules`: plans in which a rule fires, and most often matters. `guards`: what a rule leaves alone.
const FOLDERS: [&str; 2] = ["rules", "guards"];

/// An extension holds an engine's payload, so no text has one; `tests/algebra` plans some.
const WITHOUT_A_TEXT: [&str; 2] = ["implement-extension", "implement-partition-wise-extension"];

/// A case names the rule that it is about in its first line.
fn rule_of(query: &str) -> Option<&str> {
    query.lines().next()?.strip_prefix("; ")
}

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

/// Joins of tables with themselves: whichever side is built costs the same.
const TIES: [&str; 4] = [
    "join-set (a = a:2) [t t:2]",
    "join-set (and (a = a:2) (b:2 = b:3)) [t t:2 t:3]",
    "aggregate [b] [n := (count)] (join-set (a = a:2) [t t:2])",
    "join full (a = a:2) t t:2",
];

/// All plans of some seeds, for terms whose cheapest plans are several.
#[test]
fn law_d1_between_equal_costs_the_shape_decides_and_not_the_order_of_rules() {
    let rules = RuleSet::builtin();
    let mut tied = 0;
    for query in TIES {
        let (plan, trace) = TermPlanner::new(rules.clone()).traced(query).unwrap();
        let equal = |choice: &Choice| choice.ways.iter().filter(|way| way.cost == choice.ways[0].cost).count() > 1;
        tied += trace.choices().iter().filter(|choice| equal(choice)).count();
        for seed in 0..12 {
            let (found, _) = TermPlanner::new(Arc::new(rules.shuffled(seed))).traced(query).unwrap();
            let text = |plan| PlanText::new(plan).body().to_string();
            assert_eq!(text(&found), text(&plan), "{query}: order {seed}");
        }
    }
    assert!(tied >= 3, "{tied} choices had several cheapest ways");
}

/// The golden runner plans each case with two other orders of rules; these are more, on every example and `not`, and
/// on the golden cases.
#[test]
fn the_order_of_rules_within_a_priority_decides_no_plan() {
    let rules = RuleSet::builtin();
    let orders: Vec<_> = (0..8).map(|seed| TermPlanner::new(Arc::new(rules.shuffled(seed)))).collect();
    let planner = TermPlanner::new(rules.clone());
    let mut queries: Vec<String> = Vec::new();
    for rule in rules.rules() {
        let examples = rule.examples().iter().map(|example| &example.before);
        queries.extend(examples.chain(rule.nots()).map(|text| format!("; {}\n{text}", rule.name())));
    }
    for folder in FOLDERS {
        for entry in std::fs::read_dir(path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let file = GoldenFile::parse(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
            queries.extend(file.cases().map(|case| case.query.clone()));
        }
    }
    queries.sort();
    queries.dedup();
    let mut compared = 0;
    for query in queries {
        let Ok(expected) = planner.plan(&query, &Options::default()) else { continue };
        for (seed, planner) in orders.iter().enumerate() {
            let found = planner.plan(&query, &Options::default()).unwrap();
            assert_eq!(found.text, expected.text, "{query}: order {seed}");
        }
        compared += 1;
    }
    assert!(compared > 250, "{compared} terms have a plan");
}

/// A set without some rules plans whatever it can, and says what it cannot.
#[test]
fn any_single_rule_may_be_disabled() {
    let rules = RuleSet::builtin();
    let files = std::fs::read_dir(path("rules")).unwrap().map(|entry| entry.unwrap().path());
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
