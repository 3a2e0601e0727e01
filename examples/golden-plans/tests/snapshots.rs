//! The same with `insta`: whoever has snapshots already needs no second tool.

use leafhold::explain::{PlanText, rules_fired};
use leafhold::optimize::Planner;

#[test]
fn best_customers() {
    let frame = golden_plans::report("best-customers").unwrap();
    let plan = Planner::new(frame.functions().clone()).plan(frame.expr()).unwrap();
    // The body alone: the header holds tokens that change with every rule.
    insta::assert_snapshot!(format!("{}; fired: {}", PlanText::new(&plan).body(), rules_fired(&plan)));
}
