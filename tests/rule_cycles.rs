//! Rules that loop and rules that explode: planning ends, the plan is right, and the report names the rules.

use std::sync::Arc;

use leafhold::explain::caps_hit;
use leafhold::expr::CoreFunctions;
use leafhold::optimize::{Budgets, Plan, Planner};
use leafhold::rules::{Keeps, Registry, RuleSet};
use leafhold::term::text::{Tables, parse, print_line};
use leafhold::term::{TermId, Terms};
use leafhold::verify::same_results;

/// A rule as the pieces that matter here.
fn rule(name: &str, phase: &str, pattern: &str, replace: &str) -> String {
    format!(
        ";; A rule of a test.\n(rule {name} (phase {phase}) (keeps bag) (match {pattern}) (replace {replace})\n\
         \x20(example (before \"t\") (after \"t\")) (not \"t\"))\n"
    )
}

fn more(base: &RuleSet, rules: &[String]) -> Arc<RuleSet> {
    let text = rules.concat();
    Arc::new(base.with_more(&[("test.rules", &text)], &Registry::core()).unwrap_or_else(|errors| panic!("{errors}")))
}

/// Only what is needed to have a plan at all.
fn implementation() -> RuleSet {
    let all = RuleSet::builtin();
    let logical = all.rules().iter().map(|rule| rule.name()).filter(|name| !name.starts_with("implement-"));
    all.without(&logical.collect::<Vec<_>>()).unwrap()
}

fn read(text: &str) -> (Terms, TermId) {
    parse(text, Tables::examples(), Arc::new(CoreFunctions)).unwrap()
}

fn planner(rules: &Arc<RuleSet>) -> Planner {
    Planner::new(Arc::new(CoreFunctions)).with_rules(rules.clone())
}

/// The plan of a text, whose normal form gives the same rows.
fn plan(rules: &Arc<RuleSet>, text: &str) -> Plan {
    let planner = planner(rules);
    let (terms, root) = read(text);
    let (terms, normal, _) = planner.normalize_term(terms, root);
    same_results("normalization", Keeps::Bag, &terms, root, normal, 50).unwrap_or_else(|error| panic!("{error}"));
    let (terms, root) = read(text);
    planner.plan_term(terms, root).unwrap()
}

#[test]
fn a_cycle_is_cut_at_its_last_rule_and_reported_with_the_term_that_comes_again() {
    let rules = [
        rule("push-a", "normalize", "(filter ?p (sort ?k ?r))", "(sort ?k (filter ?p ?r))"),
        rule("pull-b", "normalize", "(sort ?k (filter ?p ?r))", "(filter ?p (sort ?k ?r))"),
    ];
    let plan = plan(&more(&implementation(), &rules), "filter (a = 1) (sort [b] t)");
    let cap = &plan.caps["rule-cycle"];
    assert_eq!(cap.rules, ["push-a", "pull-b"]);
    assert_eq!(cap.term.as_deref(), Some("filter (a = 1) (sort [b] t)"));
    assert_eq!((cap.used, cap.hit), (1, true));
    assert_eq!(plan.caps["rewrites"].used, 3, "there, back, and there again");
    assert!(!plan.caps["rewrites"].hit);
    assert_eq!(caps_hit(&plan), "rule-cycle (push-a, pull-b, at \"filter (a = 1) (sort [b] t)\")");
}

#[test]
fn a_rule_that_undoes_a_shipped_one_is_the_one_that_goes() {
    let rules = [rule("pull-filter", "normalize", "(sort ?k (filter ?p ?r))", "(filter ?p (sort ?k ?r))")];
    let rules = more(&RuleSet::builtin(), &rules);
    let (terms, root) = read("sort [b] (filter (a = 1) t)");
    let (terms, normal, _) = planner(&rules).normalize_term(terms, root);
    assert_eq!(print_line(&terms, normal), "sort [b] (filter (a = 1) t)");
    let plan = plan(&rules, "sort [b] (filter (a = 1) t)");
    assert_eq!(plan.caps["rule-cycle"].rules, ["pull-filter", "push-filter-into-sort"]);
}

#[test]
fn a_term_that_contains_itself_is_a_cycle() {
    let rules = [rule("generate-a", "normalize", "(sort ?k ?r)", "(sort ?k (sort ?k ?r))")];
    let plan = plan(&more(&implementation(), &rules), "limit 2 (sort [a] t)");
    assert_eq!(plan.caps["rule-cycle"].rules, ["generate-a"]);
    assert!(!plan.caps["rewrites"].hit);
}

#[test]
fn three_rules_in_a_ring_are_all_named() {
    let rules = [
        rule("convert-a", "normalize", "(limit 1 ?f ?r)", "(limit 2 ?f ?r)"),
        rule("convert-b", "normalize", "(limit 2 ?f ?r)", "(limit 3 ?f ?r)"),
        rule("convert-c", "normalize", "(limit 3 ?f ?r)", "(limit 1 ?f ?r)"),
    ];
    // Not sound, so there is no result to compare: it must end, and say so.
    let (terms, root) = read("limit 5 offset 2 t");
    let plan = planner(&more(&implementation(), &rules)).plan_term(terms, root).unwrap();
    assert_eq!(plan.caps["rule-cycle"].rules, ["convert-b", "convert-c", "convert-a"]);
    assert_eq!(plan.caps["rule-cycle"].term.as_deref(), Some("limit 5 offset 2 t"));
    assert_eq!(plan.fired["convert-c"], 1, "it is the last one, and fires no more");
}

#[test]
fn a_rule_that_explodes_is_named_by_the_cap_that_it_hit() {
    let grow = rule("generate-a", "normalize", "(limit 0 ?f ?r)", "(limit 0 ?f (limit 0 (add ?f 1) ?r))");
    let rules = more(&implementation(), &[grow]);
    let (terms, root) = read("limit 3 t");
    let budgets = Budgets { rewrites: 300, ..Budgets::default() };
    let plan = planner(&rules).with_budgets(budgets).plan_term(terms, root).unwrap();
    let cap = &plan.caps["rewrites"];
    assert!(cap.hit && cap.rules == ["generate-a"], "{cap:?}");
    assert!(caps_hit(&plan).contains("rewrites 300/300 (mostly generate-a)"), "{}", caps_hit(&plan));
}

#[test]
fn an_explosion_at_the_default_budget_ends() {
    let grow = rule("generate-a", "normalize", "(limit 0 ?f ?r)", "(limit 0 ?f (limit 0 (add ?f 1) ?r))");
    let rules = more(&implementation(), &[grow]);
    let (terms, root) = read("limit 3 t");
    let (terms, normal, fired) = planner(&rules).normalize_term(terms, root);
    assert_eq!(fired["generate-a"], 100_000);
    assert!(terms.facts(normal).max_rows == Some(3));
}

#[test]
fn an_exploration_that_explodes_names_the_rule_and_the_plan_is_there() {
    let grow = rule("generate-a", "explore", "(limit 0 ?f ?r)", "(limit 0 ?f (limit 0 (add ?f 1) ?r))");
    let rules = more(&implementation(), &[grow]);
    let (terms, root) = read("limit 3 t");
    let few = Budgets { nodes: 40, rounds: 1_000, ..Budgets::default() };
    let plan = planner(&rules).with_budgets(few).plan_term(terms, root).unwrap();
    assert!(plan.caps["e-nodes"].hit && plan.caps["e-nodes"].rules == ["generate-a"], "{:?}", plan.caps);
    let (terms, root) = read("limit 3 t");
    let plan = planner(&rules).plan_term(terms, root).unwrap();
    assert!(plan.caps["rounds"].hit && plan.caps["rounds"].rules == ["generate-a"], "{:?}", plan.caps);
}

#[test]
fn without_a_cycle_there_is_no_report_of_one() {
    let plan = plan(&RuleSet::builtin(), "filter (a = 1) (join left (a = x) t u)");
    assert!(!plan.caps.contains_key("rule-cycle"));
    assert_eq!(caps_hit(&plan), "none");
}
