use arrow_schema::DataType;

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

    /// What is certain of a scalar that is a column, and its type.
    fn bounds(&self, scalar: &Scalar<usize>) -> Option<(ColumnBounds, DataType)> {
        let ScalarOp::Column(position) = scalar.op else { return None };
        let column = *self.columns.get(position)?;
        let data_type = self.source.schema().fields().get(column)?.data_type().clone();
        Some((self.source.bounds(self.partition, column), data_type))
    }
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
