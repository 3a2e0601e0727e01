//! Rules that are wrong, one per file in `tests/rules/unsound`, are refuted; those in `tests/rules/sound`, whose
//! guards are subtle, hold, and need each of them.

use std::path::Path;
use std::sync::Arc;

use leafhold::explain::findings;
use leafhold::rules::{Rule, RuleSet};
use leafhold::verify::{Bounds, Verification, VerifyError, verify_all};

/// Comparisons per rule: `leafhold rules verify` makes more of them, in a release build.
const BOUNDS: Bounds = Bounds { cases: 10_000, seed: 0 };

fn corpus(folder: &str) -> Vec<Arc<Rule>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut rules = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let set = RuleSet::parse(&[(&name, &text)]).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(set.rules().len(), 1, "{name}: one rule per file");
        assert_eq!(format!("{}.rules", set.rules()[0].name()), name);
        assert_eq!(set.rules()[0].check_examples(), [], "it does what it shows");
        rules.extend(set.rules().iter().cloned());
    }
    rules
}

fn verified(rules: &[Arc<Rule>]) -> Vec<Verification> {
    verify_all(rules, &BOUNDS, 2, &|_| ())
}

#[test]
fn every_unsound_rule_is_refuted() {
    let rules = corpus("unsound");
    // As CHANGELOG.md says, like the two numbers below.
    assert_eq!(rules.len(), 106);
    let mut strict = 0;
    for (rule, result) in rules.iter().zip(verified(&rules)) {
        match &result.error {
            Some(VerifyError::Unsound(found)) => {
                // Under the default these are right, and found to be.
                if rule.doc().contains("Wrong under strict errors") {
                    strict += 1;
                    assert!(found.under.as_ref().is_some_and(|under| under.starts_with("strict errors")), "{found}");
                }
                let text = found.to_string();
                assert!(text.contains("counterexample") && text.contains("gives"), "{text}");
                assert_ne!(found.before_rows, found.after_rows, "{text}");
                // Small enough to be read.
                assert!(text.lines().count() <= 40, "{text}");
            }
            other => panic!("{}: {other:?}\n{}", rule.name(), rule.source()),
        }
    }
    assert_eq!(strict, 11, "rules that only strict errors refute");
}

#[test]
fn every_sound_rule_holds_and_needs_its_guards() {
    let rules = corpus("sound");
    assert_eq!(rules.len(), 58);
    let results = verified(&rules);
    let wrong: Vec<_> = results.iter().flat_map(findings).map(|(code, text)| format!("{code}: {text}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_counterexample_comes_again_and_is_small() {
    let rules = corpus("unsound");
    let rule = rules.iter().find(|rule| rule.name() == "push-filter-into-limit").unwrap().clone();
    let found = verified(std::slice::from_ref(&rule));
    assert_eq!(found, verified(std::slice::from_ref(&rule)));
    let Some(VerifyError::Unsound(found)) = &found[0].error else { panic!("{found:?}") };
    assert_eq!(
        found.to_string(),
        "\
rule `push-filter-into-limit` is not sound; counterexample:
t
  a b c
  0 0 0
  1 0 0
filter (a = 1) (limit 1 t)
gives
  a b c
  (no rows)
but
limit 1 (filter (a = 1) t)
gives
  a b c
  1 0 0
"
    );
}
