//! What a sample of the first rows tells of a whole table.

use arrow_schema::DataType;
use leafhold::leaf::ColumnStatistics;

/// Rows that are looked at.
pub(super) const ROWS: usize = 65_536;

/// Completes what is known of a column with what `seen` of `rows` rows show.
pub(super) fn extend(
    mut known: ColumnStatistics,
    sample: &ColumnStatistics,
    seen: f64,
    rows: f64,
    data_type: &DataType,
) -> ColumnStatistics {
    let whole = seen >= rows;
    if whole {
        known.min = known.min.or(sample.min);
        known.max = known.max.or(sample.max);
    }
    known.null_fraction = known.null_fraction.or(sample.null_fraction);
    known.distinct = sample.distinct.map(|distinct| {
        // Where most rows of the sample differ, more rows bring more values; otherwise all have been met.
        let grows = !whole && seen > 0.0 && distinct > seen / 2.0;
        let guess = if grows { distinct / seen * rows } else { distinct };
        let discrete = data_type.is_integer() || matches!(data_type, DataType::Date32);
        match (known.min, known.max) {
            (Some(min), Some(max)) if discrete => guess.min(max - min + 1.0),
            _ => guess,
        }
    });
    known
}
