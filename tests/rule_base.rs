//! The rules that ship: they load, and do what their examples say.

use leafhold::rules::RuleSet;

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
