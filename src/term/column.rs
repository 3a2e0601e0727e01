use std::cmp::Ordering;
use std::fmt;

use smallvec::SmallVec;

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

/// A set of columns: the words of a bitset that are not zero, ascending. The columns of most queries fit two
/// words, which stay on the stack; a few columns out of a million take no more room than a few out of ten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ColumnSet(SmallVec<[Word; 2]>);

/// 64 columns, the first of which is `64 * at`. Never empty within a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Word {
    at: u32,
    bits: u64,
}

impl Word {
    fn of(column: ColumnId) -> Word {
        Word { at: column.0 / 64, bits: 1 << (column.0 % 64) }
    }
}

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
        let word = Word::of(column);
        match self.find(word.at) {
            Ok(found) => self.0[found].bits |= word.bits,
            Err(place) => self.0.insert(place, word),
        }
    }

    /// Whether a column is in the set.
    pub fn contains(&self, column: ColumnId) -> bool {
        let word = Word::of(column);
        self.bits(word.at) & word.bits != 0
    }

    /// Adds all columns of another set.
    pub fn extend(&mut self, other: &ColumnSet) {
        for word in &other.0 {
            match self.find(word.at) {
                Ok(found) => self.0[found].bits |= word.bits,
                Err(place) => self.0.insert(place, *word),
            }
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
        self.filtered(|word| word.bits & other.bits(word.at))
    }

    /// The columns of this set that are not in the other.
    pub fn difference(&self, other: &ColumnSet) -> ColumnSet {
        self.filtered(|word| word.bits & !other.bits(word.at))
    }

    /// Whether every column of this set is in the other.
    pub fn is_subset(&self, other: &ColumnSet) -> bool {
        self.0.iter().all(|word| word.bits & !other.bits(word.at) == 0)
    }

    /// Whether the sets share a column.
    pub fn intersects(&self, other: &ColumnSet) -> bool {
        self.0.iter().any(|word| word.bits & other.bits(word.at) != 0)
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.bits.count_ones() as usize).sum()
    }

    /// The columns in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = ColumnId> + '_ {
        self.0.iter().flat_map(|word| {
            let mut rest = word.bits;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    ColumnId(word.at * 64 + bit)
                })
            })
        })
    }

    fn find(&self, at: u32) -> Result<usize, usize> {
        match self.0.as_slice() {
            // The first columns of a query are in nearly every set.
            [] => Err(0),
            [first, ..] if first.at == at => Ok(0),
            words => words.binary_search_by_key(&at, |word| word.at),
        }
    }

    fn bits(&self, at: u32) -> u64 {
        self.find(at).map_or(0, |found| self.0[found].bits)
    }

    fn filtered(&self, bits: impl Fn(&Word) -> u64) -> ColumnSet {
        let words = self.0.iter().map(|word| Word { at: word.at, bits: bits(word) });
        ColumnSet(words.filter(|word| word.bits != 0).collect())
    }
}

impl PartialOrd for ColumnSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ColumnSet {
    /// As the bitsets with all their words compare: at the first word that differs.
    fn cmp(&self, other: &Self) -> Ordering {
        for (a, b) in self.0.iter().zip(&other.0) {
            // A word that only one of them has is zero in the other.
            let order = b.at.cmp(&a.at).then(a.bits.cmp(&b.bits));
            if order.is_ne() {
                return order;
            }
        }
        self.0.len().cmp(&other.0.len())
    }
}

impl FromIterator<ColumnId> for ColumnSet {
    fn from_iter<T: IntoIterator<Item = ColumnId>>(columns: T) -> Self {
        let mut set = ColumnSet::new();
        columns.into_iter().for_each(|column| set.insert(column));
        set
    }
}
