//! Batches that hold no more memory than they show.
//!
//! A slice shares the buffers of the whole. Aggregates and windows make all of their rows as one batch and hand out
//! slices of it, and a source does so with a large batch that it is given. Most operators do not mind; some count what
//! they hold by whole buffers, once for each batch, so that rows in *n* slices are *n* times as large to them. Under a limit of
//! memory they, and all who share the limit, would go to files long before there is no room. There they are given copies of
//! what slices show:
//!
//! | operator | counts the buffers of | and is given |
//! |---|---|---|
//! | sort, top-k | each batch that it keeps | copies |
//! | nested loop join | each batch of its left side | copies |
//! | hash join | all batches together, each buffer once | slices |
//! | merge of sorted partitions | one batch or two of each | slices |
//! | aggregate, window | no batch | slices |
//!
//! What DataFusion itself planned, behind a barrier, is left as it is.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, RecordBatch, RecordBatchOptions, StringViewArray, make_array};
use arrow_schema::DataType;
use datafusion::arrow::array::{ArrayData, MutableArrayData};
use datafusion::common::Result;
use datafusion::physical_plan::ExecutionPlan;
use futures::{StreamExt, TryStreamExt};

use super::mapped::MappedExec;

/// So many bytes of a column are not worth a look.
const LITTLE: usize = 1 << 10;

/// The batches of an operator, with buffers of their own where they show less than half of those that they have.
pub(super) fn compacted(input: Arc<dyn ExecutionPlan>) -> MappedExec {
    MappedExec::new("CompactExec", input, |batches| {
        batches.and_then(|batch| std::future::ready(compact(&batch))).boxed()
    })
}

fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(compact_column).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

fn compact_column(column: &ArrayRef) -> Result<ArrayRef> {
    let data = column.to_data();
    let views = column.len() * size_of::<u128>();
    let shown = match column.data_type() {
        DataType::Utf8View => views + column.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => views + column.as_binary_view().total_buffer_bytes_used(),
        // What their children show is not known without a copy.
        nested if nested.is_nested() => 0,
        _ => data.get_slice_memory_size()?,
    };
    Ok(match data.get_buffer_memory_size() > 2 * shown.max(LITTLE) {
        true => make_array(copied(data)?),
        false => column.clone(),
    })
}

/// The same values in buffers of their own. Those of a dictionary stay where they are: each batch shows them all.
fn copied(data: ArrayData) -> Result<ArrayData> {
    match data.data_type() {
        DataType::Utf8View => return Ok(StringViewArray::from(data).gc().into_data()),
        DataType::BinaryView => return Ok(BinaryViewArray::from(data).gc().into_data()),
        _ => {}
    }
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    copy.try_extend(0, 0, data.len())?;
    let copy = copy.freeze();
    if !copy.data_type().is_nested() {
        return Ok(copy);
    }
    // Views among the children still show into the old buffers.
    let children = copy.child_data().iter().cloned().map(copied).collect::<Result<_>>()?;
    Ok(copy.into_builder().child_data(children).build()?)
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int32Type;
    use arrow_array::{BooleanArray, DictionaryArray, Int64Array, ListArray, StringArray, StructArray};
    use arrow_schema::Field;
    use datafusion::arrow::buffer::OffsetBuffer;
    use datafusion::common::utils::memory::get_record_batch_memory_size;

    use super::*;

    const ROWS: usize = 100_000;

    fn texts() -> impl Iterator<Item = Option<String>> {
        (0..ROWS).map(|at| (at % 3 > 0).then(|| format!("the text of row {at}")))
    }

    fn list(values: ArrayRef) -> ArrayRef {
        let field = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(2, ROWS / 2));
        Arc::new(ListArray::new(field, offsets, values, None))
    }

    fn columns() -> Vec<ArrayRef> {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter((0..ROWS as i64).map(|at| (at % 3 > 0).then_some(at))));
        let views: ArrayRef = Arc::new(StringViewArray::from_iter(texts()));
        let bytes = texts().map(|text| text.map(String::into_bytes));
        let structs = vec![("n", numbers.clone()), ("t", views.clone())];
        let same = (0..ROWS).map(|at| ["one", "two"][at % 2]);
        vec![
            Arc::new(BooleanArray::from_iter((0..ROWS).map(|at| (at % 3 > 0).then_some(at % 2 == 0)))),
            Arc::new(StringArray::from_iter(texts())),
            Arc::new(BinaryViewArray::from_iter(bytes)),
            Arc::new(same.collect::<DictionaryArray<Int32Type>>()),
            list(numbers.clone()),
            list(views.clone()),
            Arc::new(StructArray::try_from(structs).unwrap()),
            numbers,
            views,
        ]
    }

    #[test]
    fn a_slice_of_any_type_becomes_small_and_stays_the_same() {
        for column in columns() {
            let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
            let slice = batch.slice(30_000, 1_000);
            let made = compact(&slice).unwrap();
            let (whole, small) = (get_record_batch_memory_size(&batch), get_record_batch_memory_size(&made));
            let data_type = made.column(0).data_type();
            assert_eq!(made, slice, "{data_type}");
            assert!(small < whole / 20, "{data_type}: {small} of {whole} bytes");
        }
    }

    #[test]
    fn what_shows_most_of_its_buffers_is_not_copied() {
        for mut column in columns().into_iter().filter(|column| !column.data_type().is_nested()) {
            column.shrink_to_fit();
            let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
            let most = batch.slice(0, ROWS * 3 / 5);
            for batch in [&batch, &most] {
                let (before, after) = (batch.column(0).to_data(), compact(batch).unwrap().column(0).to_data());
                assert!(before.ptr_eq(&after), "{}", before.data_type());
            }
        }
    }
}
