use crate::expr::{Errors, FloatEquality, Overflow, Semantics};

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Terms that the rule rewrote.
    pub shapes: usize,
    /// Fillings of at most [`Coverage::rows`] rows: all there are for a shape, up to symmetry.
    pub exhaustive: usize,
    /// The most rows per table of which some shape had all fillings.
    pub rows: usize,
    /// The most columns per table that such a shape reads.
    pub columns: usize,
    /// Seeded fillings of up to four rows.
    pub samples: usize,
    /// Fillings compared under strict errors.
    pub strict: usize,
    /// Fillings compared under strict errors with overflow as one.
    pub checked: usize,
    /// Fillings compared under IEEE equality of floats.
    pub ieee: usize,
    /// Comparisons left out: more draws of a volatile function than are followed.
    pub skipped: usize,
}

impl Coverage {
    /// Comparisons of a term and what the rule makes of it.
    pub fn cases(&self) -> usize {
        self.exhaustive + self.samples
    }

    pub(super) fn tried_all(&mut self, rows: usize, columns: usize) {
        if (rows, columns) > (self.rows, self.columns) {
            (self.rows, self.columns) = (rows, columns);
        }
    }

    /// Notes the semantics of one filling's comparison.
    pub(super) fn compared_under(&mut self, semantics: &Semantics) {
        match (semantics.errors, semantics.overflow) {
            (Errors::Strict, Overflow::Wrap) => self.strict += 1,
            (Errors::Strict, Overflow::Error) => self.checked += 1,
            _ => {}
        }
        self.ieee += usize::from(semantics.float_equality == FloatEquality::Ieee);
    }

    /// Both together.
    pub fn and(self, other: Coverage) -> Coverage {
        let (rows, columns) = (self.rows, self.columns).max((other.rows, other.columns));
        Coverage {
            shapes: self.shapes + other.shapes,
            exhaustive: self.exhaustive + other.exhaustive,
            rows,
            columns,
            samples: self.samples + other.samples,
            strict: self.strict + other.strict,
            checked: self.checked + other.checked,
            ieee: self.ieee + other.ieee,
            skipped: self.skipped + other.skipped,
        }
    }
}
