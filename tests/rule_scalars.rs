//! Rules that are rooted at scalars: where they are tried, what they see, and what they may not change.

use std::sync::Arc;

use leafhold::explain::caps_hit;
use leafhold::optimize::Planner;
use leafhold::rules::{ExampleFunctions, Phase, Registry, RuleSet, ScalarOperator};
use leafhold::term::text::{Tables, parse, print_line};
use leafhold::verify::{Bounds, verify};

/// Rules as the pieces that matter here: name, pattern, guards, right side.
fn rules(pieces: &[[&str; 4]]) -> RuleSet {
    let text: String = pieces
        .iter()
        .map(|[name, pattern, guards, replace]| {
            format!(
                ";; A rule of a test.\n(rule {name} (phase normalize) (keeps value) (match {pattern}) {guards} \
                 (replace {replace})\n (example (before \"t\") (after \"t\")) (not \"t\"))\n"
            )
        })
        .collect();
    RuleSet::parse(&[("test.rules", &text)]).unwrap_or_else(|errors| panic!("{errors}"))
}

fn normalized(rules: &RuleSet, text: &str) -> (String, Vec<(String, u64)>) {
    let (terms, root) = parse(text, Tables::examples(), Arc::new(ExampleFunctions)).unwrap();
    let planner = Planner::new(Arc::new(ExampleFunctions)).with_rules(Arc::new(rules.clone()));
    let (terms, normal, fired) = planner.normalize_term(terms, root);
    (print_line(&terms, normal), fired.into_iter().map(|(name, times)| (name.to_string(), times)).collect())
}

fn normal(rules: &RuleSet, text: &str) -> String {
    normalized(rules, text).0
}

#[test]
fn a_rule_of_scalars_is_tried_wherever_one_is_evaluated() {
    let rules = rules(&[["convert-in", "(in ?x [?y])", "", "(?x = ?y)"]]);
    let places = [
        ("filter (in a 1) t", "filter (a = 1) t"),
        ("project [a k := (in b 1)] t", "project [a k := (b = 1)] t"),
        ("join left (and (a = x) (in b 1)) t u", "join left (and (a = x) (b = 1)) t u"),
        ("join-set (and (a = x) (in b y)) [t u]", "join-set (and (a = x) (b = y)) [t u]"),
        ("mark-join m (in a x) t u", "mark-join m (a = x) t u"),
        ("aggregate [a] [n := (count b where (in c 1))] t", "aggregate [a] [n := (count b where (c = 1))] t"),
        ("aggregate [a] [n := (count (in c 1))] t", "aggregate [a] [n := (count (c = 1))] t"),
        ("sort [(in a 1) desc] t", "sort [(a = 1) desc] t"),
        ("top-k 3 [(in a 1)] t", "top-k 3 [(a = 1)] t"),
        ("window [a] [(in b 1)] [n := (rank)] t", "window [a] [(b = 1)] [n := (rank)] t"),
        ("distinct (limit 1 (filter (or (in a 1) (b = 2)) t))", "distinct (limit 1 (filter (or (a = 1) (b = 2)) t))"),
        ("project [a k := (case (is-null b) (in b 1) true)] t", "project [a k := (case (is-null b) (b = 1) true)] t"),
    ];
    for (before, after) in places {
        let (terms, root) = parse(after, Tables::examples(), Arc::new(ExampleFunctions)).unwrap();
        assert_eq!(normal(&rules, before), print_line(&terms, root), "{before}");
    }
}

#[test]
fn the_innermost_is_first_and_what_a_rule_makes_is_tried_again() {
    let rules =
        rules(&[["convert-a", "(negate (negate ?x))", "", "?x"], ["convert-b", "(?x - ?y)", "", "(?x + (negate ?y))"]]);
    let (text, fired) = normalized(&rules, "project [a k := (b - (negate (c - 1)))] t");
    // `c - 1` first, then the difference around it, whose two signs then go.
    assert_eq!(text, "project [a k := (b + (c + (negate 1)))] t");
    assert_eq!(fired, [("convert-a".to_owned(), 1), ("convert-b".to_owned(), 2)]);
}

#[test]
fn law_r2_guards_see_the_relations_over_whose_rows_a_scalar_is_evaluated() {
    let rules = rules(&[["fold-a", "(is-null ?x)", "(if (never-null ?x ?inputs))", "false"]]);
    // The filter below makes `a` known; the one beside it is not below.
    let known = "project [a k := (is-null a)] (filter (a = 1) t)";
    assert_eq!(normal(&rules, known), "project [a k := false] (filter (a = 1) t)");
    let unknown = "project [a k := (is-null a)] (filter (b = 1) t)";
    assert_eq!(normal(&rules, unknown), unknown);
    // Both sides of a join, before it fills up with nulls; and above it, where it has.
    let sides = "join left (and (a = x) (is-null y)) t (filter (y = 1) u)";
    assert_eq!(normal(&rules, sides), "join left false t (filter (y = 1) u)");
    let above = "project [a k := (is-null y)] (join left (a = x) t (filter (y = 1) u))";
    assert_eq!(normal(&rules, above), above);
    // One scalar in two places has two answers, whichever was asked for first.
    let twice = normal(&rules, "sort [(is-null a)] (filter (a = 1) (top-k 3 [(is-null a)] t))");
    assert_eq!(twice, "sort [false] (filter (a = 1) (top-k 3 [(is-null a)] t))");
    let both =
        "union [o := [k l]] [(project [k := (is-null a)] t) (project [l := (is-null a:2)] (filter (a:2 = 1) t))]";
    let both = normal(&rules, both);
    assert!(both.contains("k := (is-null a)") && both.contains("l := false"), "{both}");
}

#[test]
fn law_r1_a_right_side_keeps_the_type_or_the_rule_does_not_apply() {
    let rules = rules(&[
        ["eliminate-a", "(cast ?x _)", "", "?x"],
        ["fold-b", "(_ * 0)", "", "0"],
        ["fold-c", "(_ + null)", "", "null"],
    ]);
    assert_eq!(normal(&rules, "project [k := (cast a Int64)] t"), "project [k := a] t");
    assert_eq!(normal(&rules, "project [k := (cast a Float64)] t"), "project [k := (cast a Float64)] t");
    // A constant takes the type of what it stands for.
    let float = normal(&rules, "project [k := ((cast a Float64) * 0.0)] t");
    assert_eq!(float, "project [k := 0.0] t");
    let (terms, root) =
        parse("project [k := (a + (cast null Int64))] t", Tables::examples(), Arc::new(ExampleFunctions)).unwrap();
    let planner = Planner::new(Arc::new(ExampleFunctions)).with_rules(Arc::new(rules));
    let (terms, normal, _) = planner.normalize_term(terms, root);
    let leafhold::term::RelOp::Project(projection) = terms.term(normal).op else { panic!("a projection") };
    let (column, scalar) = terms.projection(projection)[0];
    assert_eq!(terms.scalar_facts(scalar).data_type, terms.column(column).data_type);
}

#[test]
fn a_cycle_of_scalars_is_cut_and_reported() {
    let all = RuleSet::builtin();
    let text = ";; A rule of a test.\n(rule convert-a (phase normalize) (keeps value) (match (?x + ?y)) \
                (replace (?y + ?x)) (example (before \"t\") (after \"t\")) (not \"t\"))";
    let rules = Arc::new(all.with_more(&[("test.rules", text)], &Registry::core()).unwrap());
    let (terms, root) = parse("project [a k := (b + c)] t", Tables::examples(), Arc::new(ExampleFunctions)).unwrap();
    let plan = Planner::new(Arc::new(ExampleFunctions)).with_rules(rules).plan_term(terms, root).unwrap();
    assert!(caps_hit(&plan).starts_with("rule-cycle (convert-a, convert-a"), "{}", caps_hit(&plan));
}

#[test]
fn a_trace_tells_of_rules_of_scalars_as_of_others() {
    let planner = Planner::new(Arc::new(ExampleFunctions));
    let (terms, root) =
        parse("filter (and (in a 1) (is-null b)) t", Tables::examples(), Arc::new(ExampleFunctions)).unwrap();
    let (_, trace) = planner.plan_term_traced(terms, root);
    let of = |name: &str| trace.rules().find(|(rule, _)| *rule == name).map(|(_, rule)| rule.clone()).unwrap();
    let fired = of("convert-in-list-of-one");
    assert_eq!((fired.matched, fired.fired), (1, 1));
    let refused = of("fold-is-null");
    assert!(refused.fired == 0 && refused.rejections() > 0, "{refused:?}");
    let step = trace.steps().iter().find(|step| step.by.name() == "convert-in-list-of-one").unwrap();
    assert_eq!(step.phase, Phase::Normalize);
}

#[test]
fn rules_are_indexed_by_the_operator_of_their_root() {
    let rules = RuleSet::builtin();
    let operators = |name: &str| rules.get(name).unwrap().scalar_operators().map(<[ScalarOperator]>::to_vec);
    assert_eq!(operators("convert-in-list-of-one"), Some(vec![ScalarOperator::In]));
    assert_eq!(operators("fold-comparison-with-null").unwrap().len(), 6);
    assert_eq!(operators("eliminate-coalesce"), Some(vec![ScalarOperator::Call]));
    assert_eq!(operators("merge-sorts"), None);
}

/// The second operator of each of these makes the rule wrong: verification must come to it without an example.
#[test]
fn every_alternative_and_every_operator_of_a_class_is_generated() {
    let bounds = Bounds { cases: 3_000, seed: 0 };
    let wrong = [
        ["fold-b", "(?x {is-not-distinct-from =} ?x)", "", "true"],
        ["convert-c", "(?x ?op:comparison ?y)", "(when (stable ?x)) (when (stable ?y))", "(?y ?op ?x)"],
        ["convert-d", "({in not-in} ?x [?y])", "", "(?x = ?y)"],
        ["fold-e", "(call _ ?x _)", "", "?x"],
        ["eliminate-f", "(case-of _ [.. (when _ _) ..] ?else)", "", "?else"],
        ["fold-g", "(try-cast ?x _)", "", "?x"],
    ];
    for piece in &wrong {
        // Nothing of these is an example: what refutes them is generated.
        let rule = rules(&[*piece]).rules()[0].clone();
        let found = verify(&rule, &bounds);
        if piece[0] == "fold-g" {
            assert!(found.error.is_none(), "a conversion to the own type is none: {found:?}");
            assert!(found.coverage.cases() > 0, "{found:?}");
        } else {
            let text = found.error.map(|error| error.to_string()).unwrap_or_default();
            assert!(text.contains("counterexample"), "{}: {text}", rule.source());
        }
    }
    let text = ";; Wrong: a projection computes columns, and one of distinct rows may have equal ones.\n\
                (rule eliminate-distinct (phase normalize) (keeps bag) (match (distinct (?op:{sort project} ?what ?r))) \
                (replace (?op ?what (distinct ?r))) (example (before \"t\") (after \"t\")) (not \"t\"))";
    let rule = RuleSet::parse(&[("test.rules", text)]).unwrap().rules()[0].clone();
    let found = verify(&rule, &bounds).error.map(|error| error.to_string()).unwrap_or_default();
    assert!(found.contains("counterexample"), "{found}");
}
