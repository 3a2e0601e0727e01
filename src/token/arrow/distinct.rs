use arrow_array::Array;
use rustc_hash::FxHashMap;

use super::raw::Raw;
use super::rows::Rows;
use super::values::put_rows;
use crate::token::{Token, Tokenizer};

/// Writes the values that rows name by position: the number of each row's value, numbered as they come, and
/// then every value once. Where they are, and whether equal ones are there twice, does not show.
pub(super) fn put_looked_up(
    values: &dyn Array,
    rows: &Rows,
    mut position: impl FnMut(usize) -> usize,
    tokenizer: &mut Tokenizer,
) {
    let mut distinct = Distinct::new(values, rows.len());
    let mut raw = Raw::new(tokenizer);
    for range in rows.ranges() {
        raw.push_each(range.clone().map(|row| distinct.number(position(row)).to_le_bytes()));
    }
    drop(raw);
    tokenizer.put_u64(distinct.of_value.len() as u64);
    put_rows(values, &distinct.firsts, tokenizer);
}

/// Numbers the values of an array as they come.
struct Distinct<'a> {
    values: &'a dyn Array,
    of_position: Known,
    of_value: FxHashMap<Token, u64>,
    /// Where each value was first.
    firsts: Rows,
}

/// The numbers of positions that have come.
enum Known {
    Table(Vec<u64>),
    /// When most positions do not come: few rows of many values.
    Map(FxHashMap<usize, u64>),
}

const UNKNOWN: u64 = u64::MAX;

impl<'a> Distinct<'a> {
    fn new(values: &'a dyn Array, rows: usize) -> Self {
        let of_position = match values.len() / 4 <= rows {
            true => Known::Table(vec![UNKNOWN; values.len()]),
            false => Known::Map(FxHashMap::default()),
        };
        Distinct { values, of_position, of_value: FxHashMap::default(), firsts: Rows::default() }
    }

    #[inline]
    fn number(&mut self, position: usize) -> u64 {
        let known = match &self.of_position {
            Known::Table(numbers) => numbers[position],
            Known::Map(numbers) => numbers.get(&position).copied().unwrap_or(UNKNOWN),
        };
        if known != UNKNOWN { known } else { self.add(position) }
    }

    #[cold]
    fn add(&mut self, position: usize) -> u64 {
        let mut row = Rows::default();
        row.push(position..position + 1);
        let mut tokenizer = Tokenizer::new("distinct");
        put_rows(self.values, &row, &mut tokenizer);
        let next = self.of_value.len() as u64;
        let number = *self.of_value.entry(tokenizer.finish()).or_insert(next);
        if number == next {
            self.firsts.push(position..position + 1);
        }
        match &mut self.of_position {
            Known::Table(numbers) => numbers[position] = number,
            Known::Map(numbers) => drop(numbers.insert(position, number)),
        }
        number
    }
}
