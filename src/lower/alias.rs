use super::TaskId;

/// Where identical work is one task: a task was made for one node of the plan, and gives the rows of another node in
/// one of its partitions, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alias {
    /// The task that does the work of both.
    pub task: TaskId,
    /// The operator of its fragment, by position.
    pub operator: u32,
    /// The other node that this operator stands for: an index into `Plan::post_order`.
    pub plan_node: u32,
}
