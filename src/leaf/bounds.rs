/// What is certain of a column's values in one partition: unlike statistics, which may be estimates.
///
/// Bounds lie on the axis of [`TableStatistics`](super::TableStatistics); what has no place on it has none. The
/// default knows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColumnBounds {
    /// No value that is not null is smaller.
    pub min: Option<f64>,
    /// No value that is not null is larger.
    pub max: Option<f64>,
    /// Whether there are nulls.
    pub nulls: Option<bool>,
}
