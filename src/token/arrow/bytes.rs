use std::ops::Range;

use arrow_array::types::{ByteArrayType, ByteViewType};
use arrow_array::{GenericByteArray, GenericByteViewArray, OffsetSizeTrait};
use arrow_buffer::NullBuffer;

use super::raw::Raw;
use super::rows::Rows;
use crate::token::Tokenizer;

/// Writes values of `width` bytes that lie side by side: those of the valid rows.
pub(super) fn put_fixed(
    bytes: &[u8],
    width: usize,
    rows: &Rows,
    nulls: Option<&NullBuffer>,
    tokenizer: &mut Tokenizer,
) {
    let of = |range: Range<usize>| &bytes[range.start * width..range.end * width];
    match (rows.ranges(), nulls) {
        ([range], None) => tokenizer.put_raw(of(range.clone())),
        _ => {
            let mut raw = Raw::new(tokenizer);
            rows.for_each_valid(nulls, |range| raw.push(of(range)));
        }
    }
}

/// Writes texts or binary values: all lengths, then all bytes.
pub(super) fn put_texts<T: ByteArrayType>(
    array: &GenericByteArray<T>,
    rows: &Rows,
    nulls: Option<&NullBuffer>,
    tokenizer: &mut Tokenizer,
) {
    let spans = put_lengths(array.value_offsets(), rows, nulls, tokenizer);
    put_fixed(array.value_data(), 1, &spans, None, tokenizer);
}

/// Writes the lengths of the valid rows between offsets, and gives what lies between: null rows may have
/// contents of their own, which are left out.
pub(super) fn put_lengths<O: OffsetSizeTrait>(
    offsets: &[O],
    rows: &Rows,
    nulls: Option<&NullBuffer>,
    tokenizer: &mut Tokenizer,
) -> Rows {
    let mut spans = Rows::with_capacity(rows.ranges().len());
    let mut raw = Raw::new(tokenizer);
    rows.for_each_valid(nulls, |range| {
        let bounds = &offsets[range.start..=range.end];
        let lengths = bounds.windows(2).map(|pair| pair[1] - pair[0]);
        match O::IS_LARGE {
            true => raw.push_each(lengths.map(|length| (length.as_usize() as u64).to_le_bytes())),
            false => raw.push_each(lengths.map(|length| (length.as_usize() as u32).to_le_bytes())),
        }
        spans.push(offsets[range.start].as_usize()..offsets[range.end].as_usize());
    });
    spans
}

/// Writes views of texts or binary values: all lengths, then all bytes.
pub(super) fn put_views<T: ByteViewType>(
    array: &GenericByteViewArray<T>,
    rows: &Rows,
    nulls: Option<&NullBuffer>,
    tokenizer: &mut Tokenizer,
) {
    let mut raw = Raw::new(tokenizer);
    // The lower half of a view's first word is its length.
    let views = array.views();
    rows.for_each_valid(nulls, |range| {
        raw.push_each(views[range].iter().map(|view| (*view as u32).to_le_bytes()));
    });
    rows.for_each_valid(nulls, |range| {
        for row in range {
            let value: &T::Native = array.value(row);
            raw.push(value.as_ref());
        }
    });
}
