use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use datafusion::common::{NullHandling, Result, UnnestOptions, exec_err};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::unnest::{ListUnnest, UnnestExec};
use leafhold::expr::NullLists;

/// One row for each element of a list column, which becomes the elements.
pub(super) fn unnest(column: usize, nulls: NullLists, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let item = match schema.fields().get(column).map(|field| field.data_type()) {
        Some(DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) => item.clone(),
        other => return exec_err!("an unnest of column {column}, which is {other:?}"),
    };
    let fields = schema.fields().iter().enumerate().map(|(at, field)| match at == column {
        true => Field::new(field.name(), item.data_type().clone(), true),
        false => field.as_ref().clone(),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let null_handling = match nulls {
        NullLists::Preserve => NullHandling::Preserve,
        NullLists::Drop => NullHandling::Drop,
    };
    let list = ListUnnest { index_in_input_schema: column, depth: 1 };
    let options = UnnestOptions { null_handling, recursions: Vec::new() };
    Ok(Arc::new(UnnestExec::new(input, vec![list], Vec::new(), schema, options)?))
}
