use arrow_schema::DataType;

use crate::term::ColumnId;

/// Why a plan has no result.
///
/// The first five belong to the meaning of the plan ([`EvalError::is_of_the_plan`]): an engine raises
/// them, too. The others say that the interpreter cannot tell what the plan means.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An integer or a decimal was divided by zero.
    #[error("division by zero in `{scalar}`; guard the divisor, for example with `case`")]
    DivisionByZero {
        /// The operation.
        scalar: String,
    },
    /// A result beyond the range of its type.
    #[error("overflow of {data_type} in `{scalar}`; cast an operand to a wider type")]
    Overflow {
        /// The operation.
        scalar: String,
        /// The type of the result.
        data_type: DataType,
    },
    /// A value that a cast cannot convert.
    #[error("`{value}` cannot be cast to {to}: {reason}; `try-cast` gives null instead")]
    Cast {
        /// The value.
        value: String,
        /// The target type.
        to: DataType,
        /// Why not.
        reason: String,
    },
    /// A function raised an error.
    #[error("function `{function}` failed: {reason}")]
    Call {
        /// The function.
        function: String,
        /// Its own words.
        reason: String,
    },
    /// A scalar subquery that gave several rows.
    #[error("a scalar subquery gave {rows} rows for one row; it may give at most one")]
    SeveralRows {
        /// How many.
        rows: usize,
    },
    /// Something that only an engine can run.
    #[error("the reference interpreter does not know {what}; give it through `Tables`, or ask an engine")]
    Unsupported {
        /// What it does not know.
        what: String,
    },
    /// A leaf without data.
    #[error("leaf {index} (`{name}`) has no data here; give its rows with `Tables::with_table`")]
    MissingTable {
        /// Which leaf of the query, in written order.
        index: usize,
        /// The leaf's name.
        name: String,
    },
    /// A column that the input lacks: the term is broken.
    #[error("{place} reads column {column}, which its input lacks; the term is not well formed")]
    MissingColumn {
        /// Who reads it.
        place: &'static str,
        /// The column.
        column: ColumnId,
    },
    /// A value of another type than its place says: the term or the table is broken.
    #[error("expected {expected}, found `{found}`; check the types of the table")]
    Type {
        /// What belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl EvalError {
    /// Whether the plan itself raises this error, rather than the interpreter being at its limits.
    pub fn is_of_the_plan(&self) -> bool {
        use EvalError::*;
        matches!(self, DivisionByZero { .. } | Overflow { .. } | Cast { .. } | Call { .. } | SeveralRows { .. })
    }
}
