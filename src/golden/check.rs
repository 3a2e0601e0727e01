use super::{Case, GoldenPlan, Level, Options};
use crate::explain::line_diff;

/// What checking a case found.
pub(super) struct Checked {
    /// What the planner answers now, if it does.
    pub(super) plan: Option<GoldenPlan>,
    /// Why the plan is not the recorded one: what an update records.
    pub(super) change: Option<Change>,
    /// What no update mends.
    pub(super) broken: Vec<String>,
}

/// Why a plan is not the recorded one.
pub(super) struct Change {
    /// In a few words: plans that changed for one cause are counted together.
    pub(super) cause: String,
    /// What to show of it.
    pub(super) detail: String,
}

/// Plans a case, once more for every repetition and for every rule that should matter.
pub(super) fn check(
    case: &Case,
    repetitions: usize,
    planner: &mut impl FnMut(&str, &Options) -> Result<GoldenPlan, String>,
) -> Checked {
    let mut broken = Vec::new();
    let asked = Options { level: case.level.clone(), ..Options::default() };
    let plan = match planner(&case.query, &asked) {
        Ok(plan) => plan,
        Err(error) => return Checked { plan: None, change: None, broken: vec![format!("no plan: {error}")] },
    };
    if plan.text.lines().any(|line| line.trim().is_empty()) || plan.text.is_empty() {
        broken.push("the plan text is empty or has a blank line, which would end the case".to_owned());
    }
    for repetition in 1..=repetitions {
        match planner(&case.query, &Options { repetition, ..asked.clone() }) {
            Ok(again) if again == plan => {}
            Ok(again) => broken.push(format!(
                "not the same at repetition {repetition}:\n{}",
                line_diff(&written(&plan), &written(&again))
            )),
            Err(error) => broken.push(format!("no plan at repetition {repetition}: {error}")),
        }
    }
    for rule in &case.expect {
        if !plan.fired.contains(rule) {
            broken.push(format!("expected `{rule}` to fire; what fired: {}", plan.fired.join(", ")));
            continue;
        }
        match planner(&case.query, &Options { disabled: vec![rule.clone()], ..asked.clone() }) {
            Ok(without) if without.text == plan.text => {
                broken.push(format!("`{rule}` fired but did not matter: without it the plan is the same"));
            }
            Ok(_) => {}
            Err(error) => broken.push(format!("no plan without `{rule}`: {error}")),
        }
    }
    if let Some(budget) = case.budget.filter(|budget| plan.size > *budget) {
        broken.push(format!("size {} is over its budget of {budget}", plan.size));
    }
    if case.level != Level::Plan && !case.expect.is_empty() && plan.text.trim() == case.query {
        broken.push("what comes out is what went in: a case with `expect:` shows a change".to_owned());
    }
    for rule in case.expect_not.iter().filter(|rule| plan.fired.contains(rule)) {
        broken.push(format!("`{rule}` fired, but should not"));
    }
    Checked { change: change(case.recorded.as_ref(), &plan), plan: Some(plan), broken }
}

fn change(recorded: Option<&GoldenPlan>, plan: &GoldenPlan) -> Option<Change> {
    let Some(recorded) = recorded else {
        return Some(Change { cause: "new".to_owned(), detail: "nothing is recorded for this case".to_owned() });
    };
    if recorded == plan {
        return None;
    }
    let added = plan.fired.iter().filter(|rule| !recorded.fired.contains(rule));
    let gone = recorded.fired.iter().filter(|rule| !plan.fired.contains(rule));
    let mut causes: Vec<String> = added.map(|rule| format!("{rule} fired")).collect();
    causes.extend(gone.map(|rule| format!("{rule} no longer fires")));
    if causes.is_empty() {
        causes.push(match (recorded.text == plan.text, recorded.size.cmp(&plan.size)) {
            (false, _) => "another plan by the same rules".to_owned(),
            (true, std::cmp::Ordering::Less) => "size up".to_owned(),
            (true, std::cmp::Ordering::Greater) => "size down".to_owned(),
            (true, std::cmp::Ordering::Equal) => "another order of rules".to_owned(),
        });
    }
    let cause = causes.join(", ");
    let detail = format!("{cause}\n{}", line_diff(&written(recorded), &written(plan)));
    Some(Change { cause, detail })
}

fn written(plan: &GoldenPlan) -> String {
    format!("fired: {}\nsize: {}\n{}", plan.fired.join(", "), plan.size, plan.text)
}
