use std::fmt;

use crate::token::{Tokenize, Tokenizer};

/// How the rows of a leaf lie: each in the partition that the hash of some of its columns names, of as many as the leaf
/// has. A plan need not shuffle what lies as it would put it.
///
/// Only [`persist`](crate::run::persist) declares it, of what it has put there itself: of futures of this process, which no
/// document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashPartitioning {
    /// The hash function: the name that [`Kernels::hash_function`](crate::run::Kernels::hash_function) gives. Of one name
    /// are functions that put equal values of equal types alike, whatever process they run in.
    pub function: String,
    /// The columns, by position in the leaf's schema, in the order in which they are hashed.
    pub columns: Vec<usize>,
}

impl HashPartitioning {
    /// Whether the columns are some of as many, each once.
    pub(super) fn fits(&self, width: usize) -> bool {
        let known = |(at, column): (usize, &usize)| *column < width && !self.columns[..at].contains(column);
        !self.columns.is_empty() && self.columns.iter().enumerate().all(known)
    }
}

impl Tokenize for HashPartitioning {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("hash-partitioning");
        tokenizer.put_str(&self.function);
        tokenizer.put(&self.columns);
    }
}

impl fmt::Display for HashPartitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "columns {:?}, by `{}`", self.columns, self.function)
    }
}
