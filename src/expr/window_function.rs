use super::AggregateFunction;

/// What a window call computes for each row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowFunction {
    /// The row's number in its partition, from 1.
    RowNumber,
    /// One more than the rows before the row's peers.
    Rank,
    /// One more than the groups of peers before the row's own.
    DenseRank,
    /// The rows before the row's peers, as a fraction of all other rows; 0 where there is no other.
    PercentRank,
    /// The rows up to the row's peers, as a fraction of all.
    CumeDist,
    /// Which of so many buckets the row is in, from 1: all have as many rows, or the first ones have one more.
    Ntile(u64),
    /// The value so many rows before; the default (or null) where there is none.
    Lag(u64),
    /// The value so many rows after; the default (or null) where there is none.
    Lead(u64),
    /// The value in the first row of the frame.
    FirstValue,
    /// The value in the last row of the frame.
    LastValue,
    /// The value in the `n`th row of the frame, from 1.
    NthValue(u64),
    /// An aggregate over the rows of the frame.
    Aggregate(AggregateFunction),
}

impl WindowFunction {
    /// The name in plans.
    pub fn name(&self) -> &str {
        match self {
            WindowFunction::RowNumber => "row-number",
            WindowFunction::Rank => "rank",
            WindowFunction::DenseRank => "dense-rank",
            WindowFunction::PercentRank => "percent-rank",
            WindowFunction::CumeDist => "cume-dist",
            WindowFunction::Ntile(_) => "ntile",
            WindowFunction::Lag(_) => "lag",
            WindowFunction::Lead(_) => "lead",
            WindowFunction::FirstValue => "first-value",
            WindowFunction::LastValue => "last-value",
            WindowFunction::NthValue(_) => "nth-value",
            WindowFunction::Aggregate(function) => function.name(),
        }
    }

    /// The number that is a part of the function.
    pub fn number(&self) -> Option<u64> {
        use WindowFunction::*;
        match self {
            Ntile(number) | Lag(number) | Lead(number) | NthValue(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether the result depends on the frame.
    pub fn reads_frame(&self) -> bool {
        use WindowFunction::*;
        matches!(self, FirstValue | LastValue | NthValue(_) | Aggregate(_))
    }
}
