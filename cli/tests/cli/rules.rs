//! `leafhold rules`.

use crate::process::{TempFile, leafhold};

#[test]
fn rules_are_listed_shown_and_checked() {
    let list = leafhold(&["rules", "list"]).ok().out;
    let names: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 20, "{list}");
    let shown = leafhold(&["rules", "show", names[0]]).ok().out;
    assert!(shown.contains(&format!("(rule {}", names[0])), "{shown}");
    let checked = leafhold(&["rules", "check"]).ok().out;
    assert!(checked.contains("rules in"), "{checked}");
}

#[test]
fn golden_files_are_checked_and_recorded() {
    let folder = std::env::temp_dir().join(format!("leafhold-cli-golden-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("mine.golden");
    let path = file.to_str().unwrap();
    let text = "query\nselect count(*) as n from region\n----\n\nrule merge-sorts\nsort [a] (sort [b] t)\n----\n";
    std::fs::write(&file, text).unwrap();
    leafhold(&["rules", "test", path]).fails(1, &["mine.golden:1: nothing is recorded for this case", "--update"]);
    let updated = leafhold(&["rules", "test", path, "--update"]).ok().out;
    assert!(updated.contains("2 cases in 1 file: 2 plans: new"), "{updated}");
    let checked = leafhold(&["rules", "test", path]).ok().out;
    assert!(checked.contains("2 cases in 1 file: no change"), "{checked}");
    std::fs::remove_dir_all(&folder).unwrap();
    leafhold(&["rules", "test", path]).fails(1, &["mine.golden"]);
}

#[test]
fn codes_are_explained_and_functions_listed() {
    let page = leafhold(&["rules", "explain", "R012"]).ok().out;
    assert!(page.starts_with("# R012: no such function") && page.contains("## Mended"), "{page}");
    assert!(leafhold(&["rules", "explain"]).ok().out.contains("R017  a variable that nothing reads"));
    leafhold(&["rules", "explain", "R01x"]).fails(1, &["no code `R01x`; did you mean R01"]);
    let guards = leafhold(&["rules", "guards", "null"]).ok().out;
    assert!(guards.contains("(not-null Rel) -> Columns") && !guards.contains("(minus "), "{guards}");
    let json = leafhold(&["rules", "guards", "--json"]).ok().out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["functions"].as_array().unwrap().iter().any(|function| function["name"] == "never-null"));
    leafhold(&["rules", "guards", "subste"]).fails(1, &["did you mean `subset`?"]);
}

#[test]
fn rule_files_get_their_one_layout() {
    let file = TempFile::new("layout.rules", "(rule a (phase normalize)\n (match (sort ?k ?r)))");
    leafhold(&["rules", "fmt", "--check", file.path()])
        .fails(1, &["1 of 1 files", "layout.rules\nline 1", "+ (rule a"]);
    assert!(leafhold(&["rules", "fmt", file.path()]).ok().out.contains("1 of 1 files changed"));
    let text = std::fs::read_to_string(&file.0).unwrap();
    assert_eq!(text, "(rule a\n  (phase normalize)\n  (match   (sort ?k ?r)))\n");
    leafhold(&["rules", "fmt", "--check", file.path()]).ok();
    let broken = TempFile::new("broken.rules", "(rule a");
    leafhold(&["rules", "fmt", broken.path()]).fails(1, &["error[R006]", "broken.rules:1:1"]);
    leafhold(&["rules", "fmt", "-", file.path()]).fails(2, &["`-` stands alone"]);
}

#[test]
fn rules_are_verified_and_the_wrong_ones_refuted() {
    let verified = leafhold(&["rules", "verify", "--rule", "merge-limits", "--cases", "500"]).ok().out;
    assert!(verified.contains("1 rule holds") && verified.contains("exhaustive to 2 rows"), "{verified}");
    let wrong = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/rules/unsound/push-filter-into-limit.rules");
    let said = ["1 of 1 rules cannot be shown to be right", "error[R070]", "counterexample"];
    leafhold(&["rules", "verify", wrong]).fails(1, &said);
    let json = leafhold(&["rules", "verify", "--json", "--rule", "merge-limits", "--cases", "100"]).ok().out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["rules"][0]["holds"], true);
    leafhold(&["rules", "verify", "--rule", "merge-limit"]).fails(2, &["did you mean `merge-limits`?"]);
}

#[test]
fn mutants_are_counted() {
    let mutants = leafhold(&["rules", "mutate", "--rule", "merge-limits", "--cases", "500"]).ok().out;
    assert!(mutants.contains("refuted by a counterexample"), "{mutants}");
}
