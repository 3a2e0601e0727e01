//! The calls of window functions, each over the frame that SQL means when it says nothing.

use super::{Scalar, WindowCall, WindowFunction};

/// The row's number in its partition, from 1.
pub fn row_number() -> WindowCall {
    WindowCall::new(WindowFunction::RowNumber, [])
}

/// One more than the rows before the row's peers.
pub fn rank() -> WindowCall {
    WindowCall::new(WindowFunction::Rank, [])
}

/// One more than the groups of peers before the row's own.
pub fn dense_rank() -> WindowCall {
    WindowCall::new(WindowFunction::DenseRank, [])
}

/// The rows before the row's peers, as a fraction of all other rows: 0 for the first, 1 for a last one without a peer.
pub fn percent_rank() -> WindowCall {
    WindowCall::new(WindowFunction::PercentRank, [])
}

/// The rows up to the row's peers, as a fraction of all.
pub fn cume_dist() -> WindowCall {
    WindowCall::new(WindowFunction::CumeDist, [])
}

/// Which of `buckets` the row is in, from 1: all have as many rows, or the first ones have one more.
pub fn ntile(buckets: u64) -> WindowCall {
    WindowCall::new(WindowFunction::Ntile(buckets), [])
}

/// The value `offset` rows before, or null.
pub fn lag(of: Scalar, offset: u64) -> WindowCall {
    WindowCall::new(WindowFunction::Lag(offset), [of])
}

/// The value `offset` rows after, or null.
pub fn lead(of: Scalar, offset: u64) -> WindowCall {
    WindowCall::new(WindowFunction::Lead(offset), [of])
}

/// The value in the first row of the frame.
pub fn first_value(of: Scalar) -> WindowCall {
    WindowCall::new(WindowFunction::FirstValue, [of])
}

/// The value in the last row of the frame.
pub fn last_value(of: Scalar) -> WindowCall {
    WindowCall::new(WindowFunction::LastValue, [of])
}

/// The value in the `n`th row of the frame, from 1; null where the frame has fewer.
pub fn nth_value(of: Scalar, n: u64) -> WindowCall {
    WindowCall::new(WindowFunction::NthValue(n), [of])
}
