//! Batches that hold no more memory than they show.
//!
//! A slice shares the buffers of the whole, and views (`Utf8View`, `BinaryView`) show into buffers of any size: each batch
//! of a sorted table may refer to the text of all rows. In memory that is shared. Whoever counts or writes such batches one by one counts
//! and writes the whole once for each.

use arrow_array::cast::AsArray;
use arrow_array::types::ByteViewType;
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, GenericByteViewArray, RecordBatch, RecordBatchOptions, StringViewArray,
    make_array,
};
use arrow_data::ArrayData;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, DataType};

/// So many bytes of a column are not worth a look.
const LITTLE: usize = 1 << 10;

/// So many bytes of text for each view are not worth a look at every view: leaves are large, and most show all of theirs.
const LITTLE_TEXT: usize = 64;

/// The same rows with buffers of their own where they show less than half of those that they have. What shows most of its
/// buffers is not copied; what is nested is, since nobody knows what it shows. O(rows), and O(bytes shown) where copied.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::leaf::compact;
///
/// let numbers = Int64Array::from_iter_values(0..1_000_000);
/// let slice = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)])?.slice(0, 10);
/// let compacted = compact(&slice)?;
/// assert_eq!(compacted, slice);
/// assert!(compacted.get_array_memory_size() < slice.get_array_memory_size() / 1_000);
/// # Ok::<_, arrow_schema::ArrowError>(())
/// ```
///
/// # Errors
/// When Arrow cannot copy the rows.
pub fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    with_columns(batch, compact_column)
}

/// The same for columns of views, and what is nested of such, alone: other columns are taken as they are. Rows that
/// are handed on or written batch by batch should be made so before.
///
/// # Errors
/// When Arrow cannot copy the rows.
pub fn compact_views(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    if !batch.columns().iter().any(|column| has_views(column.data_type())) {
        return Ok(batch);
    }
    with_columns(&batch, |column| match has_views(column.data_type()) {
        true => compact_column(column),
        false => Ok(column.clone()),
    })
}

/// Bytes that a batch needs for itself: of a buffer that it shares, the part that it shows.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::leaf::shown_bytes;
///
/// let numbers = Arc::new(Int64Array::from_iter_values(0..1_000));
/// let batch = RecordBatch::try_from_iter([("n", numbers as _)])?;
/// assert_eq!(shown_bytes(&batch), 8_000);
/// assert_eq!(shown_bytes(&batch.slice(10, 2)), 16);
/// # Ok::<_, arrow_schema::ArrowError>(())
/// ```
pub fn shown_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| shown_bytes_of(&**column)).sum()
}

/// What an array needs for itself.
pub(crate) fn shown_bytes_of(column: &dyn Array) -> usize {
    match column.data_type() {
        DataType::Utf8View | DataType::BinaryView => views_bytes(column),
        // The common case needs no description of the column's buffers.
        data_type => match data_type.primitive_width() {
            Some(width) => column.len() * width + validity_bytes(column),
            None => data_bytes(&column.to_data()),
        },
    }
}

fn validity_bytes(column: &dyn Array) -> usize {
    if column.nulls().is_some() { column.len().div_ceil(8) } else { 0 }
}

/// Views, and of the text what they show: no more than there is, where several show the same. Whether they show all of a little
/// text is not looked at.
fn views_bytes(column: &dyn Array) -> usize {
    fn text<T: ByteViewType>(views: &GenericByteViewArray<T>) -> usize {
        let there: usize = views.data_buffers().iter().map(|buffer| buffer.len()).sum();
        match there > LITTLE_TEXT * views.len() {
            true => there.min(views.total_buffer_bytes_used()),
            false => there,
        }
    }
    let text = match column.data_type() {
        DataType::Utf8View => text(column.as_string_view()),
        _ => text(column.as_binary_view()),
    };
    column.len() * size_of::<u128>() + text + validity_bytes(column)
}

/// The same for what has children: theirs are counted whole.
fn data_bytes(data: &ArrayData) -> usize {
    let own = data.get_slice_memory_size().unwrap_or_else(|_| data.get_array_memory_size());
    own + data.child_data().iter().map(text_of_views).sum::<usize>()
}

/// The text of views below, which the size of a slice leaves out.
fn text_of_views(data: &ArrayData) -> usize {
    match data.data_type() {
        DataType::Utf8View | DataType::BinaryView => {
            let array = make_array(data.clone());
            views_bytes(&*array) - array.len() * size_of::<u128>() - validity_bytes(&*array)
        }
        _ => data.child_data().iter().map(text_of_views).sum(),
    }
}

fn has_views(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8View | DataType::BinaryView => true,
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => has_views(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_views(field.data_type())),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| has_views(field.data_type())),
        DataType::RunEndEncoded(_, values) => has_views(values.data_type()),
        _ => false,
    }
}

fn with_columns(
    batch: &RecordBatch,
    column: impl Fn(&ArrayRef) -> Result<ArrayRef, ArrowError>,
) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(column).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

fn compact_column(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let data = column.to_data();
    let shown = match column.data_type() {
        // What their children show is not known without a copy.
        nested if nested.is_nested() => 0,
        _ => shown_bytes_of(&**column),
    };
    Ok(match data.get_buffer_memory_size() > 2 * shown.max(LITTLE) {
        true => make_array(copied(data)?),
        false => column.clone(),
    })
}

/// The same values in buffers of their own. Those of a dictionary stay where they are: each batch shows them all.
fn copied(data: ArrayData) -> Result<ArrayData, ArrowError> {
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
    let children = copy.child_data().iter().cloned().map(copied).collect::<Result<_, _>>()?;
    copy.into_builder().child_data(children).build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{BooleanArray, DictionaryArray, Int64Array, ListArray, StringArray, StructArray};
    use arrow_buffer::OffsetBuffer;
    use arrow_schema::Field;

    use super::*;
    use crate::leaf::ArrowStream;

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
            let (whole, small) = (batch.get_array_memory_size(), made.get_array_memory_size());
            let data_type = made.column(0).data_type();
            assert_eq!(made, slice, "{data_type}");
            assert!(small < whole / 20, "{data_type}: {small} of {whole} bytes");
        }
    }

    #[test]
    fn a_stream_has_what_its_batches_show() {
        for column in columns() {
            let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
            let stream = |batches: &[RecordBatch]| {
                let stream = ArrowStream::of(&batch.schema(), batches).unwrap();
                assert_eq!(stream.read().unwrap().1, batches, "{}", batch.column(0).data_type());
                stream.as_bytes().len()
            };
            let slices: Vec<_> = (0..20).map(|at| batch.slice(at * 2_000, 2_000)).collect();
            let (whole, parts) = (stream(std::slice::from_ref(&batch)), stream(&slices));
            assert!(parts < whole, "{}: {parts} of {whole} bytes", batch.column(0).data_type());
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

    #[test]
    fn views_count_for_the_text_that_they_show_and_for_no_more_than_there_is() {
        let texts: Vec<String> = (0..1000).map(|at| format!("the rather long text of row {at:04}")).collect();
        let length = texts[0].len();
        let views = StringViewArray::from_iter_values(&texts);
        assert_eq!(shown_bytes_of(&views), 1000 * (16 + length));
        assert_eq!(shown_bytes_of(&views.slice(10, 7)), 7 * (16 + length));
        let same = arrow_array::UInt32Array::from(vec![3; 1000]);
        let one = StringViewArray::from_iter_values(&texts[..4]);
        let repeated = arrow_select::take::take(&one, &same, None).unwrap();
        assert_eq!(shown_bytes_of(&*repeated), 1000 * 16 + 4 * length);
    }
}
