use std::sync::Arc;

use arrow_schema::SchemaRef;

use crate::leaf::ScanSource;
use crate::optimize::PhysicalOp;
use crate::token::Token;

/// What one task computes: a small tree of physical operators over numbered inputs.
///
/// Columns are positions. A fragment says nothing of partitions or tasks, so many tasks share one,
/// and identical work has the same [`token`](Fragment::token) whichever branch of a plan asked for it.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The operators, inputs before the nodes that use them; the last one is the root.
    pub nodes: Vec<FragmentNode>,
    /// How the root's rows are handed out.
    pub output: FragmentOutput,
    /// How many input slots there are.
    pub inputs: usize,
    /// The identity of all of the above.
    pub token: Token,
    /// The operators in a few words, for reports: `hash-join > project`.
    pub label: String,
}

/// One operator of a fragment.
#[derive(Clone, Debug)]
pub struct FragmentNode {
    /// What it does.
    pub op: FragmentOp,
    /// Its inputs: indices of earlier nodes.
    pub inputs: Vec<usize>,
    /// What it gives. The column names are `c0`, `c1`, .. except at the root of the whole plan, where
    /// they are the user's. A partial aggregate's schema is the engine's: this one then lists its keys only.
    pub schema: SchemaRef,
    /// Which node of the plan this is: index into `Plan::post_order`, for actual row counts. `None`
    /// for what lowering added.
    pub plan_node: Option<usize>,
}

/// What an operator of a fragment does.
#[derive(Clone, Debug)]
pub enum FragmentOp {
    /// The batches of an input slot, all sources in order. When `columns` is given, only these columns
    /// of each batch, by position, in this order.
    Input {
        /// Which slot.
        slot: usize,
        /// Which columns; all of them when absent.
        columns: Option<Vec<usize>>,
    },
    /// Sources of one slot that each are sorted, merged into one order.
    MergeInput {
        /// Which slot.
        slot: usize,
        /// The order.
        keys: Vec<crate::expr::SortKey<usize>>,
        /// How many rows are needed.
        fetch: Option<u64>,
    },
    /// Some columns of one partition of an engine's table. The partition is the task's.
    Scan {
        /// The table.
        source: Arc<dyn ScanSource>,
        /// Positions of the columns.
        columns: Vec<usize>,
    },
    /// No rows.
    Empty,
    /// An operator. For the final phase of an aggregate, `argument_schema` is the schema of the partial
    /// phase's input, over which the aggregate calls are written.
    Compute {
        /// What it does.
        op: PhysicalOp<usize>,
        /// See above; `None` for everything else.
        argument_schema: Option<SchemaRef>,
    },
}

/// How a fragment's rows are handed out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FragmentOutput {
    /// All through port 0.
    Whole,
    /// By the hash of columns, over this many ports. Every engine must hash equal values of equal types
    /// alike within one run.
    Hashed {
        /// Positions of the columns.
        columns: Vec<usize>,
        /// How many ports.
        ports: usize,
        /// The hash function that it must be, where rows that lie hashed already are to meet these, or where what is
        /// persisted declares it: [`run_fragment`](crate::run::run_fragment) runs no kernels that have another one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        function: Option<String>,
    },
    /// By range, over this many ports, of rows that are sorted by the keys: those that are not behind the first
    /// boundary, those behind it that are not behind the second, .., and the rest. Kernels give all rows in one port.
    Ranged {
        /// What the rows are sorted by.
        keys: Vec<RangeKey>,
        /// The slot with the boundaries, in their order, which no node reads; there may be fewer than ports.
        boundaries: usize,
        /// How many ports.
        ports: usize,
    },
    /// In parts of as many rows, give or take one, over this many ports, in order. Kernels give all rows in one port.
    Even {
        /// How many ports.
        ports: usize,
    },
    /// So many of the rows at even distances, or all if there are no more. Kernels give all rows in one port.
    Sampled {
        /// How many.
        rows: usize,
    },
}

/// A column by which rows are sorted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeKey {
    /// Its position.
    pub column: usize,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Whether nulls come first.
    pub nulls_first: bool,
}

/// The positions of `rows` of `total` rows at even distances, ascending; of all rows if there are no more.
pub fn sample_positions(total: usize, rows: usize) -> impl Iterator<Item = usize> {
    let rows = rows.min(total);
    (1..=rows).map(move |at| (at as u128 * total as u128 / (rows as u128 + 1)) as usize)
}

impl Fragment {
    /// After how many rows of a slot its further sources change nothing: those of a slot that only a limit
    /// reads. Sources count from the first on, so that the answer does not depend on which is done first; a task
    /// may then run without the others, and what nobody else reads need not be computed. O(nodes).
    pub fn enough(&self, slot: usize) -> Option<u64> {
        let reads = |node: &FragmentNode| match &node.op {
            FragmentOp::Input { slot: read, .. } | FragmentOp::MergeInput { slot: read, .. } => *read == slot,
            _ => false,
        };
        let only = |found: &mut dyn Iterator<Item = usize>| found.next().filter(|_| found.next().is_none());
        let mut at = only(&mut (0..self.nodes.len()).filter(|at| reads(&self.nodes[*at])))?;
        if !matches!(self.nodes[at].op, FragmentOp::Input { .. }) {
            return None;
        }
        loop {
            at = only(&mut (at + 1..self.nodes.len()).filter(|user| self.nodes[*user].inputs.contains(&at)))?;
            match &self.nodes[at].op {
                // As many rows as it gets.
                FragmentOp::Compute { op: PhysicalOp::Project { .. }, .. } => {}
                FragmentOp::Compute { op: PhysicalOp::Limit { offset, fetch: Some(fetch) }, .. } => {
                    return Some(offset.saturating_add(*fetch));
                }
                _ => return None,
            }
        }
    }

    /// Whether every table that it scans has this partition; what is wrong, if one has not.
    pub(crate) fn check_partition(&self, partition: usize) -> Result<(), String> {
        for node in &self.nodes {
            if let FragmentOp::Scan { source, .. } = &node.op {
                let count = source.partitions().max(1);
                if partition >= count {
                    return Err(format!("partition {partition} of a table of {count}"));
                }
            }
        }
        Ok(())
    }
}

impl FragmentOp {
    /// The operator's name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            FragmentOp::Input { .. } => "input",
            FragmentOp::MergeInput { .. } => "merge",
            FragmentOp::Scan { .. } => "scan",
            FragmentOp::Empty => "empty",
            FragmentOp::Compute { op, .. } => op.name(),
        }
    }
}

impl FragmentOutput {
    /// How many ports there are.
    pub fn ports(&self) -> usize {
        match self {
            FragmentOutput::Whole | FragmentOutput::Sampled { .. } => 1,
            FragmentOutput::Hashed { ports, .. }
            | FragmentOutput::Ranged { ports, .. }
            | FragmentOutput::Even { ports } => *ports,
        }
    }

    /// How many ports kernels give: what they do not divide themselves, they give in one.
    pub fn kernel_ports(&self) -> usize {
        match self {
            FragmentOutput::Hashed { ports, .. } => *ports,
            FragmentOutput::Whole
            | FragmentOutput::Ranged { .. }
            | FragmentOutput::Even { .. }
            | FragmentOutput::Sampled { .. } => 1,
        }
    }

    /// What is done with the rows, for the label of a fragment.
    pub(super) fn label(&self) -> Option<&'static str> {
        match self {
            FragmentOutput::Whole | FragmentOutput::Hashed { .. } => None,
            FragmentOutput::Ranged { .. } | FragmentOutput::Even { .. } => Some("divide"),
            FragmentOutput::Sampled { .. } => Some("sample"),
        }
    }
}
