//! Lints: the rules that ship have none; each file of `tests/rules/lint` has the one that it is named after, and
//! the file of that name in `pass` almost has it. `LEAFHOLD_UPDATE=1` rewrites the messages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use leafhold::rules::{RuleSet, explain};
use leafhold::verify::lint::{Lint, lint};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/lint")
}

/// The rule files of a folder: name, and text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "rules")).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn rules(name: &str, text: &str) -> RuleSet {
    RuleSet::parse(&[(name, text)]).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn the_rules_that_ship_have_no_lint() {
    let findings: Vec<_> = lint(&RuleSet::builtin()).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
}

#[test]
fn every_lint_is_found_and_said_at_its_place() {
    let mut found = BTreeSet::new();
    for (name, text) in files(&folder()) {
        let findings = lint(&rules(&name, &text));
        let code = name.split('-').next().unwrap();
        for finding in &findings {
            assert_eq!(finding.lint.code(), code, "{name}: {finding}");
            found.insert(finding.lint);
        }
        let messages: Vec<_> = findings.iter().map(|finding| format!("{finding}\n")).collect();
        let golden = folder().join(&name).with_extension("txt");
        if std::env::var_os("LEAFHOLD_UPDATE").is_some() {
            fs::write(&golden, messages.join("\n")).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(messages.join("\n"), expected, "{name}: LEAFHOLD_UPDATE=1 takes the new text");
    }
    assert_eq!(found, BTreeSet::from(Lint::ALL), "each lint has a file");
}

#[test]
fn a_near_miss_is_none() {
    let near = files(&folder().join("pass"));
    let names = |files: &[(String, String)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&near), names(&files(&folder())), "each lint has a near miss");
    for (name, text) in near {
        let rules = rules(&name, &text);
        for rule in rules.rules() {
            assert_eq!(rule.check_examples(), [], "{name}");
        }
        let findings: Vec<_> = lint(&rules).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{name}:\n{}", findings.join("\n\n"));
    }
}

#[test]
fn every_lint_has_a_page() {
    for lint in Lint::ALL {
        let page = explain(lint.code()).unwrap_or_else(|| panic!("{} has no page", lint.code()));
        assert!(page.contains(lint.name()), "{}", lint.code());
    }
}

/// A rule whose text is no term is told by its examples; nothing panics on the way.
#[test]
fn rules_without_terms_have_no_lint() {
    let text = ";; Nothing is known of it.\n(rule merge-a (phase normalize) (keeps bag) (match (sort _ ?r)) (replace ?r)\n\
                \x20(example (before \"sort [nowhere] t\") (after \"t\")) (not \"nothing\"))";
    assert_eq!(lint(&rules("text.rules", text)), []);
    assert_eq!(lint(&RuleSet::empty()), []);
}
