use arrow_schema::{DataType, TimeUnit};

use crate::expr::{BinaryOp, Literal, Scalar, ScalarOp};
use crate::leaf::{ColumnBounds, ScanSource};

/// The partitions of a table of which a filter may keep a row, in order. `columns` are the positions in the table
/// of the columns over which the predicate is written.
pub(super) fn partitions_to_read(source: &dyn ScanSource, columns: &[usize], predicate: &Scalar<usize>) -> Vec<usize> {
    let kept = |partition: &usize| !Excluding { source, columns, partition: *partition }.never(predicate);
    (0..source.partitions().max(1)).filter(kept).collect()
}

/// A question to the bounds of one partition.
struct Excluding<'a> {
    source: &'a dyn ScanSource,
    columns: &'a [usize],
    partition: usize,
}

impl Excluding<'_> {
    /// Whether the predicate is certainly true of no row: the bounds prove it, or nothing is claimed.
    fn never(&self, predicate: &Scalar<usize>) -> bool {
        let args = &predicate.args;
        match (&predicate.op, args.as_slice()) {
            (ScalarOp::And, args) => args.iter().any(|arg| self.never(arg)),
            (ScalarOp::Or, args) => args.iter().all(|arg| self.never(arg)),
            (ScalarOp::IsTrue, [arg]) => self.never(arg),
            (ScalarOp::IsNull, [arg]) => self.bounds(arg).is_some_and(|(bounds, _)| bounds.nulls == Some(false)),
            (ScalarOp::Binary(op), [left, right]) => {
                self.compares_never(*op, left, right)
                    || mirrored(*op).is_some_and(|op| self.compares_never(op, right, left))
            }
            (ScalarOp::InList { negated: false }, [value, list @ ..]) => {
                list.iter().all(|item| self.compares_never(BinaryOp::Eq, value, item))
            }
            (ScalarOp::Between { negated: false }, [value, low, high]) => {
                self.compares_never(BinaryOp::GtEq, value, low) || self.compares_never(BinaryOp::LtEq, value, high)
            }
            _ => false,
        }
    }

    /// Whether a column never compares so with a constant.
    fn compares_never(&self, op: BinaryOp, column: &Scalar<usize>, constant: &Scalar<usize>) -> bool {
        let (Some((bounds, data_type)), ScalarOp::Literal(constant)) = (self.bounds(column), &constant.op) else {
            return false;
        };
        if constant.is_null() && op != BinaryOp::IsNotDistinctFrom {
            return matches!(op, BinaryOp::Eq | BinaryOp::Lt | BinaryOp::LtEq | BinaryOp::Gt | BinaryOp::GtEq);
        }
        let Some(at) = place(constant, &data_type) else { return false };
        let (below, above) = (bounds.max.is_some_and(|max| max < at), bounds.min.is_some_and(|min| min > at));
        match op {
            BinaryOp::Eq | BinaryOp::IsNotDistinctFrom => below || above,
            BinaryOp::Lt => above || (is_exact(&data_type, at) && bounds.min == Some(at)),
            BinaryOp::LtEq => above,
            BinaryOp::Gt => below || (is_exact(&data_type, at) && bounds.max == Some(at)),
            BinaryOp::GtEq => below,
            _ => false,
        }
    }

    /// What is certain of a scalar that is a column, or one in a finer unit of time, and its type.
    fn bounds(&self, scalar: &Scalar<usize>) -> Option<(ColumnBounds, DataType)> {
        match (&scalar.op, scalar.args.as_slice()) {
            (ScalarOp::Column(position), _) => {
                let column = *self.columns.get(*position)?;
                let data_type = self.source.schema().fields().get(column)?.data_type().clone();
                Some((self.source.bounds(self.partition, column), data_type))
            }
            (ScalarOp::Cast { to, .. }, [inner]) => {
                let (bounds, from) = self.bounds(inner)?;
                Some((finer(bounds, &from, &to.0)?, to.0.clone()))
            }
            _ => None,
        }
    }
}

/// The bounds of timestamps after a cast to a finer unit. They are seconds in both, but what is one instant may be rounded to
/// neighbours; and nothing is said where the cast fails, since there is too little room.
fn finer(bounds: ColumnBounds, from: &DataType, to: &DataType) -> Option<ColumnBounds> {
    const ROUNDED: f64 = 4.0 * f64::EPSILON;
    let (DataType::Timestamp(unit, zone), DataType::Timestamp(finer, other)) = (from, to) else { return None };
    let of_second = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 1e0,
        TimeUnit::Millisecond => 1e3,
        TimeUnit::Microsecond => 1e6,
        TimeUnit::Nanosecond => 1e9,
    };
    if zone != other || of_second(unit) > of_second(finer) {
        return None;
    }
    let room = 0.999 * i64::MAX as f64 / of_second(finer);
    if [bounds.min, bounds.max].into_iter().flatten().any(|bound| bound.abs() > room) {
        return None;
    }
    let moved = |bound: Option<f64>, by: f64| bound.map(|bound| bound + by * bound.abs());
    Some(ColumnBounds { min: moved(bounds.min, -ROUNDED), max: moved(bounds.max, ROUNDED), nulls: bounds.nulls })
}

/// Where a constant lies among the values of a type. Floats have NaN above and two zeros, which bounds do not tell.
fn place(constant: &Literal, data_type: &DataType) -> Option<f64> {
    (constant.data_type() == data_type && !data_type.is_floating()).then(|| constant.axis()).flatten()
}

/// Whether two values at this place are one. Elsewhere the axis rounds, which keeps order but not difference.
fn is_exact(data_type: &DataType, at: f64) -> bool {
    const WHOLE: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;
    (data_type.is_integer() || *data_type == DataType::Date32) && at.abs() < WHOLE
}

/// The comparison seen from its other side.
fn mirrored(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Eq | BinaryOp::IsNotDistinctFrom => op,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::LtEq => BinaryOp::GtEq,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::GtEq => BinaryOp::LtEq,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, TimestampNanosecondArray};
    use arrow_schema::{Field, Schema, SchemaRef};

    use super::*;
    use crate::expr::DataTypeKey;
    use crate::leaf::TableStatistics;
    use crate::token::{Token, tokenize};

    /// A table of timestamps in a unit, with the bounds of each partition.
    #[derive(Debug)]
    struct Times(TimeUnit, Vec<(f64, f64)>, TableStatistics);

    impl ScanSource for Times {
        fn token(&self) -> Token {
            tokenize("times")
        }
        fn schema(&self) -> SchemaRef {
            Arc::new(Schema::new(vec![Field::new("at", DataType::Timestamp(self.0, None), true)]))
        }
        fn partitions(&self) -> usize {
            self.1.len()
        }
        fn statistics(&self) -> &TableStatistics {
            &self.2
        }
        fn bounds(&self, partition: usize, _: usize) -> ColumnBounds {
            let (min, max) = self.1[partition];
            ColumnBounds { min: Some(min), max: Some(max), nulls: Some(false) }
        }
        fn as_any(&self) -> &dyn std::any::Any {
            self
        }
    }

    /// `cast(at) >= constant`, in nanoseconds.
    fn since(nanoseconds: i64) -> Scalar<usize> {
        let to = DataTypeKey(DataType::Timestamp(TimeUnit::Nanosecond, None));
        let cast = Scalar::new(ScalarOp::Cast { to, safe: false }, [Scalar::column(0)]);
        let constant = Arc::new(TimestampNanosecondArray::from(vec![nanoseconds])) as ArrayRef;
        Scalar::binary(BinaryOp::GtEq, cast, Scalar::new(ScalarOp::Literal(Literal::new(constant)), []))
    }

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn timestamps_are_compared_in_the_finer_unit_of_a_constant() {
        // Since 2022 by the hour.
        let hour = |at: i64| 1_640_995_200 + at * 3_600;
        for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
            let bounds = |at: i64| (hour(at) as f64, hour(at + 1) as f64 - 1.0);
            let table = Times(unit, (0..5).map(bounds).collect(), TableStatistics::default());
            let read = |since_hour: i64| partitions_to_read(&table, &[0], &since(hour(since_hour) * SECOND));
            assert_eq!(read(3), [3, 4], "{unit:?}");
            assert_eq!(read(9), [0; 0], "{unit:?}");
            assert_eq!(read(0).len(), 5, "{unit:?}");
        }
        // Where the cast may fail, it is tried.
        let wide = Times(TimeUnit::Second, vec![(0.0, 1e9), (0.0, 1e12)], TableStatistics::default());
        assert_eq!(partitions_to_read(&wide, &[0], &since(i64::MAX)), [1]);
    }

    /// One instant in two units is one, however each is rounded.
    #[test]
    fn a_partition_whose_last_instant_is_the_constant_is_read() {
        for at in 0..20_000_i64 {
            let microseconds = 1_640_995_200_000_000 + at * 7_919_333;
            let seconds = microseconds as f64 * 1e-6;
            let table = Times(TimeUnit::Microsecond, vec![(seconds, seconds)], TableStatistics::default());
            assert_eq!(partitions_to_read(&table, &[0], &since(microseconds * 1_000)), [0], "{microseconds}");
        }
    }
}
