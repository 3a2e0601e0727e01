use super::number::grouped;
use super::plan::c_out_line;
use super::{Actuals, PlanText};
use crate::optimize::Plan;
use crate::run::report::PlanLine;

/// The text of a plan, kept for the report of its run without the plan and what that owns: its futures may be let go
/// meanwhile.
///
/// ```
/// use leafhold::explain::{Actuals, PlanOutline};
/// # use std::sync::Arc;
/// # use leafhold::expr::{CoreFunctions, Expr};
/// # use leafhold::leaf::{Leaf, Values};
/// # use leafhold::optimize::Planner;
/// # use arrow_schema::{DataType, Field, Schema};
/// # let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// # let expr = Expr::leaf(Leaf::Values(Values::new("t", schema, vec![])))?;
/// let plan = Planner::new(Arc::new(CoreFunctions)).plan(&expr)?;
/// let outline = PlanOutline::new(&plan);
/// drop(plan);
/// let lines = outline.lines(&Actuals::new([(0, 3)]));
/// assert!(lines.last().is_some_and(|line| line.text.contains(" actual 3")));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOutline {
    lines: Vec<OutlineLine>,
    /// The joins, by place in [`Plan::post_order`].
    joins: Vec<usize>,
}

/// A line, in two parts: the actual rows of its node stand between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutlineLine {
    pub(super) node: Option<usize>,
    pub(super) before: String,
    pub(super) after: String,
}

impl OutlineLine {
    pub(super) fn text(&self, actuals: Option<&Actuals>) -> String {
        let rows = self.node.and_then(|node| actuals?.rows(node));
        let actual = rows.map(|rows| format!(" actual {}", grouped(rows))).unwrap_or_default();
        format!("{}{actual}{}", self.before, self.after)
    }
}

impl PlanOutline {
    /// The outline of a plan. O(nodes).
    pub fn new(plan: &Plan) -> Self {
        PlanOutline { lines: PlanText::new(plan).outline_lines(), joins: Actuals::joins(plan) }
    }

    /// The lines of the text with the actual rows of a run: those of [`PlanText::with_actuals`].
    pub fn lines(&self, actuals: &Actuals) -> Vec<PlanLine> {
        let line = |line: &OutlineLine| PlanLine { text: line.text(Some(actuals)), node: line.node };
        let mut lines: Vec<PlanLine> = self.lines.iter().map(line).collect();
        let c_out = PlanLine { text: c_out_line(actuals.sum(&self.joins)), node: None };
        lines.insert(lines.len().min(1), c_out);
        lines
    }
}
