use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::LowerError;
use crate::leaf::Leaf;
use crate::optimize::{Partitioning, PhysicalOp, Plan, PlanNode, PlanOp};
use crate::term::ColumnId;

/// By which hash functions the rows of a plan must lie where they meet: those of leaves that are read where they lie.
///
/// Nodes whose rows meet, partition by partition, are a group: they agree on one function. Rows that meet no others may
/// lie by any: what aggregates a leaf's rows wants equal keys in one partition, whichever that is.
///
/// ```
/// use std::sync::Arc;
/// use arrow_schema::Schema;
/// use leafhold::expr::Frame;
/// use leafhold::leaf::{Leaf, Values};
/// use leafhold::lower::HashFunctions;
/// use leafhold::optimize::Planner;
///
/// let frame = Frame::from_leaf(Leaf::Values(Values::new("t", Arc::new(Schema::empty()), vec![vec![]])))?;
/// let plan = Planner::new(frame.functions().clone()).plan(frame.expr())?;
/// // No leaf's rows lie hashed: kernels with any hash function can run it.
/// assert!(HashFunctions::of(&plan)?.of_exchanges().is_empty());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct HashFunctions<'a> {
    /// The group of each node in post-order, where its rows lie hashed.
    groups: Vec<Option<usize>>,
    /// The leaf of each group that gives it its function, if one does.
    leaves: Vec<Option<Hashed<'a>>>,
    /// The groups of the exchanges that put rows by a hash.
    exchanges: Vec<usize>,
}

/// A leaf whose rows are read as they lie.
#[derive(Clone, Copy)]
struct Hashed<'a> {
    function: &'a str,
    leaf: &'a str,
}

impl<'a> HashFunctions<'a> {
    /// Those of a plan. O(nodes).
    ///
    /// # Errors
    /// When the plan takes a leaf's rows to lie as the leaf does not declare, or lets rows of two functions meet as if they had
    /// one.
    pub fn of(plan: &'a Plan) -> Result<Self, LowerError> {
        let order = plan.post_order();
        let index = order.iter().enumerate().map(|(at, node)| (Arc::as_ptr(node), at)).collect();
        Self::of_nodes(plan, &order, &index)
    }

    pub(super) fn of_nodes(
        plan: &'a Plan,
        order: &[Arc<PlanNode>],
        index: &HashMap<*const PlanNode, usize>,
    ) -> Result<Self, LowerError> {
        let mut merging = Groups::default();
        let mut groups: Vec<Option<usize>> = Vec::with_capacity(order.len());
        let mut exchanges = Vec::new();
        for node in order {
            let mut group = None;
            for input in
                node.inputs.iter().filter(|_| meet(node)).filter_map(|input| groups[index[&Arc::as_ptr(input)]])
            {
                group = Some(group.map_or(Ok(input), |group| merging.unite(group, input))?);
            }
            let group = match group {
                _ if !matches!(node.partitioning, Partitioning::Hashed(_)) => None,
                Some(group) => Some(group),
                None => Some(merging.add(read(plan, node)?)),
            };
            groups.push(group);
            exchanges.extend(group.filter(|_| matches!(node.op, PlanOp::Exchange { .. })));
        }
        groups.iter_mut().flatten().chain(&mut exchanges).for_each(|group| *group = merging.root(*group));
        Ok(HashFunctions { groups, leaves: merging.leaves, exchanges })
    }

    fn of_group(&self, group: usize) -> Option<&'a str> {
        self.leaves[group].map(|leaf| leaf.function)
    }

    /// That by which the rows of a node must lie, in post-order.
    pub(super) fn of_node(&self, at: usize) -> Option<&'a str> {
        self.of_group(self.groups[at]?)
    }

    /// Whether the rows of a node lie by the function by which those of the tree's last node do.
    pub(super) fn is_of_root(&self, at: usize) -> bool {
        self.groups[at].is_some() && self.groups.last() == self.groups.get(at)
    }

    /// That by which the rows of the tree's last node lie, where a leaf says so.
    pub fn of_root(&self) -> Option<&'a str> {
        self.of_group((*self.groups.last()?)?)
    }

    /// Those by which exchanges must put rows, since they are to meet a leaf's.
    pub fn of_exchanges(&self) -> BTreeSet<&'a str> {
        self.exchanges.iter().filter_map(|group| self.of_group(*group)).collect()
    }
}

/// Whether a partition of the node reads the same partition of all inputs that lie hashed.
fn meet(node: &PlanNode) -> bool {
    match &node.op {
        PlanOp::Exchange { .. } => false,
        // Else it has the partitions of all of them.
        PlanOp::Compute(PhysicalOp::Union) => node.partitioning != Partitioning::Any,
        PlanOp::Read { .. } | PlanOp::Empty | PlanOp::Compute(_) => true,
    }
}

/// Groups that become one: a union-find, halving paths.
#[derive(Default)]
struct Groups<'a> {
    /// Of each group, one that it has become part of, or itself.
    parents: Vec<usize>,
    leaves: Vec<Option<Hashed<'a>>>,
}

impl<'a> Groups<'a> {
    fn add(&mut self, leaf: Option<Hashed<'a>>) -> usize {
        self.parents.push(self.parents.len());
        self.leaves.push(leaf);
        self.parents.len() - 1
    }

    fn root(&mut self, mut group: usize) -> usize {
        while self.parents[group] != group {
            self.parents[group] = self.parents[self.parents[group]];
            group = self.parents[group];
        }
        group
    }

    fn unite(&mut self, one: usize, other: usize) -> Result<usize, LowerError> {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[other] = one;
        self.leaves[one] = match (self.leaves[one], self.leaves[other]) {
            (Some(known), Some(other)) if known.function != other.function => {
                return Err(LowerError::Partitioning { leaf: other.leaf.to_owned() });
            }
            (known, other) => known.or(other),
        };
        Ok(one)
    }
}

/// What a node reads where it lies hashed.
fn read<'a>(plan: &'a Plan, node: &PlanNode) -> Result<Option<Hashed<'a>>, LowerError> {
    let (PlanOp::Read { leaf, columns }, Partitioning::Hashed(hashed)) = (&node.op, &node.partitioning) else {
        return Ok(None);
    };
    // A leaf that there is not has an error of its own.
    let Some(leaf) = plan.leaves.get(*leaf) else { return Ok(None) };
    match declared(leaf, plan.target_partitions, columns, &node.output, hashed) {
        Some(function) => Ok(Some(Hashed { function, leaf: leaf.name() })),
        None => Err(LowerError::Partitioning { leaf: leaf.name().to_owned() }),
    }
}

/// The function by which a leaf's rows lie hashed by these columns, over as many partitions.
fn declared<'a>(
    leaf: &'a Leaf,
    partitions: usize,
    positions: &[usize],
    output: &[ColumnId],
    hashed: &[ColumnId],
) -> Option<&'a str> {
    let partitioning = leaf.hash_partitioning().filter(|_| leaf.partitions() == partitions)?;
    let position = |column: &ColumnId| positions.get(output.iter().position(|given| given == column)?).copied();
    let hashed: Option<Vec<usize>> = hashed.iter().map(position).collect();
    (hashed? == partitioning.columns).then_some(partitioning.function.as_str())
}
