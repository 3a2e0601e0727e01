use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::shape::plan_shape;
use super::super::{CapUse, DEFAULT_FAN_IN, Partitioning, Plan, PlanColumn, PlanNode, PlanOp, ResultPartitions};
use super::{MOST_PARTITIONS, PhysicalScope, PhysicalWire};
use crate::expr::wire::{
    Codec, FORMAT, Kind, LeafWire, ReadContext, Reading, ScalarReader, SchemaWire, SortKeyWire, TypeWire, WireError,
    expect, from_json, to_json,
};
use crate::expr::{ScalarType, Semantics};
use crate::leaf::{Leaf, Number};
use crate::term::{AggregatePhase, ColumnId, Side};
use crate::token::{Token, Tokenizer};

/// A plan as a document: see [the module](super). It is plain data for any format of serde's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    leafhold: u64,
    kind: Kind,
    shape: Token,
    /// The identity of the leaves, futures included.
    identity: Token,
    ruleset: Token,
    schema: SchemaWire,
    output: Vec<(String, u32)>,
    columns: Vec<(String, TypeWire)>,
    leaves: Vec<LeafWire>,
    /// Inputs before the nodes that use them; the last one is the root.
    nodes: Vec<NodeWire>,
    target_partitions: usize,
    #[serde(default = "default_fan_in", skip_serializing_if = "is_default_fan_in")]
    fan_in: usize,
    /// Left out where it is the default.
    #[serde(default, skip_serializing_if = "Semantics::is_default")]
    semantics: Semantics,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<ResultPartitions>,
    #[serde(default, skip_serializing_if = "is_none")]
    repartitions_left_out: usize,
    fired: Vec<(String, u64)>,
    caps: Vec<(String, CapUse)>,
    size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeWire {
    op: OpWire,
    /// Indices of earlier nodes.
    inputs: Vec<usize>,
    output: Vec<u32>,
    partitioning: PartitioningWire,
    rows: Number,
    cost: Number,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OpWire {
    Read { leaf: usize, columns: Vec<usize> },
    Empty,
    Exchange { to: PartitioningWire, merge: Vec<SortKeyWire<u32>> },
    Compute(PhysicalWire<u32>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PartitioningWire {
    Any,
    Single,
    Hashed(Vec<u32>),
    Replicated,
}

impl Plan {
    /// The plan as a JSON document.
    ///
    /// # Errors
    /// When something in it cannot be written: a future of this process, what the codec refuses.
    pub fn to_json(&self, codec: &dyn Codec) -> Result<String, WireError> {
        to_json(Kind::Plan, &PlanDocument::new(self, codec)?)
    }

    /// The plan of a JSON document.
    ///
    /// # Errors
    /// See [`WireError`]; the document may be anything.
    pub fn from_json(document: &str, context: &ReadContext<'_>) -> Result<Plan, WireError> {
        from_json::<PlanDocument>(Kind::Plan, document.as_bytes())?.read(context)
    }
}

impl PlanDocument {
    /// The document of a plan. O(nodes), no recursion.
    ///
    /// # Errors
    /// When something in it cannot be written: a future of this process, what the codec refuses.
    pub fn new(plan: &Plan, codec: &dyn Codec) -> Result<Self, WireError> {
        check_partitions(plan.target_partitions)?;
        let mut at: HashMap<*const PlanNode, usize> = HashMap::new();
        let mut nodes = Vec::new();
        for node in plan.post_order() {
            let PlanNode { op, inputs, output, partitioning, rows, cost } = &*node;
            nodes.push(NodeWire {
                op: OpWire::of(op, nodes.len(), codec)?,
                inputs: inputs.iter().map(|input| at[&Arc::as_ptr(input)]).collect(),
                output: numbers(output),
                partitioning: PartitioningWire::of(partitioning),
                rows: Number(*rows),
                cost: Number(*cost),
            });
            at.insert(Arc::as_ptr(&node), nodes.len() - 1);
        }
        let columns = plan.columns.iter();
        Ok(PlanDocument {
            leafhold: FORMAT,
            kind: Kind::Plan,
            shape: plan.shape,
            identity: identity(&plan.leaves),
            ruleset: plan.ruleset,
            schema: SchemaWire::of(&plan.schema),
            output: plan.output.iter().map(|(name, column)| (name.to_string(), column.0)).collect(),
            columns: columns.map(|column| (column.name.to_string(), TypeWire::of(&column.data_type))).collect(),
            leaves: plan.leaves.iter().map(|leaf| LeafWire::of(leaf, codec)).collect::<Result<_, _>>()?,
            nodes,
            target_partitions: plan.target_partitions,
            fan_in: plan.fan_in,
            semantics: plan.semantics,
            result: plan.result.clone(),
            repartitions_left_out: plan.repartitions_left_out,
            fired: plan.fired.iter().map(|(rule, times)| (rule.clone(), *times)).collect(),
            caps: plan.caps.iter().map(|(cap, used)| (cap.clone(), used.clone())).collect(),
            size: plan.size,
        })
    }

    /// The plan, with strong handles to its futures.
    ///
    /// # Errors
    /// See [`WireError`].
    pub fn read(self, context: &ReadContext<'_>) -> Result<Plan, WireError> {
        expect(self.leafhold, self.kind, Kind::Plan)?;
        check_partitions(self.target_partitions)?;
        if self.fan_in < 2 {
            return Err(WireError::invalid("the plan", format!("a fan-in of {}; it is 2 or more", self.fan_in)));
        }
        let reading = Reading::new(context);
        let column = |(at, (name, data_type)): (usize, (String, TypeWire))| {
            Ok(PlanColumn { name: name.into(), data_type: data_type.read(&format!("column {at}"))? })
        };
        let columns: Vec<PlanColumn> =
            self.columns.into_iter().enumerate().map(column).collect::<Result<_, WireError>>()?;
        let leaves: Vec<Leaf> = self.leaves.into_iter().map(|leaf| leaf.read(&reading)).collect::<Result<_, _>>()?;
        let mut nodes: Vec<Arc<PlanNode>> = Vec::new();
        for (at, node) in self.nodes.into_iter().enumerate() {
            let place = &format!("node {at}");
            let scope = Scope { reading: &reading, place, columns: &columns, leaves: &leaves };
            let node = scope.node(node, &nodes)?;
            nodes.push(node);
        }
        let root = nodes.pop().ok_or_else(|| WireError::invalid("the document", "there is no node"))?;
        let scope = Scope { reading: &reading, place: "the result", columns: &columns, leaves: &leaves };
        let output = self.output.into_iter().map(|(name, column)| Ok((name.into(), scope.id(column)?)));
        let output: Vec<_> = output.collect::<Result<_, WireError>>()?;
        let schema = self.schema.read("the result")?;
        if output.len() != schema.fields().len() {
            return Err(WireError::invalid("the result", "its columns are not those of its schema"));
        }
        if let Some(ResultPartitions { hashed, count }) = &self.result {
            check_partitions(*count)?;
            if *count == 0 || hashed.iter().any(|column| *column >= output.len()) {
                return Err(WireError::invalid("the result", "partitions that there cannot be"));
            }
        }
        let same = plan_shape(&root, &output, &leaves) == self.shape
            && (identity(&leaves) == self.identity || !reading.same_session());
        if !same {
            return Err(WireError::Altered { what: "the plan".to_owned() });
        }
        Ok(Plan {
            root,
            output,
            schema,
            columns,
            leaves,
            target_partitions: self.target_partitions,
            fan_in: self.fan_in,
            semantics: self.semantics,
            result: self.result,
            repartitions_left_out: self.repartitions_left_out,
            shape: self.shape,
            ruleset: self.ruleset,
            fired: self.fired.into_iter().collect(),
            caps: self.caps.into_iter().collect(),
            size: self.size,
        })
    }
}

fn default_fan_in() -> usize {
    DEFAULT_FAN_IN
}

fn is_default_fan_in(fan_in: &usize) -> bool {
    *fan_in == DEFAULT_FAN_IN
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

fn identity(leaves: &[Leaf]) -> Token {
    let mut tokenizer = Tokenizer::new("plan-leaves");
    tokenizer.put_sequence(leaves.len());
    leaves.iter().for_each(|leaf| leaf.tokenize(&mut tokenizer, false));
    tokenizer.finish()
}

fn check_partitions(partitions: usize) -> Result<(), WireError> {
    match partitions <= MOST_PARTITIONS {
        true => Ok(()),
        false => {
            Err(WireError::invalid("the plan", format!("{partitions} partitions; there may be {MOST_PARTITIONS}")))
        }
    }
}

fn numbers(columns: &[ColumnId]) -> Vec<u32> {
    columns.iter().map(|column| column.0).collect()
}

impl OpWire {
    fn of(op: &PlanOp, at: usize, codec: &dyn Codec) -> Result<OpWire, WireError> {
        let place = &format!("node {at}");
        Ok(match op {
            PlanOp::Read { leaf, columns } => OpWire::Read { leaf: *leaf, columns: columns.clone() },
            PlanOp::Empty => OpWire::Empty,
            PlanOp::Exchange { to, merge } => {
                let merge = merge.iter().map(|key| SortKeyWire::of(key, place, &mut |column: &ColumnId| column.0));
                OpWire::Exchange { to: PartitioningWire::of(to), merge: merge.collect::<Result<_, _>>()? }
            }
            PlanOp::Compute(op) => OpWire::Compute(PhysicalWire::of(op, place, codec, |column| column.0)?),
        })
    }
}

impl PartitioningWire {
    fn of(partitioning: &Partitioning<ColumnId>) -> Self {
        match partitioning {
            Partitioning::Any => PartitioningWire::Any,
            Partitioning::Single => PartitioningWire::Single,
            Partitioning::Hashed(columns) => PartitioningWire::Hashed(numbers(columns)),
            Partitioning::Replicated => PartitioningWire::Replicated,
        }
    }
}

/// What the nodes of a plan may refer to. That an operator's inputs give the columns it reads is checked
/// by whoever lowers the plan.
struct Scope<'a> {
    reading: &'a Reading<'a>,
    place: &'a str,
    columns: &'a [PlanColumn],
    leaves: &'a [Leaf],
}

impl Scope<'_> {
    fn node(&self, node: NodeWire, before: &[Arc<PlanNode>]) -> Result<Arc<PlanNode>, WireError> {
        let input = |at: usize| {
            let missing = || self.invalid(format!("input {at} is no earlier node"));
            before.get(at).cloned().ok_or_else(missing)
        };
        let inputs = node.inputs.into_iter().map(input).collect::<Result<Vec<_>, _>>()?;
        let output = self.ids(node.output)?;
        let op = match node.op {
            OpWire::Read { leaf, columns } => {
                self.check_read(leaf, &columns, &output)?;
                PlanOp::Read { leaf, columns }
            }
            OpWire::Empty => PlanOp::Empty,
            OpWire::Exchange { to, merge } => {
                let reader = ScalarReader { reading: self.reading, place: self.place, typed: false, outer: false };
                let merge = merge.into_iter().map(|key| key.read(&reader, &mut |column| self.column(column)));
                PlanOp::Exchange { to: self.partitioning(to)?, merge: merge.collect::<Result<_, _>>()? }
            }
            OpWire::Compute(op) => PlanOp::Compute(op.read(self.place, self.reading, self)?),
        };
        let partitioning = self.partitioning(node.partitioning)?;
        Ok(Arc::new(PlanNode { op, inputs, output, partitioning, rows: node.rows.0, cost: node.cost.0 }))
    }

    fn check_read(&self, leaf: usize, columns: &[usize], output: &[ColumnId]) -> Result<(), WireError> {
        let leaf = self.leaves.get(leaf).ok_or_else(|| self.invalid(format!("there is no leaf {leaf}")))?;
        if columns.len() != output.len() {
            return Err(self.invalid(format!("{} columns are read as {}", columns.len(), output.len())));
        }
        let fields = leaf.schema().fields();
        for (position, column) in columns.iter().zip(output) {
            let found = fields.get(*position).map(|field| field.data_type());
            let wanted = &self.columns[column.0 as usize].data_type;
            if found != Some(wanted) {
                let message = format!("leaf `{}` has no column {position} of type {wanted}", leaf.name());
                return Err(self.invalid(message));
            }
        }
        Ok(())
    }

    fn invalid(&self, message: impl Into<String>) -> WireError {
        WireError::invalid(self.place, message)
    }

    fn id(&self, column: u32) -> Result<ColumnId, WireError> {
        match (column as usize) < self.columns.len() {
            true => Ok(ColumnId(column)),
            false => Err(self.invalid(format!("the plan has no column {column}"))),
        }
    }

    fn ids(&self, columns: Vec<u32>) -> Result<Vec<ColumnId>, WireError> {
        columns.into_iter().map(|column| self.id(column)).collect()
    }

    fn partitioning(&self, partitioning: PartitioningWire) -> Result<Partitioning<ColumnId>, WireError> {
        Ok(match partitioning {
            PartitioningWire::Any => Partitioning::Any,
            PartitioningWire::Single => Partitioning::Single,
            PartitioningWire::Hashed(columns) => Partitioning::Hashed(self.ids(columns)?),
            PartitioningWire::Replicated => Partitioning::Replicated,
        })
    }
}

impl PhysicalScope<u32, ColumnId> for Scope<'_> {
    fn column(&self, column: u32) -> Result<(ColumnId, ScalarType), WireError> {
        let column = self.id(column)?;
        Ok((column, ScalarType::new(self.columns[column.0 as usize].data_type.clone(), true)))
    }

    fn side(&self, _: Side, column: u32) -> Result<(ColumnId, ScalarType), WireError> {
        self.column(column)
    }

    fn argument(&self, _: AggregatePhase, column: u32) -> Result<(ColumnId, ScalarType), WireError> {
        self.column(column)
    }
}
