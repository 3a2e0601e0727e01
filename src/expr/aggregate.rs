use std::fmt;

use super::{FunctionRef, Name, Scalar};
use crate::token::{Tokenize, Tokenizer};

/// What an aggregate computes over the rows of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AggregateFunction {
    /// Rows, or the rows where the argument is not null.
    Count,
    /// The sum.
    Sum,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The mean.
    Avg,
    /// Which of some keys are not in the grouping set of a row; only beside grouping sets.
    Grouping,
    /// A function that the engine knows; Leafhold moves it as a whole and never takes it apart.
    Other(FunctionRef),
}

impl AggregateFunction {
    /// The name in plans and rules.
    pub fn name(&self) -> &str {
        match self {
            AggregateFunction::Count => "count",
            AggregateFunction::Sum => "sum",
            AggregateFunction::Min => "min",
            AggregateFunction::Max => "max",
            AggregateFunction::Avg => "avg",
            AggregateFunction::Grouping => "grouping",
            AggregateFunction::Other(function) => &function.name,
        }
    }
}

/// One aggregate of an `aggregate` node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AggregateCall<C = Name> {
    /// What is computed.
    pub function: AggregateFunction,
    /// Of what; `count` of nothing counts rows.
    pub args: Vec<Scalar<C>>,
    /// Only of distinct values.
    pub distinct: bool,
    /// Only of the rows where this is true.
    pub filter: Option<Scalar<C>>,
}

impl<C> AggregateCall<C> {
    /// A plain call: all values, all rows.
    pub fn new(function: AggregateFunction, args: impl Into<Vec<Scalar<C>>>) -> Self {
        AggregateCall { function, args: args.into(), distinct: false, filter: None }
    }

    /// The same call over distinct values.
    pub fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    /// The same call over the rows where `filter` is true.
    pub fn filter(mut self, filter: Scalar<C>) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The arguments and the filter.
    pub fn scalars(&self) -> impl Iterator<Item = &Scalar<C>> {
        self.args.iter().chain(&self.filter)
    }

    /// The same call with every column replaced.
    ///
    /// # Errors
    /// The first that replacing a column gives.
    pub fn try_map<D, E>(&self, column: &mut impl FnMut(&C) -> Result<D, E>) -> Result<AggregateCall<D>, E> {
        Ok(AggregateCall {
            function: self.function.clone(),
            args: self.args.iter().map(|arg| arg.try_map(column)).collect::<Result<_, _>>()?,
            distinct: self.distinct,
            filter: self.filter.as_ref().map(|filter| filter.try_map(column)).transpose()?,
        })
    }
}

impl<C: Tokenize> Tokenize for AggregateCall<C> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("aggregate-call");
        match &self.function {
            AggregateFunction::Other(function) => tokenizer.put(function),
            known => tokenizer.put_str(known.name()),
        }
        tokenizer.put(&self.args);
        tokenizer.put_bool(self.distinct);
        tokenizer.put(&self.filter);
    }
}

impl<C: fmt::Display> fmt::Display for AggregateCall<C> {
    /// The notation of plans: `(sum a)`, `(count)`, `(count distinct a)`, `(sum a where (b = 1))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}{}", self.function.name(), if self.distinct { " distinct" } else { "" })?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))?;
        if let Some(filter) = &self.filter {
            write!(f, " where {filter}")?;
        }
        f.write_str(")")
    }
}

/// The sum of the values that are not null; null for none.
pub fn sum(of: Scalar) -> AggregateCall {
    AggregateCall::new(AggregateFunction::Sum, [of])
}

/// The mean of the values that are not null; null for none.
pub fn avg(of: Scalar) -> AggregateCall {
    AggregateCall::new(AggregateFunction::Avg, [of])
}

/// The smallest value that is not null; null for none.
pub fn min(of: Scalar) -> AggregateCall {
    AggregateCall::new(AggregateFunction::Min, [of])
}

/// The largest value that is not null; null for none.
pub fn max(of: Scalar) -> AggregateCall {
    AggregateCall::new(AggregateFunction::Max, [of])
}

/// How many values are not null.
pub fn count(of: Scalar) -> AggregateCall {
    AggregateCall::new(AggregateFunction::Count, [of])
}

/// How many rows there are.
pub fn count_all() -> AggregateCall {
    AggregateCall::new(AggregateFunction::Count, [])
}
