//! A whole plan as one of DataFusion's, for those who run these.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use arrow_schema::{Field, Schema};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{Partitioning as DfPartitioning, PhysicalExpr};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use leafhold::expr::SortKey;
use leafhold::leaf::Leaf;
use leafhold::lower::{HashFunctions, LowerError, Positions, layout_of, partial_input, positional};
use leafhold::optimize::{Partitioning, PhysicalOp, Plan, PlanNode, PlanOp};
use leafhold::term::ColumnId;

use crate::files::FileTable;
use crate::kernels::operators::{compute, gathered, merged};
use crate::kernels::output::HASH_FUNCTION;
use crate::kernels::shared::SharedExec;
use crate::kernels::source::{SourceData, SourceExec, numbered};
use crate::kernels::watch::Setting;

type Operator = Arc<dyn ExecutionPlan>;

/// The plan as one tree of DataFusion's operators, which runs on a tokio runtime like any other.
///
/// Futures need not be there yet: their data are waited for when a source is executed, and the operators
/// hold strong handles until then and after. Nodes that the plan shares run once. Functions such as
/// `now()` are bound here. Like most trees of DataFusion's it runs once; convert the plan again to run it
/// again.
///
/// # Errors
/// A plan that contradicts itself, or that reads tables of another engine.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{Int64Array, RecordBatch};
/// # use leafhold::leaf::{Leaf, Values};
/// # use leafhold::optimize::Planner;
/// # use leafhold_datafusion::{Catalog, EngineFunctions, Session, to_execution_plan};
/// let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
/// let mut catalog = Catalog::new();
/// catalog.add("t", Leaf::Values(Values::new("t", batch.schema(), vec![vec![batch]])));
/// let frame = Session::new(catalog).frame("select sum(a) as total from t").unwrap();
/// let plan = Planner::new(Arc::new(EngineFunctions)).plan(frame.expr()).unwrap();
///
/// let operators = to_execution_plan(&plan).unwrap();
/// assert_eq!(operators.schema().field(0).name(), "total");
/// ```
pub fn to_execution_plan(plan: &Plan) -> Result<Arc<dyn ExecutionPlan>> {
    let functions = HashFunctions::of(plan).map_err(contradiction)?.of_exchanges();
    if let Some(function) = functions.iter().find(|function| **function != *HASH_FUNCTION) {
        return exec_err!(
            "rows lie hashed by `{function}`, and DataFusion has `{}`; plan it with `Planner::with_leaf_partitioning(false)`",
            *HASH_FUNCTION
        );
    }
    let order = plan.post_order();
    let index = order.iter().enumerate().map(|(at, node)| (Arc::as_ptr(node), at)).collect();
    let setting = Setting::unwatched(SystemTime::now());
    let mut conversion = Conversion { plan, index, made: Vec::with_capacity(order.len()), setting };
    let mut uses = vec![0usize; order.len()];
    order.iter().flat_map(|node| &node.inputs).for_each(|input| uses[conversion.at(input)] += 1);
    for (at, node) in order.iter().enumerate() {
        let mut made = conversion.node(at, node)?;
        made.shared = uses[at] > 1;
        // A source can be read any number of times.
        if made.shared && !matches!(node.op, PlanOp::Read { .. } | PlanOp::Empty) {
            made.operator = Arc::new(SharedExec::new(made.operator));
        }
        conversion.made.push(made);
    }
    let Some(root) = conversion.made.last() else { return exec_err!("a plan without a root") };
    let output: Vec<ColumnId> = plan.output.iter().map(|(_, column)| *column).collect();
    let positions = positions("output", order.len() - 1, root).columns(&output).map_err(contradiction)?;
    let names = plan.output.iter().map(|(name, _)| name.to_string());
    columns(root.operator.clone(), positions.into_iter().zip(names))
}

/// A node as operators.
struct Made {
    operator: Operator,
    /// Which column lies at which position.
    layout: Vec<ColumnId>,
    /// The states of a partial aggregate: columns of the engine's follow the layout.
    open: bool,
    /// Whether several nodes read it.
    shared: bool,
}

impl Made {
    fn leaf(operator: Operator, node: &PlanNode) -> Self {
        Made { operator, layout: node.output.clone(), open: false, shared: false }
    }
}

struct Conversion<'a> {
    plan: &'a Plan,
    /// The place of each node in post-order.
    index: HashMap<*const PlanNode, usize>,
    made: Vec<Made>,
    setting: Setting,
}

impl Conversion<'_> {
    fn at(&self, node: &Arc<PlanNode>) -> usize {
        self.index[&Arc::as_ptr(node)]
    }

    fn input(&self, node: &PlanNode, at: usize, which: usize, expected: usize) -> Result<&Made> {
        match node.inputs.get(which) {
            Some(input) if node.inputs.len() == expected => Ok(&self.made[self.at(input)]),
            _ => {
                let (operator, found) = (node.op.name(), node.inputs.len());
                Err(contradiction(LowerError::Inputs { operator, node: at, expected, found }))
            }
        }
    }

    fn node(&self, at: usize, node: &PlanNode) -> Result<Made> {
        let mut made = match &node.op {
            PlanOp::Read { leaf, columns } => Made::leaf(self.read(node, *leaf, columns)?, node),
            PlanOp::Empty => Made::leaf(Arc::new(EmptyExec::new(numbered(&self.schema_of(&node.output)))), node),
            PlanOp::Exchange { to, merge } => self.exchange(at, node, to, merge)?,
            PlanOp::Compute(op) => self.compute(at, node, op)?,
        };
        // Only an operator whose columns are not written in the plan can differ from what the node gives.
        if !made.open && made.layout != node.output {
            let positions = positions(node.op.name(), at, &made).columns(&node.output).map_err(contradiction)?;
            let names = (0..positions.len()).map(|at| format!("c{at}"));
            made.operator = columns(made.operator, positions.into_iter().zip(names))?;
            made.layout = node.output.clone();
        }
        Ok(made)
    }

    fn read(&self, node: &PlanNode, leaf: usize, columns: &[usize]) -> Result<Operator> {
        let owned = self.plan.leaves.len();
        let Some(leaf) = self.plan.leaves.get(leaf) else {
            return Err(contradiction(LowerError::MissingLeaf { leaf, owned }));
        };
        let partitions = match leaf {
            Leaf::FromDelayed(delayed) => {
                let source =
                    |partition| SourceData::Delayed { leaf: delayed.clone(), partition, columns: columns.to_vec() };
                (0..leaf.partitions()).map(source).collect()
            }
            Leaf::Values(values) => {
                let data = values.partitions().iter().cloned();
                let columns = Some(columns.to_vec());
                data.map(|data| SourceData::Batches { sources: vec![data], columns: columns.clone() }).collect()
            }
            Leaf::Scan(scan) => {
                let Some(table) = scan.source().as_any().downcast_ref::<FileTable>() else {
                    return exec_err!("a table of another engine: {:?}", scan.source());
                };
                let file = |partition| SourceData::File { table: table.clone(), partition, columns: columns.to_vec() };
                (0..leaf.partitions()).map(file).collect()
            }
        };
        Ok(Arc::new(SourceExec::new(&self.schema_of(&node.output), partitions, &self.setting.watch)))
    }

    fn exchange(
        &self,
        at: usize,
        node: &PlanNode,
        to: &Partitioning<ColumnId>,
        merge: &[SortKey<ColumnId>],
    ) -> Result<Made> {
        let input = self.input(node, at, 0, 1)?;
        let (operator, places) = (input.operator.clone(), positions("exchange", at, input));
        let operator = match to {
            Partitioning::Any => operator,
            Partitioning::Single | Partitioning::Replicated if merge.is_empty() => gathered(operator),
            Partitioning::Single | Partitioning::Replicated => {
                let fetch = match &node.inputs[0].op {
                    PlanOp::Compute(PhysicalOp::Sort { fetch, .. }) => *fetch,
                    _ => None,
                };
                match operator.output_partitioning().partition_count() {
                    1 => operator,
                    _ => merged(&places.sort_keys(merge).map_err(contradiction)?, fetch, operator, &self.setting)?,
                }
            }
            Partitioning::Hashed(_) if self.plan.target_partitions <= 1 => gathered(operator),
            Partitioning::Hashed(columns) => {
                let schema = operator.schema();
                let columns = places.columns(columns).map_err(contradiction)?.into_iter();
                let column = |at: usize| Arc::new(Column::new(schema.field(at).name(), at)) as Arc<dyn PhysicalExpr>;
                let hash = DfPartitioning::Hash(columns.map(column).collect(), self.plan.target_partitions);
                Arc::new(RepartitionExec::try_new(operator, hash)?)
            }
        };
        Ok(Made { operator, layout: input.layout.clone(), open: input.open, shared: false })
    }

    fn compute(&self, at: usize, node: &PlanNode, op: &PhysicalOp<ColumnId>) -> Result<Made> {
        let expected = match op {
            PhysicalOp::Union | PhysicalOp::Extension { .. } => node.inputs.len(),
            PhysicalOp::HashJoin { .. } | PhysicalOp::NestedLoopJoin { .. } | PhysicalOp::MarkJoin { .. } => 2,
            _ => 1,
        };
        let inputs = (0..expected).map(|which| self.input(node, at, which, expected)).collect::<Result<Vec<_>>>()?;
        let layouts: Vec<&[ColumnId]> = inputs.iter().map(|input| input.layout.as_slice()).collect();
        let partial = match op {
            PhysicalOp::Aggregate { phase, .. } if phase.reads_states() => {
                Some(partial_input(at, node).map_err(contradiction)?)
            }
            _ => None,
        };
        let arguments = partial.map(|partial| partial.output.as_slice());
        let op = positional(op, at, &layouts, arguments).map_err(contradiction)?;
        let layout = layout_of(&op, node, &layouts);
        let fusable = inputs.first().is_some_and(|input| !input.shared);
        let arguments = partial.map(|partial| numbered(&self.schema_of(&partial.output)));
        let below = inputs.iter().map(|input| input.operator.clone()).collect();
        let operator = compute(&op, arguments, below, fusable, &self.schema_of(&layout), &self.setting)?;
        let open = matches!(op, PhysicalOp::Aggregate { phase, .. } if phase.gives_states());
        Ok(Made { operator, layout, open, shared: false })
    }

    fn schema_of(&self, layout: &[ColumnId]) -> Schema {
        let field = |(at, column): (usize, &ColumnId)| {
            Field::new(format!("c{at}"), self.plan.column(*column).data_type.clone(), true)
        };
        Schema::new(layout.iter().enumerate().map(field).collect::<Vec<_>>())
    }
}

fn positions(operator: &'static str, node: usize, input: &Made) -> Positions {
    Positions::new(operator, node, [input.layout.as_slice()])
}

/// Columns of the input, by position, under names.
fn columns(input: Operator, columns: impl Iterator<Item = (usize, String)>) -> Result<Operator> {
    let schema = input.schema();
    let columns = columns.map(|(at, name)| match schema.fields().get(at) {
        Some(field) => Ok((Arc::new(Column::new(field.name(), at)) as Arc<dyn PhysicalExpr>, name)),
        None => exec_err!("column {at} of an input of {}", schema.fields().len()),
    });
    Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Result<Vec<_>>>()?, input)?))
}

/// A plan that contradicts itself.
fn contradiction(error: LowerError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
