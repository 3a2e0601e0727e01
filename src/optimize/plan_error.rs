/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No implementation rule covers some operator.
    #[error("no implementation rule covers `{operator}`; is one of its rules disabled?")]
    NotImplemented {
        /// The operator.
        operator: String,
    },
    /// An operator that has a meaning, but no plan yet.
    #[error("no plan for `{operator}`: {reason}")]
    Unsupported {
        /// The operator.
        operator: &'static str,
        /// What is in the way, and what to do.
        reason: String,
    },
    /// A tripwire: a rule proved two relations equal that have different columns.
    #[error("the optimizer stopped: {0}; this is a bug of a rule, disable it and report it")]
    Tripwire(String),
    /// Semantics that rules do not keep.
    #[error(
        "cannot plan under {semantics}: plans keep neither the order of rows outside sorts nor the rounding of float \
         sums; leave `order` and `float_sums` at their defaults"
    )]
    Semantics {
        /// How they differ from the default.
        semantics: String,
    },
    /// A number of partitions that makes no sense.
    #[error("cannot plan for {0} partitions; use 1 or more")]
    Partitions(usize),
    /// A fan-in over which no tree gets narrower.
    #[error("a task cannot merge at most {0} partitions; use 2 or more")]
    FanIn(usize),
}
