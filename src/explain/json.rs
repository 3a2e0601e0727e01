use std::fmt::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::Actuals;
use super::plan::{Lines, barriers_left};
use super::tree::{Step, walk};
use crate::optimize::{Plan, PlanNode};

/// A plan as JSON for programs; `Display` writes it.
///
/// `{"token", "ruleset", "caps", "planning_us", "fired", "size", "barriers", "c_out", "plan"}`. `token` is the
/// plan's shape token, the same in every run; `semantics` are there where they are not the default, `repartitions_left_out`
/// where there are such. Each node of `plan` has `op`, `text`, `columns`, `est_rows`,
/// `rows` (null unless it ran), `cost`, `partitioning` and `children`. A node that several others share has a
/// number `shared`; where it comes again there is `{"op": "shared", "shared": n, ..}` without children, so
/// that a sum over the tree counts it once.
#[derive(Clone, Copy)]
pub struct PlanJson<'a> {
    plan: &'a Plan,
    actuals: Option<&'a Actuals>,
    planning_us: Option<u64>,
}

impl<'a> PlanJson<'a> {
    /// The JSON of a plan.
    pub fn new(plan: &'a Plan) -> Self {
        PlanJson { plan, actuals: None, planning_us: None }
    }

    /// Adds the actual rows of a run and C_out.
    pub fn with_actuals(mut self, actuals: &'a Actuals) -> Self {
        self.actuals = Some(actuals);
        self
    }

    /// Adds how long planning took: the one number that differs between runs.
    pub fn with_planning_us(mut self, planning_us: u64) -> Self {
        self.planning_us = Some(planning_us);
        self
    }

    fn node(&self, lines: &Lines<'_>, node: &Arc<PlanNode>, shared: Option<usize>) -> Value {
        let columns: Vec<_> = node.output.iter().map(|column| self.plan.column(*column).name.to_string()).collect();
        let mut object = json!({
            "op": node.op.name(),
            "text": lines.operator(node),
            "columns": columns,
            "est_rows": finite(node.rows),
            "rows": self.rows(lines, node),
            "cost": finite(node.cost),
            "partitioning": lines.partitioning(node),
        });
        if let Some(shared) = shared {
            object["shared"] = shared.into();
        }
        object
    }

    fn rows(&self, lines: &Lines<'_>, node: &Arc<PlanNode>) -> Option<u64> {
        self.actuals.and_then(|actuals| actuals.rows(lines.index(node)))
    }

    /// The tree, a line per node. Written piece by piece: a nested value would recurse on depth.
    fn tree(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = Lines::new(self.plan);
        let mut written = Ok(());
        // For each open node, whether it has a child yet.
        let mut open: Vec<bool> = Vec::new();
        walk(&self.plan.root, |step| {
            let mut text = String::new();
            let mut separate = |open: &mut Vec<bool>| {
                if let Some(has_child) = open.last_mut() {
                    text.push_str(if std::mem::replace(has_child, true) { ",\n" } else { "\n" });
                }
            };
            written = match step {
                Step::Open { node, shared } => {
                    separate(&mut open);
                    open.push(false);
                    let object = self.node(&lines, node, shared).to_string();
                    // The object stays open for its children.
                    let fields = object.strip_suffix('}').unwrap_or(&object);
                    write!(f, "{text}{fields},\"children\":[")
                }
                Step::Again { node, shared } => {
                    separate(&mut open);
                    let rows = self.rows(&lines, node);
                    let est_rows = finite(node.rows);
                    let object =
                        json!({"op": "shared", "shared": shared, "est_rows": est_rows, "rows": rows, "children": []});
                    write!(f, "{text}{object}")
                }
                Step::Close => {
                    open.pop();
                    f.write_str("]}")
                }
            };
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written
    }
}

/// JSON has no infinity.
fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

impl fmt::Display for PlanJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan;
        let c_out = self.actuals.and_then(|actuals| actuals.c_out(plan));
        f.write_char('{')?;
        field(f, "token", &plan.shape)?;
        field(f, "ruleset", &plan.ruleset)?;
        field(f, "caps", &plan.caps)?;
        field(f, "planning_us", &self.planning_us)?;
        field(f, "fired", &plan.fired)?;
        field(f, "size", &plan.size)?;
        if !plan.semantics.is_default() {
            field(f, "semantics", &plan.semantics)?;
        }
        field(f, "barriers", &barriers_left(plan))?;
        if plan.repartitions_left_out > 0 {
            field(f, "repartitions_left_out", &plan.repartitions_left_out)?;
        }
        field(f, "c_out", &c_out)?;
        f.write_str("\"plan\":")?;
        self.tree(f)?;
        f.write_char('}')
    }
}

fn field(f: &mut fmt::Formatter<'_>, name: &str, value: &impl Serialize) -> fmt::Result {
    let value = serde_json::to_string(value).map_err(|_| fmt::Error)?;
    writeln!(f, "\"{name}\":{value},")
}
