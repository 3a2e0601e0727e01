//! `leafhold rules`.

use crate::process::leafhold;

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
