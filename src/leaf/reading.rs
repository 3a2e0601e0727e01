use std::fmt;
use std::sync::Arc;

use super::{EngineId, FutureError, FutureHandle, NestedFutures};
use crate::token::{Tokenize, Tokenizer};

/// How a leaf wants its futures to be read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What to do with futures inside the value of a future.
    pub nested: NestedFutures,
    /// Whether data of another schema are cast to the leaf's: columns are found by name, types are cast as
    /// SQL's `CAST` does it. Without, they are an error.
    pub cast: bool,
    /// What makes lost data again; it owns what it needs for that (law L1b).
    pub origin: Option<Arc<dyn Origin>>,
}

impl Tokenize for Reading {
    /// What decides over the rows: not the origin.
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("reading");
        tokenizer.put_str(match self.nested {
            NestedFutures::Await => "await",
            NestedFutures::Adopt => "adopt",
            NestedFutures::Reject => "reject",
        });
        tokenizer.put_bool(self.cast);
    }
}

/// What a leaf was made from, so that data which an engine has lost can be made again (law L1b).
///
/// An origin owns the leaves, and with them the futures, that making the data again would read.
pub trait Origin: Send + Sync + fmt::Debug + 'static {
    /// A future of the same rows as partition `partition`, whose future `lost` has lost them. Returns at
    /// once; may give the same future to all who ask for the same partition.
    ///
    /// # Errors
    /// Why it cannot be made again.
    fn recover(&self, partition: usize, lost: &FutureHandle) -> Result<FutureHandle, FutureError>;

    /// The futures that the origin holds.
    fn futures(&self) -> Vec<FutureHandle>;
}

/// Why a partition of a leaf could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The future gave no data.
    #[error("{source}{}", inside(.within))]
    Future {
        /// The keys of the futures that hold it, outermost first; empty for the leaf's own.
        within: Vec<String>,
        /// The engine's word.
        source: FutureError,
    },
    /// A future inside the value of a future, where the leaf wants none.
    #[error(
        "future {key:?} of engine {engine} gave {found}; this leaf rejects nested futures, read it with \
         NestedFutures::Await"
    )]
    Rejected {
        /// The outer future.
        key: String,
        /// Its engine.
        engine: EngineId,
        /// What it gave.
        found: String,
    },
    /// A future whose value leads back to itself.
    #[error("futures of engine {engine} wait for each other in a circle: {}", .keys.join(" -> "))]
    Cycle {
        /// The engine.
        engine: EngineId,
        /// The keys around the circle, the first one again at the end.
        keys: Vec<String>,
    },
    /// A value, or a part of one, that holds no rows.
    #[error("future {key:?} of engine {engine} gave {found}, which is no table{}", inside(.within))]
    NoTable {
        /// The keys of the futures that hold it, outermost first; empty for the leaf's own.
        within: Vec<String>,
        /// The future.
        key: String,
        /// Its engine.
        engine: EngineId,
        /// What it gave.
        found: String,
    },
    /// Data of another schema than the leaf promised.
    #[error("future {key:?}: {found}, but the leaf promised {promised}")]
    Schema {
        /// The future that gave the data.
        key: String,
        /// What the data has.
        found: String,
        /// What it should have.
        promised: String,
    },
}

/// Where a nested future was found, for the end of a message.
pub(crate) fn inside(within: &[String]) -> String {
    match within {
        [] => String::new(),
        keys => {
            let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
            format!(" (inside {})", keys.join(" -> "))
        }
    }
}
