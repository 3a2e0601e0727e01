/// A line of a plan's text, and the node that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanLine {
    /// The line, without its end.
    pub text: String,
    /// Index into `Plan::post_order`; `None` for lines that are about the plan as a whole.
    pub node: Option<usize>,
}
