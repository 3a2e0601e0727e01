use std::ops::Range;

use arrow_buffer::NullBuffer;
use smallvec::SmallVec;

/// Some rows of an array, in order, as ranges; neighbours are one range.
#[derive(Default)]
pub(super) struct Rows(SmallVec<[Range<usize>; 1]>);

impl Rows {
    /// No rows yet, and room for so many ranges.
    pub(super) fn with_capacity(ranges: usize) -> Self {
        Rows(SmallVec::with_capacity(ranges))
    }

    /// The first `len` rows.
    pub(super) fn all(len: usize) -> Self {
        let mut rows = Rows::default();
        rows.push(0..len);
        rows
    }

    /// Adds rows behind the others.
    pub(super) fn push(&mut self, range: Range<usize>) {
        match self.0.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.0.push(range),
        }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    /// The ranges.
    pub(super) fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// Every row.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().flat_map(Clone::clone)
    }

    /// Whether any of these rows is null.
    pub(super) fn any_null(&self, nulls: &NullBuffer) -> bool {
        self.0.iter().any(|range| match range.len() {
            1 => nulls.is_null(range.start),
            len => nulls.slice(range.start, len).null_count() > 0,
        })
    }

    /// Calls `visit` with every range of valid rows.
    pub(super) fn for_each_valid(&self, nulls: Option<&NullBuffer>, mut visit: impl FnMut(Range<usize>)) {
        for range in &self.0 {
            match nulls {
                None => visit(range.clone()),
                Some(nulls) => nulls
                    .slice(range.start, range.len())
                    .valid_slices()
                    .for_each(|(from, to)| visit(range.start + from..range.start + to)),
            }
        }
    }

    /// The valid ones of these rows.
    pub(super) fn valid(&self, nulls: Option<&NullBuffer>) -> Rows {
        let mut valid = Rows::default();
        self.for_each_valid(nulls, |range| valid.push(range));
        valid
    }
}
