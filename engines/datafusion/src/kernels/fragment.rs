//! A fragment as a tree of DataFusion's operators.

use std::sync::Arc;

use arrow_schema::Schema;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, metrics::MetricsSet};
use leafhold::lower::{Fragment, FragmentNode, FragmentOp};
use leafhold::run::{SlotData, TaskContext};

use super::build_side::{BuildSide, BuildSides};
use super::memory::TaskMemory;
use super::operators::{compute, merged, plain_columns};
use super::probe::ProbeExec;
use super::shared_sides::{SharedSides, nodes_below};
use super::source::{SourceData, SourceExec, numbered};
use super::watch::Setting;
use crate::files::FileTable;

type Operator = Arc<dyn ExecutionPlan>;

/// The operators of a fragment's nodes.
pub(super) struct Operators {
    /// By node; nothing where a build side that is shared has it.
    nodes: Vec<Option<Operator>>,
    /// What was counted when that was built: every task that probes it says so, as if it had built it, so that a report does not
    /// tell who was first.
    built: Vec<(usize, Option<u64>)>,
}

impl Operators {
    /// The operators of a task. What it shares with others of its stage is built, if nobody has.
    pub fn new(
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        task: &TaskContext,
        memory: &TaskMemory,
        setting: &Setting,
    ) -> Result<Self> {
        let shared = SharedSides::of(fragment, &task.stage);
        let mut assembly = Assembly::new(fragment, shared.outside(), inputs, task, memory, setting);
        let mut built = Vec::new();
        for at in shared.outside() {
            let operator = match shared.build_input(at) {
                Some(input) => assembly.probe(at, input, &mut built)?,
                None => assembly.operator(at)?,
            };
            assembly.done[at] = Some(operator);
        }
        Ok(Operators { nodes: assembly.done, built })
    }

    /// What gives the fragment's rows.
    pub fn root(&self) -> Result<&Operator> {
        match self.nodes.last() {
            Some(Some(root)) => Ok(root),
            _ => Err(DataFusionError::Internal("a fragment without nodes".into())),
        }
    }

    /// The rows that each node gave.
    pub fn rows(&self) -> Vec<Option<u64>> {
        let mut rows: Vec<Option<u64>> = self.nodes.iter().map(|node| rows_of(node.as_ref()?)).collect();
        for (at, built) in &self.built {
            rows[*at] = rows[*at].or(*built);
        }
        rows
    }
}

fn rows_of(operator: &Operator) -> Option<u64> {
    operator.metrics().as_ref().and_then(MetricsSet::output_rows).map(|rows| rows as u64)
}

/// Some nodes of a fragment on their way to operators.
struct Assembly<'a> {
    fragment: &'a Fragment,
    task: &'a TaskContext,
    memory: &'a TaskMemory,
    setting: &'a Setting,
    inputs: Vec<SlotData>,
    /// How many of the nodes read each slot, and have not done so.
    slots: Vec<usize>,
    /// How many nodes of the fragment read each node.
    uses: Vec<usize>,
    done: Vec<Option<Operator>>,
}

impl<'a> Assembly<'a> {
    fn new(
        fragment: &'a Fragment,
        nodes: Vec<usize>,
        inputs: Vec<SlotData>,
        task: &'a TaskContext,
        memory: &'a TaskMemory,
        setting: &'a Setting,
    ) -> Self {
        let mut uses = vec![0usize; fragment.nodes.len()];
        fragment.nodes.iter().flat_map(|node| &node.inputs).for_each(|input| uses[*input] += 1);
        let mut slots = vec![0usize; inputs.len()];
        for at in nodes {
            if let FragmentOp::Input { slot, .. } | FragmentOp::MergeInput { slot, .. } = fragment.nodes[at].op
                && let Some(count) = slots.get_mut(slot)
            {
                *count += 1;
            }
        }
        Assembly { fragment, task, memory, setting, inputs, slots, uses, done: vec![None; fragment.nodes.len()] }
    }

    /// The operator of a node whose inputs are done.
    fn operator(&mut self, at: usize) -> Result<Operator> {
        let (node, task, setting) = (&self.fragment.nodes[at], self.task, self.setting);
        Ok(match &node.op {
            FragmentOp::Input { slot, columns } => {
                let sources = self.take(*slot)?;
                let schema = incoming(&sources, columns.as_deref(), node)?;
                let data = SourceData::Batches { sources, columns: columns.clone() };
                Arc::new(SourceExec::new(&schema, vec![data], &setting.watch))
            }
            FragmentOp::MergeInput { slot, keys, fetch } => {
                let sources = self.take(*slot)?;
                let schema = incoming(&sources, None, node)?;
                let each =
                    sources.into_iter().map(|source| SourceData::Batches { sources: vec![source], columns: None });
                let source: Operator = Arc::new(SourceExec::new(&schema, each.collect(), &setting.watch));
                merged(keys, *fetch, source, setting)?
            }
            FragmentOp::Scan { source, columns } => {
                let Some(table) = source.as_any().downcast_ref::<FileTable>() else {
                    return exec_err!("a table of another engine: {source:?}");
                };
                let schema = table.schema_ref().project(columns)?;
                let data =
                    SourceData::File { table: table.clone(), partition: task.partition, columns: columns.clone() };
                Arc::new(SourceExec::new(&schema, vec![data], &setting.watch))
            }
            FragmentOp::Empty => Arc::new(EmptyExec::new(numbered(&node.schema))),
            FragmentOp::Compute { op, .. } => {
                let fusable = node.inputs.first().is_some_and(|input| self.uses[*input] == 1);
                let below = node.inputs.iter().map(|input| match fusable && plain_columns(op).is_some() {
                    // The join below may leave out columns by itself.
                    true => self.input(*input),
                    false => Ok(setting.watch.batches_of_makers(self.input(*input)?)),
                });
                let below = below.collect::<Result<Vec<_>>>()?;
                self.compute(at, below, fusable)?
            }
        })
    }

    /// A join whose build side all tasks of the stage share.
    fn probe(&mut self, at: usize, build: usize, built: &mut Vec<(usize, Option<u64>)>) -> Result<Operator> {
        let node = &self.fragment.nodes[at];
        let (Some(root), Some(probe)) = (node.inputs.get(build), node.inputs.get(1 - build)) else {
            return exec_err!("a join of {} inputs", node.inputs.len());
        };
        let probe = self.setting.watch.batches_of_makers(self.input(*probe)?);
        let sides = self.task.stage.get_or_init(BuildSides::default);
        let side = sides.get_or_build(at, || self.build(at, build, *root, &probe))?;
        built.extend_from_slice(&side.rows);
        Ok(Arc::new(ProbeExec::new(&side, probe, &self.setting.watch)?))
    }

    /// Builds the build side of a join for rows of these columns.
    fn build(&self, at: usize, build: usize, root: usize, probe: &Operator) -> Result<BuildSide> {
        let _span = tracing::debug_span!("build", fragment = %self.fragment.token, node = at).entered();
        let nodes = nodes_below(self.fragment, root);
        let inputs = self.inputs.clone();
        let mut side = Assembly::new(self.fragment, nodes.clone(), inputs, self.task, self.memory, self.setting);
        for node in &nodes {
            side.done[*node] = Some(side.operator(*node)?);
        }
        let mut inputs = vec![self.setting.watch.batches_of_makers(side.input(root)?)];
        inputs.insert(1 - build, Arc::new(EmptyExec::new(probe.schema())));
        let join = side.compute(at, inputs, false)?;
        let rows = || nodes.iter().map(|node| (*node, side.done[*node].as_ref().and_then(rows_of))).collect();
        BuildSide::build(&join, self.memory.task(), rows)
    }

    /// An operator over others.
    fn compute(&self, at: usize, inputs: Vec<Operator>, fusable: bool) -> Result<Operator> {
        let node = &self.fragment.nodes[at];
        let FragmentOp::Compute { op, argument_schema } = &node.op else {
            return exec_err!("`{}` has no inputs", node.op.name());
        };
        let argument_schema = argument_schema.as_ref().map(|schema| numbered(schema));
        compute(op, argument_schema, inputs, fusable, &node.schema, self.setting)
    }

    fn input(&self, node: usize) -> Result<Operator> {
        match self.done.get(node) {
            Some(Some(operator)) => Ok(operator.clone()),
            _ => exec_err!("node {node} of the fragment comes after what reads it"),
        }
    }

    /// The data of a slot; the last node that reads it takes it.
    fn take(&mut self, slot: usize) -> Result<SlotData> {
        let (Some(data), Some(uses)) = (self.inputs.get_mut(slot), self.slots.get_mut(slot)) else {
            return exec_err!("the fragment reads slot {slot}, which the task does not have");
        };
        *uses -= 1;
        Ok(if *uses == 0 { std::mem::take(data) } else { data.clone() })
    }
}

/// The types that really arrive, which only the data knows when it is the state of an aggregate.
fn incoming(sources: &SlotData, columns: Option<&[usize]>, node: &FragmentNode) -> Result<Schema> {
    let first = sources.iter().flat_map(|source| source.first()).next();
    let Some(batch) = first else { return Ok(node.schema.as_ref().clone()) };
    Ok(match columns {
        Some(columns) => batch.schema().project(columns)?,
        None => batch.schema().as_ref().clone(),
    })
}
