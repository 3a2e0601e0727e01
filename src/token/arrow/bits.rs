use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};

use super::raw::Raw;
use super::rows::Rows;
use crate::token::Tokenizer;

/// Writes which rows are valid, and gives the nulls if any of the rows is one.
pub(super) fn put_validity(nulls: Option<NullBuffer>, rows: &Rows, tokenizer: &mut Tokenizer) -> Option<NullBuffer> {
    match nulls.filter(|nulls| rows.any_null(nulls)) {
        None => {
            tokenizer.put_none();
            None
        }
        Some(nulls) => {
            tokenizer.put_some();
            put_bits(nulls.inner(), rows, None, tokenizer);
            Some(nulls)
        }
    }
}

/// Writes the bits of the valid rows, packed from the first one on, in words of 64.
pub(super) fn put_bits(bits: &BooleanBuffer, rows: &Rows, nulls: Option<&NullBuffer>, tokenizer: &mut Tokenizer) {
    let packed = match (rows.ranges(), nulls) {
        ([range], None) => bits.slice(range.start, range.len()),
        _ => {
            let mut packed = BooleanBufferBuilder::new(rows.len());
            rows.for_each_valid(nulls, |range| packed.append_buffer(&bits.slice(range.start, range.len())));
            packed.finish()
        }
    };
    let chunks = packed.bit_chunks();
    let mut raw = Raw::new(tokenizer);
    chunks.iter().for_each(|word| raw.push(&word.to_le_bytes()));
    if chunks.remainder_len() > 0 {
        raw.push(&chunks.remainder_bits().to_le_bytes());
    }
}
