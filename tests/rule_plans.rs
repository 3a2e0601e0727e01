//! Golden plans of the rules: for every rule that ships, a term on which it fires, and the plan that
//! comes of it. The terms are the rules' own examples; the tables have rows, so that cost has a say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::expr::CoreFunctions;
use leafhold::golden::{GoldenFile, GoldenPlan, Options, Runner};
use leafhold::leaf::{ColumnStatistics, FromDelayed, Leaf, TableStatistics, value};
use leafhold::optimize::Planner;
use leafhold::rules::{Rule, RuleSet};
use leafhold::term::text::{Tables, parse};

/// Rows of the first table of a rule, of the second, and so on.
const ROWS: [f64; 4] = [1_000.0, 20_000.0, 300.0, 5_000.0];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/rules")
}

/// A rule's tables, as two live partitions each, with statistics: columns of 10, 100 and as many values as
/// there are rows.
fn tables(rule: &Rule) -> Tables {
    let declared = rule.tables();
    let mut tables = Tables::new();
    for (name, rows) in declared.names().zip(ROWS.into_iter().cycle()) {
        let schema = declared.get(name).expect("a table that was declared").schema().clone();
        let distinct = [10.0, 100.0, rows].into_iter().cycle();
        let column = |distinct| ColumnStatistics { distinct: Some(distinct), ..ColumnStatistics::default() };
        let columns = distinct.take(schema.fields().len()).map(column).collect();
        let statistics = TableStatistics { rows: Some(rows), bytes: None, columns };
        let futures = ["0", "1"].map(|part| value(format!("{name}-{part}"), Vec::new()));
        let leaf = FromDelayed::new(name, schema, futures.to_vec()).expect("two futures of one engine");
        tables.add(Leaf::FromDelayed(leaf.with_statistics(statistics)));
    }
    tables
}

/// A case is a term in the notation of plans; the comment above it names the rule that it is about.
fn rule_of(query: &str) -> Option<&str> {
    query.lines().next()?.strip_prefix("; ")
}

fn plan(query: &str, options: &Options) -> Result<GoldenPlan, String> {
    let rules = RuleSet::builtin();
    let name = rule_of(query).ok_or("a case begins with the name of its rule: `; merge-filters`")?;
    let rule = rules.get(name).ok_or_else(|| format!("no rule `{name}`"))?;
    let functions = Arc::new(CoreFunctions);
    let (terms, root) = parse(query, &tables(rule), functions.clone()).map_err(|error| error.to_string())?;
    let rules = rules.without(&options.disabled).map_err(|error| error.to_string())?;
    let planner = Planner::new(functions).with_rules(Arc::new(rules)).with_target_partitions(2);
    let plan = planner.plan_term(terms, root).map_err(|error| error.to_string())?;
    let fired = plan.fired.keys().cloned().collect();
    Ok(GoldenPlan { text: PlanText::new(&plan).body().to_string().trim_end().to_owned(), fired, size: plan.size })
}

#[test]
fn the_plans_of_the_rules_are_the_recorded_ones() {
    if let Err(error) = Runner::from_env().run(&folder(), plan) {
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
