//! Work to report on: two functions over the partitions of a table of futures, and no engine at all.

use std::error::Error;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{ExtensionTraits, Frame, MapPartitions, Scalar, ScalarOp};
use leafhold::leaf::value;
use leafhold::lower::{Fragment, FragmentOp};
use leafhold::optimize::{PhysicalOp, Planner};
use leafhold::run::{CollectError, KernelError, Kernels, LocalExecutor, RunReport, SlotData, TaskContext, TaskOutput};

/// Functions on partitions run without kernels. What is left is the result's one column, which is handed on.
struct HandOn;

impl Kernels for HandOn {
    fn run(&self, fragment: &Fragment, inputs: Vec<SlotData>, _: &TaskContext) -> Result<TaskOutput, KernelError> {
        let is_the_column = |column: &Scalar<usize>| matches!(column.op, ScalarOp::Column(0));
        let hands_on = |op: &FragmentOp| match op {
            FragmentOp::Input { .. } => true,
            FragmentOp::Compute { op: PhysicalOp::Project { columns }, .. } => columns.iter().all(is_the_column),
            _ => false,
        };
        let (Some(root), true) = (fragment.nodes.last(), fragment.nodes.iter().all(|node| hands_on(&node.op))) else {
            let (operator, reason) = (fragment.label.clone(), "this example only hands rows on".to_owned());
            return Err(KernelError::Unsupported { operator, reason });
        };
        let batches = inputs.iter().flatten().flat_map(|source| source.iter());
        let renamed = batches.map(|batch| RecordBatch::try_new(root.schema.clone(), batch.columns().to_vec()));
        Ok(TaskOutput {
            ports: vec![renamed.collect::<Result<_, _>>()?],
            node_rows: Vec::new(),
            ..TaskOutput::default()
        })
    }
}

fn function(name: &str, like: &RecordBatch, of: fn(i64) -> Result<i64, String>) -> MapPartitions {
    let call = move |batches: &[RecordBatch]| {
        let one = |batch: &RecordBatch| {
            let values = batch.column(0).as_primitive::<Int64Type>().values().iter().map(|value| of(*value));
            let values: Int64Array = values.collect::<Result<Vec<_>, _>>()?.into();
            RecordBatch::try_new(batch.schema(), vec![Arc::new(values)]).map_err(|error| error.to_string())
        };
        batches.iter().map(one).collect()
    };
    MapPartitions::new(name, "1", like.schema(), call).with_traits(ExtensionTraits::ROW_WISE)
}

/// The report of a run that doubles the numbers of each partition, and then takes their inverse in thousandths.
///
/// # Errors
/// What is wrong with the query; a run that fails has its report all the same.
pub fn work(partitions: &[&[i64]]) -> Result<RunReport, Box<dyn Error>> {
    let batch = |values: &[i64]| RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(values.to_vec())) as _)]);
    let batches = partitions.iter().map(|values| batch(values)).collect::<Result<Vec<_>, _>>()?;
    let like = batch(&[])?;
    let futures = batches.into_iter().enumerate().map(|(at, batch)| value(format!("numbers-{at}"), vec![batch]));
    let frame = Frame::from_delayed("numbers", like.schema(), futures.collect::<Vec<_>>())?
        .map_partitions(function("double", &like, |value| Ok(2 * value)))?
        .map_partitions(function("invert", &like, |value| {
            1_000i64.checked_div(value).ok_or("division by zero".into())
        }))?;
    let planner = Planner::new(frame.functions().clone());
    match frame.collect(&planner, &LocalExecutor::new(Arc::new(HandOn), 2)) {
        Ok(collected) => Ok(collected.report),
        Err(CollectError::Run(failure)) => failure.report().cloned().ok_or_else(|| failure.into()),
        Err(error) => Err(error.into()),
    }
}
