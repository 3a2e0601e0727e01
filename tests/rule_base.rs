//! The rules that ship: they load, and do what their examples say.

use leafhold::explain::findings;
use leafhold::rules::{Operator, Phase, Registry, RuleSet, function_catalog};
use leafhold::verify::{Bounds, VerifyError, verify, verify_all};

/// Comparisons per rule: `leafhold rules verify` makes more of them, in a release build.
const BOUNDS: Bounds = Bounds { cases: 1_500, seed: 0 };

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
fn every_rule_holds_and_needs_its_guards() {
    let rules = RuleSet::builtin();
    let results = verify_all(rules.rules(), &BOUNDS, 2, &|_| ());
    let wrong: Vec<_> = results.iter().flat_map(findings).map(|(code, text)| format!("{code}: {text}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    for (rule, result) in rules.rules().iter().zip(&results) {
        assert_eq!(result.rule, rule.name());
        assert!(result.compared && result.coverage.cases() > 0, "{}", rule.name());
        let guards = rule.guards().filter(|(_, soundness)| *soundness && result.compared).count();
        assert_eq!(result.guards.len(), guards);
    }
}

#[test]
fn threads_do_not_change_what_verification_finds() {
    let set = RuleSet::builtin();
    let rules = &set.rules()[..6];
    let bounds = Bounds { cases: 200, seed: 7 };
    assert_eq!(verify_all(rules, &bounds, 1, &|_| ()), verify_all(rules, &bounds, 3, &|_| ()));
}

#[test]
fn an_unsound_rule_is_refuted() {
    let text = r#"
;; Wrong: rows without a match are lost.
(rule convert-left-join-to-inner
  (phase normalize)
  (keeps bag)
  (match   (join left ?on ?l ?r))
  (replace (join-set ?on [?l ?r]))
  (example
    (before "join left (a = x) t u")
    (after  "join-set (a = x) [t u]"))
  (not "t"))

;; Wrong: NOT IN counts a right row also where the condition is null.
(rule push-condition-into-right
  (phase normalize)
  (keeps bag)
  (match   (join null-aware-anti ?on ?l ?r))
  (let ?own (within ?on (outputs ?r)))
  (when    (not (trivial ?own)))
  (replace (join null-aware-anti (beyond ?on (outputs ?r)) ?l (filter ?own ?r)))
  (example
    (before "join null-aware-anti (and (a = x) (y = 1)) t u")
    (after  "join null-aware-anti (a = x) t (filter (y = 1) u)"))
  (not "t"))

;; Wrong: a global aggregate gives a row over nothing.
(rule push-filter-below
  (phase normalize)
  (keeps bag)
  (match   (filter ?p (aggregate ?g ?r)))
  (let ?own (within ?p (group ?g)))
  (when    (not (trivial ?own)))
  (replace (aggregate ?g (filter ?own ?r)))
  (example
    (before "filter false (aggregate [] [n := (count)] t)")
    (after  "aggregate [] [n := (count)] (filter false t)"))
  (not "t"))
"#;
    let rules = RuleSet::parse(&[("wrong.rules", text)]).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(rules.rules().len(), 3);
    for rule in rules.rules() {
        assert_eq!(rule.check_examples(), [], "it does what it says");
        match verify(rule, &BOUNDS).error {
            Some(VerifyError::Unsound(counterexample)) => assert_eq!(counterexample.rule, rule.name()),
            other => panic!("{}: {other:?}", rule.name()),
        }
    }
}

/// Operators at which no rule that implements is rooted, and who sees to them.
const IMPLEMENTED_BY_NO_RULE: [(Operator, &str); 2] = [
    (Operator::JoinSet, "the join enumerator makes trees of joins of it"),
    (Operator::Apply, "decorrelation makes joins of it, or it is refused by name"),
];

/// Operators at which no rule that rewrites relations is rooted, and why.
const REWRITTEN_BY_NO_RULE: [(Operator, &str); 8] = [
    (Operator::Get, "a leaf has no input to change places with"),
    (Operator::Empty, "nothing is less"),
    (Operator::TopK, "rules of limits make it, and merge limits into it"),
    (Operator::Extension, "what it does only its engine knows, which brings the rules"),
    (Operator::MarkJoin, "decorrelation makes it where nothing but the mark will do"),
    (Operator::Apply, "decorrelation makes joins of it before any rule is tried"),
    (Operator::Window, "what goes below it is a filter, at which that rule is rooted"),
    (Operator::Unnest, "what goes below it is a filter, at which that rule is rooted"),
];

#[test]
fn the_rule_base_covers_the_operators() {
    let rules = RuleSet::builtin();
    let without = |implements: bool| {
        let asked = |operator: &Operator| {
            rules.rules().iter().any(|rule| {
                rule.scalar_operators().is_none()
                    && (rule.phase() == Phase::Implement) == implements
                    && rule.root_operators().contains(operator)
            })
        };
        Operator::ALL.into_iter().filter(|operator| !asked(operator)).collect::<Vec<_>>()
    };
    assert_eq!(without(true), IMPLEMENTED_BY_NO_RULE.map(|(operator, _)| operator), "no rule implements");
    assert_eq!(without(false), REWRITTEN_BY_NO_RULE.map(|(operator, _)| operator), "no rule rewrites");
}

#[test]
fn every_rule_says_why_and_begins_with_a_verb_of_its_phase() {
    let rules = RuleSet::builtin();
    for rule in rules.rules() {
        assert!(!rule.doc().is_empty() && !rule.nots().is_empty(), "{}", rule.name());
        let (verb, _) = rule.name().split_once('-').unwrap();
        assert!(rule.phase().verbs().contains(&verb), "{}", rule.name());
    }
}

#[test]
fn sets_are_changed_by_name_and_known_by_token() {
    let rules = RuleSet::builtin();
    let fewer = rules.without(&["merge-sorts"]).unwrap();
    assert_eq!(fewer.rules().len(), rules.rules().len() - 1);
    assert_ne!(fewer.token(), rules.token());
    assert_eq!(RuleSet::parse(RuleSet::builtin_files()).unwrap().token(), rules.token());
    let error = rules.without(&["merge-sort"]).unwrap_err();
    assert_eq!(error.to_string(), "no rule `merge-sort`; did you mean `merge-sorts`?");
}

#[test]
fn the_readme_lists_every_function() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/planner-rules/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (head, tail) = readme.split_once("\n| function | gives |\n|---|---|\n").unwrap();
    let (_, tail) = tail.split_once("\n\n").unwrap();
    let registry = Registry::core();
    let rows = registry.functions().map(|function| format!("| `{function}` | {} |", function.doc));
    let rows = rows.collect::<Vec<_>>().join("\n");
    let expected = format!("{head}\n| function | gives |\n|---|---|\n{rows}\n\n{tail}");
    if std::env::var_os("LEAFHOLD_BLESS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == expected, "LEAFHOLD_BLESS=1 writes the table of functions");
}

#[test]
fn functions_are_listed_by_what_they_are_about() {
    let registry = Registry::core();
    let all = function_catalog(&registry, "");
    for function in registry.functions() {
        assert!(all.contains(&function.to_string()) && all.contains(function.doc), "{function}");
    }
    let some = function_catalog(&registry, "Keys");
    assert!(some.contains("(single-key Keys) -> Bool") && !some.contains("(minus Count"), "{some}");
    assert!(some.starts_with("of Predicates\n"), "groups in the order of sorts:\n{some}");
    assert_eq!(function_catalog(&registry, "nothing is about this"), "");
}

#[test]
fn native_steps_hold_wherever_they_happen_to_examples() {
    let results = leafhold::verify::verify_native(&RuleSet::builtin());
    let names: Vec<_> = results.iter().map(|result| result.rule.as_str()).collect();
    assert_eq!(names, ["decorrelate", "derive-filters", "normal-form", "order-joins", "simplify-scalars"]);
    for result in &results {
        assert!(result.holds(), "{}: {:?}", result.rule, result.error);
        assert!(result.coverage.cases() >= 40, "{}: {:?}", result.rule, result.coverage);
    }
}
