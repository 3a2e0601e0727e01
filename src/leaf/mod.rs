//! What a plan may start from, and who owns the live data behind it.
//!
//! * [`FromDelayed`]: partitions that are being computed somewhere, one strong [`FutureHandle`] each;
//! * [`Scan`]: a table that an engine can read, such as a Parquet file;
//! * [`Values`]: Arrow data at hand.
//!
//! A [`FutureHandle`] is the only way to hold a future. Cloning it means "I need this data, too";
//! when the last clone goes, release is requested, exactly once, from the [release queue](release),
//! never on the stack of whoever let go. Nothing here reads a clock or a random number to decide
//! what is the same: two handles are the same leaf exactly when the engine says that they are one
//! live instance ([`RemoteFuture::instance`]).
//!
//! Handles are made of an engine's own futures ([`RemoteFuture`]), of Rust's ([`from_future`]), of threads
//! ([`spawn`], [`from_thread`]), channels ([`from_receiver`]), values ([`value`], [`ready`]) and promises
//! ([`LocalFuture::pending`]). What a computation gives may be a table, a future, or lists and maps of both
//! ([`FutureValue`]); a [`PartitionReader`] finds the rows in it.

mod adapters;
mod bounds;
mod compact;
mod conform;
mod cycle;
mod delayed;
mod driver;
mod future;
mod future_error;
mod future_value;
mod generation;
mod handle;
mod hash_partitioning;
mod instance_table;
mod ipc;
mod local;
mod number;
mod partition;
mod reading;
mod registry;
pub mod release;
mod resolver;
mod scan;
mod sketch;
mod statistics;
mod sync;
mod values;

pub use adapters::{from_abortable, from_future, from_receiver, from_thread, spawn};
pub use bounds::ColumnBounds;
pub use compact::{compact, compact_views, shown_bytes};
pub use delayed::{DelayedError, FromDelayed};
pub use future::{EngineId, FutureStatus, InstanceId, PartitionData, RemoteFuture};
pub use future_error::{Fault, FutureError, FutureErrorKind};
pub use future_value::{FutureOutput, FutureValue, NestedFutures};
pub use generation::{Generation, GenerationError};
pub use handle::FutureHandle;
pub use hash_partitioning::HashPartitioning;
pub use ipc::{ArrowStream, IpcError};
pub(crate) use ipc::{bytes, encode, read_stream};
pub(crate) use local::panic_text;
pub use local::{LocalFuture, Promise, ready, value};
pub(crate) use number::Number;
pub use partition::{Delivered, PartitionReader, ReadStep};
pub(crate) use reading::inside;
pub use reading::{Origin, ReadError, Reading};
pub use registry::{HandleCounts, handle_counts, live_future};
pub use resolver::{FutureRecord, FutureResolver};
pub use scan::{Scan, ScanSource};
pub(crate) use statistics::axis_values;
pub use statistics::{ColumnStatistics, TableStatistics, collect_statistics};
pub use values::Values;

/// A leaf of a plan.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// Partitions behind live futures.
    FromDelayed(FromDelayed),
    /// A table that the engine reads.
    Scan(Scan),
    /// Arrow batches at hand.
    Values(Values),
}

impl Leaf {
    /// The columns that this leaf gives.
    pub fn schema(&self) -> &arrow_schema::SchemaRef {
        match self {
            Leaf::FromDelayed(leaf) => leaf.schema(),
            Leaf::Scan(leaf) => leaf.schema(),
            Leaf::Values(leaf) => leaf.schema(),
        }
    }

    /// The name that plans print: a table's name, or `future` and `values`.
    pub fn name(&self) -> &str {
        match self {
            Leaf::FromDelayed(leaf) => leaf.name(),
            Leaf::Scan(leaf) => leaf.name(),
            Leaf::Values(leaf) => leaf.name(),
        }
    }

    /// How many partitions this leaf has.
    pub fn partitions(&self) -> usize {
        match self {
            Leaf::FromDelayed(leaf) => leaf.handles().len(),
            Leaf::Scan(leaf) => leaf.partitions(),
            Leaf::Values(leaf) => leaf.partitions().len(),
        }
    }

    /// How its rows lie, where whoever put them there has declared it.
    pub fn hash_partitioning(&self) -> Option<&HashPartitioning> {
        match self {
            Leaf::FromDelayed(leaf) => leaf.hash_partitioning(),
            _ => None,
        }
    }

    /// What is known about the data without touching it.
    pub fn statistics(&self) -> TableStatistics {
        match self {
            Leaf::FromDelayed(leaf) => leaf.statistics(),
            Leaf::Scan(leaf) => leaf.statistics().clone(),
            Leaf::Values(leaf) => leaf.statistics().clone(),
        }
    }

    /// The futures that this leaf owns.
    pub fn futures(&self) -> &[FutureHandle] {
        match self {
            Leaf::FromDelayed(leaf) => leaf.handles(),
            _ => &[],
        }
    }

    /// Writes the identity of this leaf; with `shape`, futures count as their schema alone.
    pub fn tokenize(&self, tokenizer: &mut crate::token::Tokenizer, shape: bool) {
        match self {
            Leaf::FromDelayed(leaf) => leaf.tokenize(tokenizer, shape),
            Leaf::Scan(leaf) => tokenizer.put(leaf),
            Leaf::Values(leaf) => tokenizer.put(leaf),
        }
    }
}
