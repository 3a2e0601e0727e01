use std::sync::Arc;

use arrow_schema::{DataType, SchemaRef};
use indexmap::IndexMap;

use crate::expr::{
    AggregateCall, Extension, JoinKind, Name, NullLists, Scalar, Semantics, SortKey, Window, WindowCall,
};
use crate::leaf::Leaf;
use crate::term::{AggregatePhase, ColumnId, Side};
use crate::token::Token;

/// What a physical operator does. `C` names a column: by [`ColumnId`] in a plan, by position in the
/// input in a fragment (for joins: in the left input's columns followed by the right one's).
#[derive(Clone, Debug)]
pub enum PhysicalOp<C> {
    /// Keeps the rows for which the predicate is true.
    Filter {
        /// The predicate.
        predicate: Scalar<C>,
    },
    /// Computes exactly these columns.
    Project {
        /// What each output column is.
        columns: Vec<Scalar<C>>,
    },
    /// A hash join. `Null` keys match nothing.
    HashJoin {
        /// Which rows it gives.
        kind: JoinKind,
        /// Pairs that must be equal: a scalar of the left input, one of the right. Each side counts
        /// positions in its own input.
        keys: Vec<(Scalar<C>, Scalar<C>)>,
        /// What else must be true of a pair (over both inputs' columns).
        residual: Option<Scalar<C>>,
        /// The input of which the hash table is made.
        build: Side,
    },
    /// A join that compares every pair.
    NestedLoopJoin {
        /// Which rows it gives.
        kind: JoinKind,
        /// What must be true of a pair; `None` for the cross product.
        condition: Option<Scalar<C>>,
    },
    /// The rows of the left input and whether the condition is true of a right row: null where it is true
    /// of none and null of one.
    MarkJoin {
        /// What must be true of a pair; `None` where any right row will do.
        condition: Option<Scalar<C>>,
        /// Whether the condition can be null.
        nullable: bool,
    },
    /// The columns of the input, then one per call, computed over the rows that each row sees.
    Window {
        /// Which rows see each other, in which order. The partition's keys are columns.
        window: Window<C>,
        /// The calls.
        calls: Vec<WindowCall<C>>,
    },
    /// One row for each element of a list column, which becomes the elements; the other columns repeat.
    Unnest {
        /// The list.
        column: C,
        /// What a null list gives.
        nulls: NullLists,
    },
    /// One row per group.
    Aggregate {
        /// Whole, or one of two halves. In the final phase `group` counts in the partial's output,
        /// whose first columns are the keys in this order.
        phase: AggregatePhase,
        /// The keys: columns of the input.
        group: Vec<C>,
        /// The aggregates, over the columns of the *partial* phase's input.
        aggregates: Vec<AggregateCall<C>>,
    },
    /// Orders each partition; with `fetch`, keeps only its first rows.
    Sort {
        /// The order.
        keys: Vec<SortKey<C>>,
        /// How many rows are needed.
        fetch: Option<u64>,
    },
    /// Skips rows, then gives at most `fetch`. Over one partition.
    Limit {
        /// Rows to skip.
        offset: u64,
        /// Rows to give.
        fetch: Option<u64>,
    },
    /// All rows of all inputs, by position.
    Union,
    /// An operator of the engine's own. Over one partition, unless it declares to be partition-wise.
    Extension {
        /// The engine's payload.
        extension: Arc<dyn Extension>,
    },
}

/// How rows lie in partitions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partitioning<C> {
    /// In several partitions, anyhow.
    Any,
    /// In one partition.
    Single,
    /// Rows that agree on these columns are in one partition: that of the columns' hash.
    Hashed(Vec<C>),
    /// All rows in every partition.
    Replicated,
}

/// What a node of a plan does.
#[derive(Clone, Debug)]
pub enum PlanOp {
    /// Reads some columns of a leaf, by position in its schema.
    Read {
        /// Index into [`Plan::leaves`].
        leaf: usize,
        /// Positions of the columns.
        columns: Vec<usize>,
    },
    /// No rows.
    Empty,
    /// Moves rows between partitions. To `Single` after a sort, it keeps the order by merging.
    Exchange {
        /// Where the rows go.
        to: Partitioning<ColumnId>,
        /// The order to keep, when the rows of each partition are sorted.
        merge: Vec<SortKey<ColumnId>>,
    },
    /// Computes on the rows of each partition.
    Compute(PhysicalOp<ColumnId>),
}

impl PlanOp {
    /// The operator's name in plans.
    pub fn name(&self) -> &'static str {
        match self {
            PlanOp::Read { .. } => "read",
            PlanOp::Empty => "empty",
            PlanOp::Exchange { .. } => "exchange",
            PlanOp::Compute(op) => op.name(),
        }
    }
}

impl<C> PhysicalOp<C> {
    /// The operator's name in plans.
    pub fn name(&self) -> &'static str {
        match self {
            PhysicalOp::Filter { .. } => "filter",
            PhysicalOp::Project { .. } => "project",
            PhysicalOp::HashJoin { .. } => "hash-join",
            PhysicalOp::NestedLoopJoin { .. } => "nested-loop-join",
            PhysicalOp::MarkJoin { .. } => "mark-join",
            PhysicalOp::Window { .. } => "window",
            PhysicalOp::Unnest { .. } => "unnest",
            PhysicalOp::Aggregate { .. } => "hash-aggregate",
            PhysicalOp::Sort { fetch: None, .. } => "sort",
            PhysicalOp::Sort { fetch: Some(_), .. } => "top-k",
            PhysicalOp::Limit { .. } => "limit",
            PhysicalOp::Union => "union",
            PhysicalOp::Extension { extension } => extension.operator(),
        }
    }

    /// Whether it is a join: its output counts for C_out.
    pub fn is_join(&self) -> bool {
        matches!(self, PhysicalOp::HashJoin { .. } | PhysicalOp::NestedLoopJoin { .. })
    }
}

/// A node of a plan: an operator over inputs, the columns that it gives in order, and what the
/// optimizer believed of it.
#[derive(Clone, Debug)]
pub struct PlanNode {
    /// What the node does.
    pub op: PlanOp,
    /// Its inputs. Shared inputs are one `Arc`.
    pub inputs: Vec<Arc<PlanNode>>,
    /// Its columns, in order. A partial aggregate gives its keys and then columns of the engine's.
    pub output: Vec<ColumnId>,
    /// How its rows lie.
    pub partitioning: Partitioning<ColumnId>,
    /// Estimated rows.
    pub rows: f64,
    /// Estimated cost of this node and everything below it, in row operations.
    pub cost: f64,
}

impl Drop for PlanNode {
    /// Drops the inputs from a list instead of the stack (law I4).
    fn drop(&mut self) {
        let mut pending = std::mem::take(&mut self.inputs);
        while let Some(input) = pending.pop() {
            if let Some(mut node) = Arc::into_inner(input) {
                pending.append(&mut node.inputs);
            }
        }
    }
}

/// A column of a plan.
#[derive(Clone, Debug)]
pub struct PlanColumn {
    /// How texts call it.
    pub name: Name,
    /// Its type.
    pub data_type: DataType,
}

/// A counter that has a cap: what was used, of how much.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapUse {
    /// How much was used.
    pub used: u64,
    /// How much there was.
    pub limit: u64,
    /// Whether work was left undone because of it.
    pub hit: bool,
    /// The rules to blame when it was hit: the one that used most of it, or those that go round in a cycle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Of a cycle: the term that comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
}

/// How the rows of a result lie in partitions.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultPartitions {
    /// Rows that agree on these columns, by their position in the result, are in one partition. Empty for evenly.
    pub hashed: Vec<usize>,
    /// How many partitions; at least one.
    pub count: usize,
}

/// What the optimizer decided: a physical tree, and the leaves that it reads, with their futures.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tree.
    pub root: Arc<PlanNode>,
    /// The columns of the result: position is the order, the name is what the user wrote.
    pub output: Vec<(Name, ColumnId)>,
    /// The schema of the result.
    pub schema: SchemaRef,
    /// The columns of the query, by [`ColumnId`].
    pub columns: Vec<PlanColumn>,
    /// The leaves, each with strong handles to its futures.
    pub leaves: Vec<Leaf>,
    /// How many partitions hashed exchanges make.
    pub target_partitions: usize,
    /// How many partitions one task merges at most; more are merged by a tree of tasks.
    pub fan_in: usize,
    /// What the plan means, where engines differ.
    pub semantics: Semantics,
    /// How the result is to lie, where the query ends with such a wish: in a repartition, or in filters and projections of one.
    pub result: Option<ResultPartitions>,
    /// How many repartitions of the query say nothing of the result: below other operators, rows move as the plan needs it.
    pub repartitions_left_out: usize,
    /// The shape token: the same in every run.
    pub shape: Token,
    /// The token of the rule set.
    pub ruleset: Token,
    /// How often each rule fired, in canonical rule order.
    pub fired: IndexMap<String, u64>,
    /// What was used of every budget.
    pub caps: IndexMap<String, CapUse>,
    /// E-nodes at the end.
    pub size: u64,
}

impl Plan {
    /// Every distinct node once, inputs before the nodes that use them.
    pub fn post_order(&self) -> Vec<Arc<PlanNode>> {
        PlanNode::post_order(&self.root)
    }

    /// How the rows of the result lie, where those that agree on some columns are in one partition: that of the columns'
    /// hash, in their order.
    pub fn hashed_result(&self) -> Option<ResultPartitions> {
        match &self.result {
            Some(wish) if !wish.hashed.is_empty() => (wish.count > 1).then(|| wish.clone()),
            wish => self.hashed_root().filter(|root| wish.as_ref().is_none_or(|wish| wish.count == root.count)),
        }
    }

    /// Whether rows move once more so that the result lies hashed as somebody wished; they may lie so already.
    pub(crate) fn moves_for_result(&self) -> bool {
        self.result.as_ref().is_some_and(|wish| !wish.hashed.is_empty()) && self.hashed_root() != self.result
    }

    /// The same of the tree alone, which knows no wish of how the result should lie.
    fn hashed_root(&self) -> Option<ResultPartitions> {
        let Partitioning::Hashed(columns) = &self.root.partitioning else { return None };
        let position = |column: &ColumnId| self.output.iter().position(|(_, given)| given == column);
        let hashed = columns.iter().map(position).collect::<Option<Vec<_>>>()?;
        // The hash of a column twice over is not that of the column, and nothing can be declared to lie by it.
        if hashed.iter().enumerate().any(|(at, column)| hashed[..at].contains(column)) {
            return None;
        }
        (self.target_partitions > 1).then_some(ResultPartitions { hashed, count: self.target_partitions })
    }

    /// What is known of a column.
    pub fn column(&self, column: ColumnId) -> &PlanColumn {
        &self.columns[column.0 as usize]
    }
}

impl PlanNode {
    /// Every distinct node of a tree once, inputs before the nodes that use them.
    pub(super) fn post_order(root: &Arc<PlanNode>) -> Vec<Arc<PlanNode>> {
        let mut seen = std::collections::HashSet::new();
        let mut order = Vec::new();
        let mut stack = vec![(root.clone(), false)];
        while let Some((node, inputs_done)) = stack.pop() {
            if inputs_done {
                order.push(node);
            } else if seen.insert(Arc::as_ptr(&node)) {
                stack.push((node.clone(), true));
                stack.extend(node.inputs.iter().rev().map(|input| (input.clone(), false)));
            }
        }
        order
    }
}
