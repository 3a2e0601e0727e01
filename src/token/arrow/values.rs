use arrow_array::cast::AsArray;
use arrow_array::{
    Array, OffsetSizeTrait, RunArray, UnionArray, downcast_integer_array, downcast_primitive_array, downcast_run_array,
    types::RunEndIndexType,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer};
use arrow_schema::DataType;

use super::bits::{put_bits, put_validity};
use super::bytes::{put_fixed, put_lengths, put_texts, put_views};
use super::distinct::put_looked_up;
use super::rows::Rows;
use crate::token::Tokenizer;

/// Writes rows of an array: their validity, then the valid ones. Their number and type are known to the reader.
pub(super) fn put_rows(array: &dyn Array, rows: &Rows, tokenizer: &mut Tokenizer) {
    use DataType::*;
    let nulls = put_validity(row_nulls(array), rows, tokenizer);
    let nulls = nulls.as_ref();
    downcast_primitive_array! {
        array => {
            let values = array.values().inner().as_slice();
            let width = size_of_val(array.values().first().unwrap_or(&Default::default()));
            put_fixed(values, width, rows, nulls, tokenizer)
        }
        Null => {}
        Boolean => put_bits(array.as_boolean().values(), rows, nulls, tokenizer),
        Utf8 => put_texts(array.as_string::<i32>(), rows, nulls, tokenizer),
        LargeUtf8 => put_texts(array.as_string::<i64>(), rows, nulls, tokenizer),
        Utf8View => put_views(array.as_string_view(), rows, nulls, tokenizer),
        Binary => put_texts(array.as_binary::<i32>(), rows, nulls, tokenizer),
        LargeBinary => put_texts(array.as_binary::<i64>(), rows, nulls, tokenizer),
        BinaryView => put_views(array.as_binary_view(), rows, nulls, tokenizer),
        FixedSizeBinary(size) => {
            put_fixed(array.as_fixed_size_binary().value_data(), size.as_usize(), rows, nulls, tokenizer)
        }
        List(_) => {
            let lists = array.as_list::<i32>();
            put_lists(lists.value_offsets(), lists.values(), rows, nulls, tokenizer);
        }
        LargeList(_) => {
            let lists = array.as_list::<i64>();
            put_lists(lists.value_offsets(), lists.values(), rows, nulls, tokenizer);
        }
        Map(..) => {
            let maps = array.as_map();
            put_lists(maps.value_offsets(), maps.entries(), rows, nulls, tokenizer);
        }
        ListView(_) => {
            let lists = array.as_list_view::<i32>();
            put_list_views(lists.value_offsets(), lists.value_sizes(), lists.values(), rows, nulls, tokenizer);
        }
        LargeListView(_) => {
            let lists = array.as_list_view::<i64>();
            put_list_views(lists.value_offsets(), lists.value_sizes(), lists.values(), rows, nulls, tokenizer);
        }
        FixedSizeList(_, size) => {
            let mut items = Rows::default();
            let size = size.as_usize();
            rows.for_each_valid(nulls, |range| items.push(range.start * size..range.end * size));
            put_rows(array.as_fixed_size_list().values(), &items, tokenizer);
        }
        Struct(_) => {
            // What lies below a null row is not content.
            let valid = rows.valid(nulls);
            array.as_struct().columns().iter().for_each(|column| put_rows(column, &valid, tokenizer));
        }
        Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let (keys, valid) = (dictionary.keys(), rows.valid(nulls));
            downcast_integer_array! {
                keys => put_looked_up(dictionary.values(), &valid, |row| keys.values()[row].as_usize(), tokenizer),
                // Keys are integers: a dictionary cannot be made with others.
                _ => {}
            }
        }
        RunEndEncoded(..) => downcast_run_array! {
            array => put_looked_up(array.values(), &rows.valid(nulls), positions_in_runs(array), tokenizer),
            _ => {}
        },
        Union(..) => put_union(array.as_union(), rows, tokenizer),
        // 32-bit times in nanoseconds and the like: types that no array has.
        _ => {}
    }
}

/// Which rows are null, wherever their type says so. A union is never null itself, its variants are.
fn row_nulls(array: &dyn Array) -> Option<NullBuffer> {
    match array.data_type() {
        DataType::Null => array.logical_nulls(),
        DataType::Union(..) => None,
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let keys = dictionary.keys();
            let of_values = downcast_integer_array! {
                keys => looked_up_nulls(keys.len(), dictionary.values(), |row| {
                    keys.is_valid(row).then(|| keys.values()[row].as_usize())
                }),
                _ => None,
            };
            of_values.or_else(|| keys.nulls().cloned())
        }
        DataType::RunEndEncoded(..) => downcast_run_array! {
            array => {
                let mut position = positions_in_runs(array);
                looked_up_nulls(array.len(), array.values(), |row| Some(position(row)))
            },
            _ => None,
        },
        _ => array.nulls().cloned(),
    }
}

/// The nulls of rows whose values are at some position, or nowhere; `None` when no value is null.
fn looked_up_nulls(
    len: usize,
    values: &dyn Array,
    mut position: impl FnMut(usize) -> Option<usize>,
) -> Option<NullBuffer> {
    let nulls = row_nulls(values).filter(|nulls| nulls.null_count() > 0)?;
    let valid = |row| position(row).is_some_and(|at| nulls.is_valid(at));
    Some(NullBuffer::new(BooleanBuffer::collect_bool(len, valid)))
}

/// Where the values of rows are. Most rows lie in the run of the row before, or in the next one.
fn positions_in_runs<R: RunEndIndexType>(runs: &RunArray<R>) -> impl FnMut(usize) -> usize {
    let (ends, offset) = (runs.run_ends().values(), runs.offset());
    let mut run = 0;
    move |row| {
        let holds = |run: usize| {
            let (before, end) = (run.checked_sub(1).map(|before| ends[before].as_usize()), ends.get(run));
            before.unwrap_or(0) <= offset + row && end.is_some_and(|end| offset + row < end.as_usize())
        };
        if !holds(run) {
            run = if holds(run + 1) { run + 1 } else { runs.get_physical_index(row) };
        }
        run
    }
}

fn put_lists<O: OffsetSizeTrait>(
    offsets: &[O],
    values: &dyn Array,
    rows: &Rows,
    nulls: Option<&NullBuffer>,
    tokenizer: &mut Tokenizer,
) {
    let items = put_lengths(offsets, rows, nulls, tokenizer);
    put_rows(values, &items, tokenizer);
}

fn put_list_views<O: OffsetSizeTrait>(
    offsets: &[O],
    sizes: &[O],
    values: &dyn Array,
    rows: &Rows,
    nulls: Option<&NullBuffer>,
    tokenizer: &mut Tokenizer,
) {
    let mut items = Rows::default();
    rows.for_each_valid(nulls, |range| {
        for row in range {
            let (from, size) = (offsets[row].as_usize(), sizes[row].as_usize());
            tokenizer.put_u64(size as u64);
            items.push(from..from + size);
        }
    });
    put_rows(values, &items, tokenizer);
}

/// Writes which variant each row has, and then the rows of each variant.
fn put_union(union: &UnionArray, rows: &Rows, tokenizer: &mut Tokenizer) {
    let ids = union.type_ids();
    put_fixed(ids.inner().as_slice(), 1, rows, None, tokenizer);
    let DataType::Union(fields, _) = union.data_type() else { return };
    for (id, _) in fields.iter() {
        let mut of_variant = Rows::default();
        for row in rows.iter().filter(|row| ids[*row] == id) {
            let at = union.value_offset(row);
            of_variant.push(at..at + 1);
        }
        put_rows(union.child(id), &of_variant, tokenizer);
    }
}
