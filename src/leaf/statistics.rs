use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};

use super::sketch::Sketch;

/// What is known about one column. `None` is "unknown", never "zero".
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnStatistics {
    /// Distinct values, nulls not counted.
    #[serde(with = "super::number::option")]
    pub distinct: Option<f64>,
    /// Smallest value on the estimator's axis (see [`TableStatistics`]).
    #[serde(with = "super::number::option")]
    pub min: Option<f64>,
    /// Largest value on the estimator's axis.
    #[serde(with = "super::number::option")]
    pub max: Option<f64>,
    /// Fraction of nulls, 0 to 1.
    #[serde(with = "super::number::option")]
    pub null_fraction: Option<f64>,
}

/// What is known about a table: rows, bytes and its columns in schema order.
///
/// Values of ordered types lie on one axis of `f64`: numbers as themselves (decimals with their scale
/// applied), dates as days and timestamps as seconds since 1970. Text has no place on it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableStatistics {
    /// Rows, exact or estimated.
    #[serde(with = "super::number::option")]
    pub rows: Option<f64>,
    /// Bytes in memory.
    pub bytes: Option<u64>,
    /// One entry per column, or empty when nothing is known of any.
    pub columns: Vec<ColumnStatistics>,
}

impl TableStatistics {
    /// Nothing is known.
    pub fn unknown() -> Self {
        TableStatistics::default()
    }

    /// The statistics of a column; unknown when there are none.
    pub fn column(&self, index: usize) -> ColumnStatistics {
        self.columns.get(index).cloned().unwrap_or_default()
    }
}

/// Exact rows, bytes, null fractions and min/max, and sketched distinct counts, of data at hand.
pub fn collect_statistics<'a>(schema: &Schema, batches: impl Iterator<Item = &'a RecordBatch>) -> TableStatistics {
    let mut rows = 0;
    let mut bytes = 0;
    let mut columns: Vec<_> = schema.fields().iter().map(|_| Column::new()).collect();
    for batch in batches {
        rows += batch.num_rows();
        bytes += batch.get_array_memory_size() as u64;
        for (column, array) in columns.iter_mut().zip(batch.columns()) {
            column.add(array);
        }
    }
    TableStatistics {
        rows: Some(rows as f64),
        bytes: Some(bytes),
        columns: columns.into_iter().map(|column| column.finish(rows)).collect(),
    }
}

struct Column {
    sketch: Option<Sketch>,
    nulls: usize,
    range: Option<(f64, f64)>,
}

impl Column {
    fn new() -> Self {
        Column { sketch: Sketch::new(), nulls: 0, range: None }
    }

    fn add(&mut self, array: &ArrayRef) {
        self.nulls += array.logical_null_count();
        // NaN lies nowhere on the axis.
        for value in axis_values(array).into_iter().filter(|value| !value.is_nan()) {
            let (min, max) = self.range.unwrap_or((value, value));
            self.range = Some((min.min(value), max.max(value)));
        }
        let Some(sketch) = &mut self.sketch else { return };
        let nulls = array.logical_nulls();
        let valid = |row: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row));
        if let Some(text) = text_values(array) {
            (0..array.len()).filter(valid).for_each(|row| sketch.insert(text.value(row)));
            return;
        }
        let data = array.to_data();
        match (array.data_type().primitive_width(), data.buffers().first()) {
            (Some(width), Some(buffer)) => {
                let bytes = &buffer.as_slice()[data.offset() * width..];
                (0..array.len()).filter(valid).for_each(|row| sketch.insert(&bytes[row * width..(row + 1) * width]));
            }
            _ => self.sketch = None,
        }
    }

    fn finish(self, rows: usize) -> ColumnStatistics {
        let distinct = self.sketch.map(|sketch| sketch.distinct().min((rows - self.nulls) as f64));
        ColumnStatistics {
            distinct,
            min: self.range.map(|range| range.0),
            max: self.range.map(|range| range.1),
            null_fraction: Some(if rows == 0 { 0.0 } else { self.nulls as f64 / rows as f64 }),
        }
    }
}

enum Text<'a> {
    Small(&'a arrow_array::StringArray),
    Large(&'a arrow_array::LargeStringArray),
    View(&'a arrow_array::StringViewArray),
}

impl Text<'_> {
    fn value(&self, row: usize) -> &[u8] {
        match self {
            Text::Small(array) => array.value(row).as_bytes(),
            Text::Large(array) => array.value(row).as_bytes(),
            Text::View(array) => array.value(row).as_bytes(),
        }
    }
}

fn text_values(array: &ArrayRef) -> Option<Text<'_>> {
    use arrow_array::cast::AsArray;
    match array.data_type() {
        DataType::Utf8 => Some(Text::Small(array.as_string())),
        DataType::LargeUtf8 => Some(Text::Large(array.as_string())),
        DataType::Utf8View => Some(Text::View(array.as_string_view())),
        _ => None,
    }
}

/// The non-null values of an array on the estimator's axis; none for types that have no place on it.
pub(crate) fn axis_values(array: &ArrayRef) -> Vec<f64> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Decimal128Type, Float64Type};
    let scale = match array.data_type() {
        DataType::Timestamp(unit, _) => match unit {
            arrow_schema::TimeUnit::Second => 1.0,
            arrow_schema::TimeUnit::Millisecond => 1e-3,
            arrow_schema::TimeUnit::Microsecond => 1e-6,
            arrow_schema::TimeUnit::Nanosecond => 1e-9,
        },
        DataType::Decimal128(_, scale) => {
            let unit = (0..scale.unsigned_abs()).fold(1.0, |unit, _| unit * 10.0);
            let unit = if *scale < 0 { unit } else { 1.0 / unit };
            let values = array.as_primitive::<Decimal128Type>();
            return values.iter().flatten().map(|value| value as f64 * unit).collect();
        }
        kind if kind.is_numeric() || matches!(kind, DataType::Date32) => 1.0,
        _ => return Vec::new(),
    };
    let numbers = match array.data_type() {
        DataType::Timestamp(_, _) => arrow_cast::cast(array, &DataType::Int64),
        DataType::Date32 => arrow_cast::cast(array, &DataType::Int32),
        _ => Ok(array.clone()),
    };
    let floats = numbers.and_then(|numbers| arrow_cast::cast(&numbers, &DataType::Float64));
    match floats {
        Ok(floats) => floats.as_primitive::<Float64Type>().iter().flatten().map(|value| value * scale).collect(),
        Err(_) => Vec::new(),
    }
}
