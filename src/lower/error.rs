use crate::term::ColumnId;

/// Why a plan makes no task graph. Each but [`TooLarge`](LowerError::TooLarge) is a bug of whoever made the plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// A read of a leaf that the plan does not own: its futures could be gone at any time.
    #[error("the plan reads leaf {leaf}, but owns {owned} leaves; a plan must own every leaf that it reads")]
    MissingLeaf {
        /// The index that the read names.
        leaf: usize,
        /// How many leaves the plan has.
        owned: usize,
    },
    /// A read of a column that the leaf does not have.
    #[error("the plan reads column {position} of leaf `{leaf}`, which has {columns}")]
    MissingPosition {
        /// The leaf's name.
        leaf: String,
        /// The position that the read names.
        position: usize,
        /// How many columns the leaf has.
        columns: usize,
    },
    /// A read that takes a leaf's rows to lie hashed by columns and over partitions by which they need not.
    #[error("the plan takes the rows of leaf `{leaf}` to lie hashed as the leaf does not declare, or not all leaves")]
    Partitioning {
        /// The leaf's name.
        leaf: String,
    },
    /// An operator that uses a column which its input does not give.
    #[error("`{operator}` (node {node} of the plan) uses column {column}, which none of its inputs gives")]
    MissingColumn {
        /// The operator.
        operator: &'static str,
        /// Index into `Plan::post_order`.
        node: usize,
        /// The column.
        column: ColumnId,
    },
    /// An operator with too few or too many inputs.
    #[error("`{operator}` (node {node} of the plan) has {found} inputs instead of {expected}")]
    Inputs {
        /// The operator.
        operator: &'static str,
        /// Index into `Plan::post_order`.
        node: usize,
        /// How many it needs.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// Inputs whose partitions do not belong together.
    #[error("`{operator}` (node {node} of the plan) has inputs of {left} and {right} partitions; exchange one of them")]
    Partitions {
        /// The operator.
        operator: &'static str,
        /// Index into `Plan::post_order`.
        node: usize,
        /// Partitions of one input.
        left: usize,
        /// Partitions of another.
        right: usize,
    },
    /// A final aggregate that does not stand on a partial one.
    #[error("the final aggregate (node {node} of the plan) has no partial aggregate below its exchange")]
    NoPartial {
        /// Index into `Plan::post_order`.
        node: usize,
    },
    /// More tasks or edges than a graph can count.
    #[error("the plan makes {tasks} tasks and {edges} edges or more; plan it over fewer partitions")]
    TooLarge {
        /// Tasks so far, with those of the stage that is too large.
        tasks: usize,
        /// Edges so far, with those of the stage that is too large.
        edges: usize,
    },
    /// A result schema that is not that of the output.
    #[error("the plan gives {columns} columns under a schema of {fields} fields")]
    Output {
        /// Columns of the output.
        columns: usize,
        /// Fields of the schema.
        fields: usize,
    },
}
