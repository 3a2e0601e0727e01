//! The golden runner fails when it should: on vacuous files, wrong expectations, unstable plans.

use std::cell::Cell;
use std::path::PathBuf;

use leafhold::golden::{GoldenError, GoldenPlan, Level, Options, Runner, TermPlanner};
use leafhold::rules::RuleSet;

/// A folder of one golden file, which goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str, text: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("leafhold-golden-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("t.golden"), text).unwrap();
        Folder(folder)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.0.join("t.golden")).unwrap()
    }

    fn run(&self, planner: impl FnMut(&str, &Options) -> Result<GoldenPlan, String>) -> Result<String, String> {
        self.run_with(Runner::new(), planner)
    }

    fn run_with(
        &self,
        runner: Runner,
        planner: impl FnMut(&str, &Options) -> Result<GoldenPlan, String>,
    ) -> Result<String, String> {
        runner.run(&self.0, planner).map(|summary| summary.to_string()).map_err(|error| error.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A planner with two rules: `push-filter` changes the plan, `merge-limits` fires for nothing.
fn planner(query: &str, options: &Options) -> Result<GoldenPlan, String> {
    if query.contains("nowhere") {
        return Err("no table `nowhere`".to_owned());
    }
    let mut fired: Vec<String> = vec!["merge-limits".into(), "push-filter".into()];
    fired.retain(|rule| !options.disabled.contains(rule));
    let text = match fired.iter().any(|rule| rule == "push-filter") {
        true => "read t [a]\n  read u [b]",
        false => "filter (a = 1)\n  read t [a]",
    };
    Ok(GoldenPlan { text: text.into(), fired, size: 5 })
}

const GOOD: &str = "query\nselect a\n----\nexpect: push-filter\nexpect-not: split-project\n\
                    fired: merge-limits, push-filter\nsize: 5\nread t [a]\n  read u [b]\n";

#[test]
fn a_true_file_passes() {
    assert_eq!(Folder::new("true", GOOD).run(planner).unwrap(), "1 case in 1 file: no change");
}

#[test]
fn nothing_to_check_is_a_failure() {
    let folder = Folder::new("vacuous", "# nothing here\n");
    assert!(folder.run(planner).unwrap_err().ends_with("t.golden: there is no case in this file"));
    std::fs::remove_file(folder.0.join("t.golden")).unwrap();
    assert!(matches!(Runner::new().run(&folder.0, planner), Err(GoldenError::Vacuous { .. })));
    assert!(matches!(Runner::new().run(&folder.0.join("none"), planner), Err(GoldenError::Io { .. })));
    let unrecorded = Folder::new("unrecorded", "query\nselect a\n----\n");
    assert!(unrecorded.run(planner).unwrap_err().contains("t.golden:1: nothing is recorded for this case"));
}

#[test]
fn every_kind_of_untruth_fails() {
    let cases = [
        (GOOD.replace("expect: push-filter", "expect: split-join"), "expected `split-join` to fire"),
        (GOOD.replace("expect: push-filter", "expect: merge-limits"), "`merge-limits` fired but did not matter"),
        (GOOD.replace("expect-not: split-project", "expect-not: merge-limits"), "`merge-limits` fired, but should not"),
        (GOOD.replace("fired: merge-limits, push-filter", "fired: push-filter"), "merge-limits fired"),
        (GOOD.replace("fired: merge-limits", "fired: merge-x, merge-limits"), "merge-x no longer fires"),
        (
            GOOD.replace("fired: merge-limits, push-filter", "fired: push-filter, merge-limits"),
            "another order of rules",
        ),
        (GOOD.replace("size: 5", "size: 4"), "size up"),
        (GOOD.replace("read u [b]", "read u [c]"), "another plan by the same rules"),
        (GOOD.replace("select a", "select nowhere"), "no plan: no table `nowhere`"),
    ];
    for (at, (text, expected)) in cases.into_iter().enumerate() {
        let folder = Folder::new(&format!("untruth-{at}"), &text);
        let error = folder.run(planner).unwrap_err();
        assert!(error.contains(expected), "{error}\n--- lacks {expected}");
        assert!(error.contains("t.golden:1: "), "{error}");
        assert_eq!(folder.text(), text, "checking does not write");
    }
}

#[test]
fn a_budget_holds_and_is_never_raised() {
    let text = GOOD.replace("fired:", "budget: 4\nfired:");
    let folder = Folder::new("budget", &text);
    let error = folder.run_with(Runner::new().update(true), planner).unwrap_err();
    assert!(error.contains("size 5 is over its budget of 4"), "{error}");
    assert_eq!(folder.text(), text);
    let enough = Folder::new("budget-enough", &GOOD.replace("fired:", "budget: 5\nfired:"));
    assert_eq!(enough.run(planner).unwrap(), "1 case in 1 file: no change");
}

#[test]
fn an_expected_rule_that_changes_nothing_is_vacuous() {
    let text = "stage normalized\nt\n----\nexpect: push-filter\nfired: push-filter\nsize: 1\nt\n";
    let idle = |_: &str, options: &Options| {
        assert_eq!(options.level, Level::Stage("normalized".into()));
        let fired = if options.disabled.is_empty() { vec!["push-filter".into()] } else { vec![] };
        Ok(GoldenPlan { text: "t".into(), fired, size: 1 })
    };
    let error = Folder::new("idle", text).run(idle).unwrap_err();
    assert!(error.contains("what comes out is what went in"), "{error}");
    assert!(error.contains("`push-filter` fired but did not matter"), "{error}");
}

#[test]
fn terms_are_planned_at_three_levels() {
    let term = "filter (a = 1) (join left (a = x) t u)";
    let planner = TermPlanner::new(RuleSet::builtin());
    let at = |level| planner.plan(term, &Options { level, ..Options::default() });
    let rule = at(Level::Rule("push-filter-into-preserved-side".into())).unwrap();
    assert_eq!((rule.text.as_str(), rule.size), ("join left (a = x) (filter (a = 1) t) u", 4));
    assert_eq!(at(Level::Rule("merge-sorts".into())).unwrap().text, "nothing, as the pattern does not fit");
    let normal = at(Level::Stage("normalized".into())).unwrap();
    assert_eq!(normal.text, "join left (a = x)\n  filter (a = 1)\n    t\n  u");
    assert_eq!(normal.fired, ["push-filter-into-preserved-side"]);
    assert!(at(Level::Stage("tasks".into())).unwrap().text.contains("task"), "lowered");
    assert!(at(Level::Plan).unwrap().text.starts_with("hash-join left (a = x)"), "planned");
    let errors = [
        (Level::Rule("merge-sort".into()), "no rule `merge-sort`; did you mean `merge-sorts`?"),
        (Level::Stage("normal".into()), "no stage `normal`; there are normalized and tasks"),
    ];
    for (level, expected) in errors {
        assert_eq!(at(level).unwrap_err(), expected);
    }
}

#[test]
fn an_unstable_plan_fails() {
    let calls = Cell::new(0);
    let unstable = |query: &str, options: &Options| {
        calls.set(calls.get() + 1);
        let mut plan = planner(query, options)?;
        plan.size += (options.repetition == 2) as u64;
        Ok(plan)
    };
    let error = Folder::new("unstable", GOOD).run(unstable).unwrap_err();
    assert!(error.contains("not the same at repetition 2:"), "{error}");
    assert!(error.contains("- size: 5\n+ size: 6"), "{error}");
    assert_eq!(calls.get(), 4, "once, twice more, and once without the expected rule");
}

#[test]
fn an_update_records_what_changed_and_says_why() {
    let stale = "# kept\nquery\nselect a\n----\nfired: merge-limits\nsize: 5\nread t [a]\n\nquery\nselect b\n----\nexpect: push-filter\n\n";
    let folder = Folder::new("update", stale);
    let update = || Runner::new().update(true);
    assert_eq!(
        folder.run_with(update(), planner).unwrap(),
        "2 cases in 1 file: 1 plan: new; 1 plan: push-filter fired"
    );
    assert_eq!(
        folder.text(),
        "# kept\nquery\nselect a\n----\nfired: merge-limits, push-filter\nsize: 5\nread t [a]\n  read u [b]\n\n\
         query\nselect b\n----\nexpect: push-filter\nfired: merge-limits, push-filter\nsize: 5\n\
         read t [a]\n  read u [b]\n\n"
    );
    assert_eq!(folder.run(planner).unwrap(), "2 cases in 1 file: no change");
}

#[test]
fn an_update_does_not_record_what_breaks_an_expectation() {
    let text = GOOD.replace("size: 5", "size: 4").replace("expect: push-filter", "expect: merge-limits");
    let folder = Folder::new("update-broken", &text);
    let error = folder.run_with(Runner::new().update(true), planner).unwrap_err();
    assert!(error.contains("`merge-limits` fired but did not matter"), "{error}");
    assert_eq!(folder.text(), text);
}
