use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Actuals;
use super::names::{Futures, Shown, bracketed};
use super::number::{estimate, grouped};
use super::operator::{partitioning, physical, sort_keys};
use super::outline::OutlineLine;
use super::tree::{Step, indent, walk};
use crate::optimize::{CapUse, PhysicalOp, Plan, PlanNode, PlanOp, ResultPartitions};
use crate::run::report::PlanLine;
use crate::term::ColumnId;

/// A plan as text; `Display` writes it.
///
/// With [`body`](PlanText::body) alone the text depends on the plan and on nothing else: that is what
/// golden files hold.
#[derive(Clone, Copy)]
pub struct PlanText<'a> {
    plan: &'a Plan,
    actuals: Option<&'a Actuals>,
    header: bool,
}

impl<'a> PlanText<'a> {
    /// The text of a plan, header included.
    pub fn new(plan: &'a Plan) -> Self {
        PlanText { plan, actuals: None, header: true }
    }

    /// Adds the actual rows of a run and C_out.
    pub fn with_actuals(mut self, actuals: &'a Actuals) -> Self {
        self.actuals = Some(actuals);
        self
    }

    /// Without the header, whose tokens change with every rule.
    pub fn body(mut self) -> Self {
        self.header = false;
        self
    }
}

impl fmt::Display for PlanText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = Ok(());
        self.each_line(|line| {
            written = writeln!(f, "{}", line.text(self.actuals));
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written
    }
}

impl PlanText<'_> {
    /// The lines of the text, each with the node that it is about.
    pub fn lines(&self) -> Vec<PlanLine> {
        let lines = self.outline_lines().into_iter();
        lines.map(|line| PlanLine { text: line.text(self.actuals), node: line.node }).collect()
    }

    pub(super) fn outline_lines(&self) -> Vec<OutlineLine> {
        let mut lines = Vec::new();
        self.each_line(|line| {
            lines.push(line);
            ControlFlow::Continue(())
        });
        lines
    }

    fn each_line(&self, mut visit: impl FnMut(OutlineLine) -> ControlFlow<()>) {
        let plan = self.plan;
        let about_all = |before: String| OutlineLine { node: None, before, after: String::new() };
        if self.header && self.header_lines().into_iter().any(|line| visit(about_all(line)).is_break()) {
            return;
        }
        if let Some(line) = plan.result.as_ref().map(|result| result_line(plan, result))
            && visit(about_all(line)).is_break()
        {
            return;
        }
        let lines = Lines::new(plan);
        let mut depth = 0;
        walk(&plan.root, |step| {
            let (node, before, after) = match step {
                Step::Close => {
                    depth -= 1;
                    return ControlFlow::Continue(());
                }
                Step::Again { node, shared } => (node, format!("{}@{shared}", indent(depth)), String::new()),
                Step::Open { node, shared } => {
                    let shared = shared.map(|number| format!("@{number} = ")).unwrap_or_default();
                    let (indent, operator, rows) = (indent(depth), lines.operator(node), estimate(node.rows));
                    depth += 1;
                    let before = format!("{indent}{shared}{operator}  ; rows {rows}");
                    (node, before, format!("  {}", lines.partitioning(node)))
                }
            };
            visit(OutlineLine { node: Some(lines.index(node)), before, after })
        });
    }

    fn header_lines(&self) -> Vec<String> {
        let plan = self.plan;
        let caps = caps_hit(plan);
        let mut lines = vec![format!("; plan {}  rules {}  caps {caps}", plan.shape.short(), plan.ruleset.short())];
        if let Some(actuals) = self.actuals {
            lines.push(c_out_line(actuals.c_out(plan)));
        }
        if !plan.semantics.is_default() {
            lines.push(format!("; semantics {}", plan.semantics.text()));
        }
        let barriers = barriers_left(plan);
        if !barriers.is_empty() {
            let list: Vec<_> = barriers.iter().map(|(name, count)| format!("{name} x{count}")).collect();
            lines.push(format!("; barriers {}", list.join(", ")));
        }
        if plan.repartitions_left_out > 0 {
            lines.push(format!("; repartitions left out {}", plan.repartitions_left_out));
        }
        lines
    }
}

/// What the joins of a run gave.
pub(super) fn c_out_line(c_out: Option<u64>) -> String {
    format!("; C_out {}", c_out.map_or_else(|| "unknown".to_owned(), grouped))
}

/// The caps that left work undone, with what was used of them and the rules to blame; `none` when there is none.
pub fn caps_hit(plan: &Plan) -> String {
    let hit = hit(&plan.caps);
    if hit.is_empty() { "none".to_owned() } else { hit.join(", ") }
}

/// The caps that were hit, each with what was used of it and the rules to blame.
pub(super) fn hit(caps: &IndexMap<String, CapUse>) -> Vec<String> {
    let hit = caps.iter().filter(|(_, cap)| cap.hit).map(|(name, cap)| {
        let rules = cap.rules.join(", ");
        match &cap.term {
            Some(term) => format!("{name} ({rules}, at \"{term}\")"),
            None if rules.is_empty() => format!("{name} {}/{}", grouped(cap.used), grouped(cap.limit)),
            None => format!("{name} {}/{} (mostly {rules})", grouped(cap.used), grouped(cap.limit)),
        }
    });
    hit.collect()
}

/// The rules that fired and how often, in canonical rule order; `none` when there is none.
pub fn rules_fired(plan: &Plan) -> String {
    let fired: Vec<_> = plan.fired.iter().map(|(rule, count)| format!("{rule} x{count}")).collect();
    if fired.is_empty() { "none".to_owned() } else { fired.join(", ") }
}

/// The barriers that a plan still has, by name: pieces that the engine runs and Leafhold cannot read.
pub fn barriers_left(plan: &Plan) -> BTreeMap<String, usize> {
    let mut left = BTreeMap::new();
    for node in plan.post_order() {
        if let PlanOp::Compute(PhysicalOp::Extension { extension }) = &node.op
            && extension.operator() == "barrier"
        {
            *left.entry(extension.name().to_owned()).or_default() += 1;
        }
    }
    left
}

/// Writes the operators of one plan.
pub(super) struct Lines<'a> {
    plan: &'a Plan,
    leaves: Vec<String>,
    order: HashMap<*const PlanNode, usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let mut futures = Futures::default();
        let order = plan.post_order().into_iter().enumerate().map(|(at, node)| (Arc::as_ptr(&node), at)).collect();
        Lines { plan, leaves: plan.leaves.iter().map(|leaf| futures.leaf(leaf)).collect(), order }
    }

    /// The place of a node in [`Plan::post_order`].
    pub(super) fn index(&self, node: &Arc<PlanNode>) -> usize {
        self.order[&Arc::as_ptr(node)]
    }

    /// The operator of a node, without its inputs.
    pub(super) fn operator(&self, node: &PlanNode) -> String {
        let name = |column: &ColumnId| self.name(*column);
        match &node.op {
            PlanOp::Read { leaf, .. } => {
                format!("read {} {}", self.leaves[*leaf], bracketed(node.output.iter().map(name)))
            }
            PlanOp::Empty => format!("empty {}", bracketed(node.output.iter().map(name))),
            PlanOp::Exchange { to, merge } => {
                let merge = match merge.is_empty() {
                    true => String::new(),
                    false => format!(" merge {}", sort_keys(merge, &name)),
                };
                format!("exchange {}{merge}", partitioning(to, &name))
            }
            PlanOp::Compute(PhysicalOp::Union) => format!("union {}", bracketed(node.output.iter().map(name))),
            PlanOp::Compute(op) => physical(op, &node.output, &name),
        }
    }

    pub(super) fn partitioning(&self, node: &PlanNode) -> String {
        partitioning(&node.partitioning, &|column: &ColumnId| self.name(*column))
    }

    pub(super) fn name(&self, column: ColumnId) -> Shown {
        Shown::new(&self.plan.column(column).name)
    }
}

/// How the result lies, where somebody wished it so.
fn result_line(plan: &Plan, result: &ResultPartitions) -> String {
    let names: Vec<&str> = result.hashed.iter().map(|at| &*plan.output[*at].0).collect();
    match names.as_slice() {
        [] => format!("; the result evenly over {} partitions", result.count),
        names => format!("; the result hashed({}) over {} partitions", names.join(" "), result.count),
    }
}
