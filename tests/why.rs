//! What `leafhold why`, `why-not` and `rules stats` say, of terms: golden texts and their laws.

use std::path::Path;
use std::sync::Arc;

use leafhold::explain::{
    FrontEndStep, Outcome, PlanDiff, PlanJson, PlanRecord, Replay, RuleStats, Verdict, Why, WhyNot,
};
use leafhold::expr::{CoreFunctions, Frame, col, count_all, lit, sum};
use leafhold::golden::TermPlanner;
use leafhold::optimize::{Budgets, Planner};
use leafhold::rules::{Registry, RuleSet};

/// Compares with a file of `tests/golden/why`, or writes it where `LEAFHOLD_UPDATE=1` is set.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/why").join(name);
    if std::env::var_os("LEAFHOLD_UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(recorded == text, "{name} differs; LEAFHOLD_UPDATE=1 records this:\n{text}");
}

fn why(query: &str) -> String {
    let (plan, trace) = TermPlanner::new(RuleSet::builtin()).traced(query).unwrap();
    Why::new(&trace, &plan).to_string()
}

fn why_not(rule: &str, query: &str) -> WhyNot {
    let rules = RuleSet::builtin();
    let (plan, trace) = TermPlanner::new(rules.clone()).traced(query).unwrap();
    WhyNot::new(&trace, Ok(&plan), rule, &rules).unwrap()
}

const OUTER_JOIN: &str = "filter (and (x = 1) (b = 2)) (join left (a = x) t u)";
const APPLY: &str = "filter (v > 0) (apply scalar [v := n] true t (aggregate [] [n := (count y)] (filter (a = x) u)))";
const AGGREGATE: &str = "aggregate [b] [s := (sum z)] (join-set (a = x) [t u])";

#[test]
fn why_tells_the_chain_from_the_query_to_the_plan() {
    golden("outer-join.txt", &why(OUTER_JOIN));
    golden("aggregate.txt", &why(AGGREGATE));
    golden("apply.txt", &why(APPLY));
    golden("join-order.txt", &why("join-set (and (a = x) (y = d)) [t u v]"));
}

#[test]
fn what_a_front_end_did_comes_first() {
    let (plan, trace) = TermPlanner::new(RuleSet::builtin()).traced("filter (a = 1) t").unwrap();
    let steps = [FrontEndStep {
        by: "join-subqueries".into(),
        before: "a in (select 1)\n  t".into(),
        after: "a = 1\n  t".into(),
    }];
    let why = Why::new(&trace, &plan).after(&steps);
    let text = why.to_string();
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part:?} in\n{text}"));
    assert!(place("1 of the front end, then 0 steps") < place("written\n  a in (select 1)"));
    assert!(
        place("written") < place("join-subqueries  (front end)") && place("+ a = 1") < place("given to the planner")
    );
    assert_eq!(why.to_json()["front_end"][0]["by"], "join-subqueries");
}

#[test]
fn why_not_tells_what_is_in_the_way() {
    let texts = [
        ("prune-never-true-filter", "filter (a = 1) t"),
        ("push-filter-into-project", "filter (a = 1) (distinct t)"),
        ("push-aggregate-into-left", AGGREGATE),
        ("fold-is-not-null", "filter (and (a = 1) (is-not-null b)) t"),
        ("convert-left-join-to-inner", OUTER_JOIN),
        ("merge-unions", "filter (a = 1) t"),
        ("implement-nested-loop-join", "join-set (a = x) [t u]"),
    ];
    let mut all = String::new();
    for (rule, query) in texts {
        all.push_str(&format!("==== {rule}\n{query}\n----\n{}\n", why_not(rule, query)));
    }
    golden("why-not.txt", &all);
}

#[test]
fn every_verdict_can_be_reached() {
    let verdict = |rule: &str, query: &str| why_not(rule, query).verdict;
    assert_eq!(verdict("convert-left-join-to-inner", OUTER_JOIN), Verdict::InPlan);
    assert_eq!(verdict("prune-never-true-filter", "filter (a = 1) t"), Verdict::Refused);
    assert_eq!(verdict("push-filter-into-project", "filter (a = 1) t"), Verdict::NoMatch);
    assert_eq!(verdict("prune-never-true-filter", "t"), Verdict::NoOperator);
    let not_chosen = verdict("implement-nested-loop-join", "join-set (a = x) [t u]");
    let Verdict::NotChosen { cost: Some(cost), chosen } = not_chosen else { panic!("{not_chosen:?}") };
    assert!(cost > chosen);

    let all = RuleSet::builtin();
    let some = Arc::new(all.without(&["prune-never-true-filter"]).unwrap());
    let (plan, trace) = TermPlanner::new(some).traced("filter (a = 1) t").unwrap();
    let asked = |rule| WhyNot::new(&trace, Ok(&plan), rule, &all);
    assert_eq!(asked("prune-never-true-filter").unwrap().verdict, Verdict::Disabled);
    let unknown = asked("prune-never-true-filtre").unwrap_err();
    assert_eq!(unknown.suggestion.as_deref(), Some("prune-never-true-filter"));
}

fn sales() -> Frame {
    use arrow_schema::{DataType, Field, Schema};
    let schema = Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]);
    Frame::from_batches("sales", Arc::new(schema), vec![]).unwrap()
}

fn items() -> Frame {
    sales().rename([("k", "i"), ("v", "w")]).unwrap()
}

#[test]
fn a_cap_that_was_hit_is_the_answer() {
    let frame = sales().join(&items(), leafhold::expr::JoinKind::Inner, [col("k").eq(col("i"))]).unwrap();
    let frame = frame.aggregate([("k", col("k"))], [("s", sum(col("v")))]).unwrap();
    let planner = Planner::new(frame.functions().clone());
    let budgets = Budgets { nodes: 1, ..Budgets::default() };
    let planner = planner.with_budgets(budgets);
    let (plan, trace) = planner.plan_traced(frame.expr());
    let plan = plan.unwrap();
    let answer = WhyNot::new(&trace, Ok(&plan), "push-aggregate-into-left", planner.rules()).unwrap();
    assert!(matches!(answer.verdict, Verdict::CutOff { .. }), "{answer}");
    assert!(answer.to_string().contains("caps hit: e-nodes "), "{answer}");
}

#[test]
fn json_has_what_the_text_has() {
    let (plan, trace) = TermPlanner::new(RuleSet::builtin()).traced(OUTER_JOIN).unwrap();
    let json = Why::new(&trace, &plan).to_json();
    let steps = json["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["by"] == "convert-left-join-to-inner" && step["native"] == false));
    assert!(json["cost"].as_f64().unwrap() > 0.0);
    assert!(json["choices"][0]["ways"][0]["operator"].is_string());
    let refused = why_not("prune-never-true-filter", "filter (a = 1) t").to_json();
    assert_eq!(refused["verdict"], "refused");
    assert_eq!(refused["refused"][0]["variables"]["?p"], "(a = 1)");
    let not_chosen = why_not("implement-nested-loop-join", "join-set (a = x) [t u]").to_json();
    assert!(not_chosen["cost"].as_f64() > not_chosen["chosen_cost"].as_f64());
    assert!(not_chosen["plan_with"].as_str().unwrap().contains("nested-loop-join"));
}

#[test]
fn a_replay_blames_the_wrong_rule() {
    let wrong = "
;; Wrong on purpose: a limit does not commute with a filter.
(rule push-filter-into-limit
  (phase normalize)
  (keeps bag)
  (match   (filter ?p (limit ?o ?f ?r)))
  (replace (limit ?o ?f (filter ?p ?r)))
  (example
    (before \"filter (a = 1) (limit 3 t)\")
    (after  \"limit 3 (filter (a = 1) t)\"))
  (not \"limit 3 (filter (a = 1) t)\"))
";
    let rules = RuleSet::builtin().with_more(&[("wrong.rules", wrong)], &Registry::core()).unwrap();
    let query = "filter (and (a = 1) true) (limit 1 (filter (b = 1) (filter true t)))";
    let (_, mut trace) = TermPlanner::new(Arc::new(rules.clone())).traced(query).unwrap();
    let replay = Replay::of(&mut trace, 100);
    let (_, by, counterexample) = replay.blamed().expect("a wrong step");
    assert_eq!(by, "push-filter-into-limit");
    assert!(counterexample.to_string().contains("but"), "{counterexample}");
    assert!(replay.to_string().contains("`push-filter-into-limit` is wrong: counterexample"), "{replay}");

    // Only rows beyond the query's own constants tell.
    let far = "filter (a > 700) (limit 1 t)";
    let (_, mut trace) = TermPlanner::new(Arc::new(rules)).traced(far).unwrap();
    assert_eq!(Replay::of(&mut trace, 100).blamed().expect("a wrong step").1, "push-filter-into-limit");

    let (_, mut trace) = TermPlanner::new(RuleSet::builtin()).traced(query).unwrap();
    let replay = Replay::of(&mut trace, 100);
    assert!(replay.blamed().is_none(), "{replay}");
    assert!(replay.steps.iter().all(|step| matches!(step.outcome, Outcome::Same)), "{replay}");
}

#[test]
fn law_d2_a_replay_begins_with_the_applies_that_were_written() {
    let nested = "apply anti true t (apply semi true (filter (a = x) u) (filter (and (x = d) (y < e)) v))";
    for (query, applies) in [(APPLY, 1), (nested, 2)] {
        let (_, mut trace) = TermPlanner::new(RuleSet::builtin()).traced(query).unwrap();
        let replay = Replay::of(&mut trace, 100);
        let first: Vec<_> = replay.steps.iter().take_while(|step| step.by == "decorrelate").collect();
        assert_eq!(first.len(), applies, "{replay}");
        assert!(first.iter().all(|step| matches!(step.outcome, Outcome::Same)), "{replay}");
        assert!(replay.blamed().is_none(), "{replay}");
    }
}

#[test]
fn stats_count_matches_and_effects() {
    let functions = Arc::new(CoreFunctions);
    let planner = Planner::new(functions);
    let mut stats = RuleStats::new(planner.rules());
    let queries = [
        sales().filter(col("k").gt(lit(1i64))).unwrap().filter(col("v").lt(lit(3i64))).unwrap(),
        sales().join(&items(), leafhold::expr::JoinKind::Left, [col("k").eq(col("i"))]).unwrap(),
        sales().aggregate([("k", col("k"))], [("n", count_all())]).unwrap().filter(col("k").eq(lit(2i64))).unwrap(),
    ];
    for query in &queries {
        stats.add(&planner, |planner| planner.plan_traced(query.expr())).unwrap();
    }
    let fired = stats.fired();
    assert!(fired.iter().all(|(_, row)| row.fired > 0 && row.matched >= row.fired && row.tried > 0));
    let read = fired.iter().find(|(name, _)| *name == "implement-read").expect("leaves are read").1;
    assert_eq!((read.queries, read.needed), (3, 3));
    let json = stats.to_json();
    assert_eq!(json["rules"].as_array().unwrap().len(), planner.rules().rules().len());
    golden("stats.txt", &stats.without_times().to_string());
}

#[test]
fn a_plan_is_the_same_from_its_json() {
    for query in [OUTER_JOIN, AGGREGATE] {
        let (plan, _) = TermPlanner::new(RuleSet::builtin()).traced(query).unwrap();
        let mut read = PlanRecord::from_json(&PlanJson::new(&plan).to_string()).unwrap();
        let mut made = PlanRecord::of(&plan);
        // JSON objects have no order.
        read.fired.sort();
        made.fired.sort();
        assert_eq!(read, made);
    }
    for wrong in ["", "{}", "[1]", "{\"token\":\"t\",\"fired\":{},\"plan\":{\"text\":1}}"] {
        assert!(PlanRecord::from_json(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_diff_tells_what_changed_and_what_costs_more() {
    let plans = |disabled: &[&str]| {
        let rules = Arc::new(RuleSet::builtin().without(disabled).unwrap());
        let queries = [("aggregate", AGGREGATE), ("outer", OUTER_JOIN), ("read", "t")];
        let plan = |query: &str| PlanRecord::of(&TermPlanner::new(rules.clone()).traced(query).unwrap().0);
        queries.map(|(name, query)| (name.to_owned(), plan(query))).into_iter().collect()
    };
    let fewer = plans(&["push-aggregate-into-right", "implement-broadcast-join-build-left"]);
    let diff = PlanDiff::new("all", &plans(&[]), "fewer", &fewer);
    assert_eq!(diff.summary(), "plan diff over 3 plans: 2 changed, 2 costlier");
    assert_eq!(diff.clone().over("TPC-H").summary(), "plan diff over TPC-H: 2 changed, 2 costlier");
    assert_eq!(PlanDiff::new("all", &fewer, "fewer", &fewer).summary(), "plan diff over 3 plans: 0 changed");
    golden("diff.txt", &diff.to_string());
}
