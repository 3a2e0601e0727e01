//! What plans mean, three times: the reference interpreter, Leafhold's plans on its kernels, and DataFusion
//! on SQL of its own must give the same rows for random plans over random tables.

mod answers;
mod check;
mod plans;
#[path = "../common/random.rs"]
mod random;
mod scalars;
mod sql;
mod table;
mod traps;

use std::collections::BTreeMap;
use std::sync::Arc;

use answers::Peer;
use check::{Outcome, check, check_rules, report, shrunk};
use leafhold::rules::RuleSet;
use plans::Case;
use random::Random;

/// Seeds of cases. For a longer hunt set `LEAFHOLD_SEMANTICS_SEEDS` to another range, as in `5000..90000`.
const SEEDS: std::ops::Range<u64> = 0..1500;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("LEAFHOLD_SEMANTICS_SEEDS") else { return SEEDS };
    let (from, to) = text.split_once("..").expect("a range such as 5000..90000");
    from.parse().unwrap()..to.parse().unwrap()
}

#[test]
fn random_plans_mean_the_same_everywhere() {
    let peer = Peer::new();
    let (mut agreed, mut raised, mut disputed) = (0, 0, 0);
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    let mut wrong: Vec<String> = Vec::new();
    for seed in seeds() {
        let case = Case::random(seed);
        match check(&case, &peer) {
            Ok(Outcome::Agreed) => agreed += 1,
            Ok(Outcome::Raised) => raised += 1,
            Ok(Outcome::Disputed) => disputed += 1,
            Ok(Outcome::Skipped(reason)) => *skipped.entry(reason.chars().take(80).collect()).or_default() += 1,
            Err(mismatch) if wrong.len() < 8 => wrong.push(format!("case {seed}: {}", shrunk(case, mismatch, &peer))),
            Err(_) => wrong.push(format!("case {seed}")),
        }
    }
    println!("{agreed} agreed, {raised} raised errors, {disputed} disputed, skipped: {skipped:#?}");
    assert!(wrong.is_empty(), "{} cases differ\n{}", wrong.len(), wrong.join("\n"));
    let cases = seeds().count() as u64;
    assert!(100 * disputed <= 3 * cases, "DataFusion contradicts itself in {disputed} of {cases} cases");
    assert!(10 * agreed >= 8 * cases, "only {agreed} of {cases} cases have answers to compare");
}

/// Cases of random rules.
const SUBSETS: std::ops::Range<u64> = 0..400;

/// No rule needs another one to be right: any of them, tried in any order within their priorities, give the
/// interpreter's answers. The physical rules stay, so that there mostly is a plan.
#[test]
fn random_rules_give_right_answers() {
    let all = RuleSet::builtin();
    let mut compared = 0;
    let mut wrong: Vec<String> = Vec::new();
    for seed in SUBSETS {
        let mut random = Random::new(seed ^ 0x5eed);
        let chance = *random.pick(&[10, 50, 90]);
        let dropped: Vec<&str> = all
            .rules()
            .iter()
            .map(|rule| rule.name())
            .filter(|name| {
                // Of the physical ones few may go: most operators have one only.
                let chance = if name.starts_with("implement-") { 3 } else { chance };
                random.percent(chance)
            })
            .collect();
        let rules = Arc::new(all.without(&dropped).unwrap().shuffled(seed));
        let case = Case::random(seed);
        match check_rules(&case, &rules) {
            Ok(true) => compared += 1,
            Ok(false) => {}
            Err(mismatch) => {
                wrong.push(format!("seed {seed}, without {}: {}", dropped.join(" "), report(&case, &mismatch)));
            }
        }
    }
    println!("{compared} cases compared");
    assert!(wrong.is_empty(), "{} cases differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 200, "only {compared} cases have answers to compare");
}
