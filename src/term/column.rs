use std::fmt;

use smallvec::{SmallVec, smallvec};

use crate::token::{Tokenize, Tokenizer};

/// A column of one query: dense from 0, in written order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId(pub u32);

impl fmt::Display for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl Tokenize for ColumnId {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_u64(u64::from(self.0));
    }
}

/// A set of columns: a bitset that stays on the stack for the first 128 columns of a query.
///
/// Trailing zero words are never kept, so equal sets are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnSet(SmallVec<[u64; 2]>);

impl ColumnSet {
    /// The empty set.
    pub fn new() -> Self {
        ColumnSet::default()
    }

    /// The set of one column.
    pub fn of(column: ColumnId) -> Self {
        let mut set = ColumnSet::new();
        set.insert(column);
        set
    }

    /// Adds a column.
    pub fn insert(&mut self, column: ColumnId) {
        let word = column.0 as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (column.0 % 64);
    }

    /// Whether a column is in the set.
    pub fn contains(&self, column: ColumnId) -> bool {
        self.0.get(column.0 as usize / 64).is_some_and(|word| word & (1 << (column.0 % 64)) != 0)
    }

    /// Adds all columns of another set.
    pub fn extend(&mut self, other: &ColumnSet) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// The columns of either set.
    pub fn union(&self, other: &ColumnSet) -> ColumnSet {
        let mut union = self.clone();
        union.extend(other);
        union
    }

    /// The columns of both sets.
    pub fn intersection(&self, other: &ColumnSet) -> ColumnSet {
        ColumnSet::trimmed(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// The columns of this set that are not in the other.
    pub fn difference(&self, other: &ColumnSet) -> ColumnSet {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        ColumnSet::trimmed(self.0.iter().zip(others).map(|(a, b)| a & !b).collect())
    }

    /// Whether every column of this set is in the other.
    pub fn is_subset(&self, other: &ColumnSet) -> bool {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(others).all(|(a, b)| a & !b == 0)
    }

    /// Whether the sets share a column.
    pub fn intersects(&self, other: &ColumnSet) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The columns in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = ColumnId> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    ColumnId(at as u32 * 64 + bit)
                })
            })
        })
    }

    fn trimmed(mut words: SmallVec<[u64; 2]>) -> Self {
        while words.last() == Some(&0) {
            words.pop();
        }
        ColumnSet(words)
    }
}

impl FromIterator<ColumnId> for ColumnSet {
    fn from_iter<T: IntoIterator<Item = ColumnId>>(columns: T) -> Self {
        let mut set = ColumnSet(smallvec![]);
        columns.into_iter().for_each(|column| set.insert(column));
        set
    }
}
