//! The trace of a run: it records what happened, changes nothing, and every step of it holds.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::golden::{GoldenFile, Options, TermPlanner};
use leafhold::optimize::trace::{By, NativeStep, Relation, Trace};
use leafhold::rules::{Keeps, Phase, RuleSet};
use leafhold::term::{RelNode, TermId, Terms};
use leafhold::verify::{VerifyError, same_results};

/// Applies: beside others, within others, two levels up, and below what counts rows by all their columns.
const APPLIES: [&str; 6] = [
    "filter (b = 1) (apply semi true t (filter (a = x) u))",
    "join-set (a = d) [(apply scalar [v := n] true t (aggregate [] [n := (count y)] (filter (a = x) u))) v]",
    "filter (or m (b = 2)) (apply mark m (a = x) t (filter (b = y) u))",
    "distinct (apply inner true t (project [y] (filter (x < a) u)))",
    "apply anti true t (apply semi true (filter (a = x) u) (filter (and (x = d) (y < e)) v))",
    "apply semi true (apply semi true t (filter (a = x) u)) (filter (b = d) v)",
];

/// The terms of the golden plans of the rules, and applies.
fn queries() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/rules");
    let mut queries = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = GoldenFile::parse(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        queries.extend(file.cases().map(|case| case.query.clone()));
    }
    queries.extend(APPLIES.map(str::to_owned));
    queries.sort();
    assert!(queries.len() > 60);
    queries
}

fn traced(query: &str) -> Trace {
    TermPlanner::new(RuleSet::builtin()).traced(query).unwrap().1
}

#[test]
fn a_traced_run_gives_the_same_plan() {
    let planner = TermPlanner::new(RuleSet::builtin());
    for query in queries() {
        let plain = planner.plan(&query, &Options::default()).unwrap();
        let (traced, trace) = planner.traced(&query).unwrap();
        assert_eq!(PlanText::new(&traced).body().to_string().trim_end(), plain.text, "{query}");
        assert_eq!(traced.size, plain.size, "{query}");
        assert_eq!(traced.fired.keys().cloned().collect::<Vec<_>>(), plain.fired, "{query}");
        let fired = trace.rules().filter(|(_, rule)| rule.fired > 0);
        let fired: Vec<_> = fired.map(|(name, rule)| (name.to_owned(), rule.fired)).collect();
        assert_eq!(fired, traced.fired.clone().into_iter().collect::<Vec<_>>(), "{query}");
        let cost = trace.cost().expect("there is a plan");
        assert!((cost - traced.root.cost).abs() <= cost * 1e-9, "{query}");
    }
}

#[test]
fn the_steps_of_normalization_lead_from_the_query_to_its_normal_form() {
    for query in queries() {
        let trace = traced(&query);
        let terms = trace.terms();
        let node = |relation: &Relation| match relation {
            Relation::Term(term) => terms.term(*term).clone(),
            Relation::Node(node) => node.clone(),
            other => panic!("{other:?} in normalize"),
        };
        let (mut next, mut joined) = (HashMap::new(), HashMap::new());
        for step in trace.steps().iter().filter(|step| step.phase == Phase::Normalize) {
            match (&step.by, &step.before, &step.after) {
                (By::Native(NativeStep::Decorrelate), Relation::Term(before), Relation::Term(after)) => {
                    joined.insert(*before, *after);
                }
                (_, before, after) => drop(next.insert(node(before), node(after))),
            }
        }
        let ids = (0..terms.len() as u32).map(TermId).map(|term| (terms.term(term).clone(), term)).collect();
        let start = without_applies(terms, &joined, &ids, trace.written());
        assert_eq!(normal(terms, &next, &ids, start), trace.normal().unwrap(), "{query}");
    }
}

/// The term without applies by the recorded steps alone.
fn without_applies(
    terms: &Terms,
    joined: &HashMap<TermId, TermId>,
    ids: &HashMap<RelNode<TermId>, TermId>,
    term: TermId,
) -> TermId {
    let mut node = terms.term(term).clone();
    node.inputs.iter_mut().for_each(|input| *input = without_applies(terms, joined, ids, *input));
    let id = ids[&node];
    joined.get(&id).copied().unwrap_or(id)
}

/// The normal form of a term by the recorded steps alone.
fn normal(
    terms: &Terms,
    next: &HashMap<RelNode<TermId>, RelNode<TermId>>,
    ids: &HashMap<RelNode<TermId>, TermId>,
    term: TermId,
) -> TermId {
    let mut node = terms.term(term).clone();
    loop {
        node.inputs.iter_mut().for_each(|input| *input = normal(terms, next, ids, *input));
        match next.get(&node) {
            Some(after) => node = after.clone(),
            None => return ids[&node],
        }
    }
}

#[test]
fn what_was_written_has_its_applies() {
    for query in APPLIES {
        let trace = traced(query);
        let written = trace.operators(&Relation::Term(trace.written()));
        let applies = written.iter().filter(|(_, op)| op.name() == "apply").count();
        let steps = trace.steps().iter().filter(|step| step.by.name() == "decorrelate").count();
        assert_eq!((applies, steps), (query.matches("apply").count(), applies), "{query}");
    }
}

#[test]
fn law_d2_every_step_gives_the_rows_of_what_it_replaced() {
    let mut replayed = BTreeSet::new();
    for query in queries() {
        let mut trace = traced(&query);
        for at in 0..trace.steps().len() {
            let step = trace.steps()[at].clone();
            let keeps = match &step.by {
                By::Rule(rule) => rule.keeps(),
                By::Native(_) => Keeps::Bag,
            };
            let (before, after) = trace.sides(at);
            match same_results(step.by.name(), keeps, trace.terms(), before, after, 10) {
                Ok(_) => replayed.insert(step.by.name().to_owned()),
                Err(VerifyError::Unknown { .. }) if step.by.name() != "decorrelate" => false,
                Err(error) => panic!("{query}\n{error}"),
            };
        }
    }
    assert!(replayed.contains("decorrelate"));
    for phase in [Phase::Normalize, Phase::Explore] {
        for rule in RuleSet::builtin().by_phase(phase) {
            assert!(replayed.contains(rule.name()), "no step of `{}` was replayed", rule.name());
        }
    }
}

#[test]
fn a_refused_match_says_which_guard_and_which_facts() {
    let trace = traced("; t\nfilter (x = 1) (join left (a = x) t u)");
    let rejected = trace.rejected();
    let rule = trace.rule("push-filter-into-preserved-side");
    assert!(rule.is_some(), "{rejected:?}");
    for (name, guards) in &rejected {
        let rule = Arc::clone(trace.planner().rules().get(name).unwrap());
        assert!(guards.iter().all(|at| *at < rule.guards().count()), "{name}: {guards:?}");
        let record = trace.rule(name).unwrap();
        assert!(record.rejections() > 0 && record.refused().all(|(_, _, first)| !first.values.is_empty()));
    }
    assert!(!rejected.is_empty());
}

#[test]
fn a_rule_that_is_not_in_the_plan_does_not_matter() {
    let all = TermPlanner::new(RuleSet::builtin());
    let mut checked = 0;
    for query in queries() {
        let (plan, trace) = all.traced(&query).unwrap();
        let body = PlanText::new(&plan).body().to_string();
        for rule in plan.fired.keys().filter(|rule| !trace.is_in_plan(rule)) {
            let options = Options { disabled: vec![rule.clone()], ..Options::default() };
            let without = all.plan(&query, &options).unwrap();
            assert_eq!(without.text, body.trim_end(), "without `{rule}`: {query}");
            let (cost, _) = trace.cheapest_with(rule).unwrap_or((f64::INFINITY, None));
            assert!(cost >= trace.cost().unwrap(), "{rule}: {query}");
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn the_cheapest_plan_with_a_rule_of_the_plan_is_the_plan() {
    for query in queries() {
        let (plan, trace) = TermPlanner::new(RuleSet::builtin()).traced(&query).unwrap();
        for rule in plan.fired.keys().filter(|rule| trace.is_in_plan(rule)) {
            let Some((cost, _)) = trace.cheapest_with(rule) else { continue };
            // A rule of `explore` may be there by an equality alone: then what it made may cost more.
            let made = trace.planner().rules().get(rule).unwrap().phase() == Phase::Implement;
            assert!(!made || (cost - plan.root.cost).abs() <= cost * 1e-9, "{rule}: {query}");
        }
    }
}

#[test]
fn a_deep_query_has_a_trace_and_texts_of_bounded_size() {
    use leafhold::expr::{Frame, col, lit};
    let schema = arrow_schema::Schema::new(vec![arrow_schema::Field::new("a", arrow_schema::DataType::Int64, true)]);
    let mut frame = Frame::from_batches("t", Arc::new(schema), vec![]).unwrap();
    for at in 0..200i64 {
        frame = frame.filter(col("a").gt(lit(at))).unwrap().sort([col("a").asc()]).unwrap();
        frame = frame.limit(0, at as u64 + 7);
    }
    let planner = leafhold::optimize::Planner::new(frame.functions().clone());
    let (plan, trace) = planner.plan_traced(frame.expr());
    assert!(plan.is_ok());
    let last = trace.steps().last().unwrap();
    assert!(trace.operators(&last.before).len() <= 2_000 && trace.steps().len() > 200);
    assert!(!trace.path().is_empty() && !trace.choices().is_empty());
}
