//! The plans of the reports, in golden files: which plan, made by which rules, of which size.

use std::path::Path;
use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::golden::{GoldenPlan, Level, Options, Runner, TermPlanner};
use leafhold::optimize::Planner;
use leafhold::rules::RuleSet;

/// What the runner asks for: the plan of a report, perhaps without some rules.
fn plan(query: &str, options: &Options) -> Result<GoldenPlan, String> {
    // Cases of one stage or one rule are terms in the notation of plans.
    if options.level != Level::Plan {
        return TermPlanner::new(RuleSet::builtin()).plan(query, options);
    }
    let frame = golden_plans::report(query).map_err(|error| error.to_string())?;
    let rules = RuleSet::builtin().without(&options.disabled).map_err(|error| error.to_string())?;
    let planner = Planner::new(frame.functions().clone()).with_rules(Arc::new(rules));
    let plan = planner.plan(frame.expr()).map_err(|error| error.to_string())?;
    let fired = plan.fired.keys().cloned().collect();
    Ok(GoldenPlan { text: PlanText::new(&plan).body().to_string().trim_end().to_owned(), fired, size: plan.size })
}

#[test]
fn the_plans_of_the_reports_are_the_recorded_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    if let Err(error) = Runner::from_env().run(&folder, plan) {
        panic!("{error}");
    }
}
