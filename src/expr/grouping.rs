use arrow_schema::{DataType, Field};

use super::build::schema_of;
use super::{AggregateCall, AggregateFunction, Expr, ExprError, Frame, Functions, Name, Op, Scalar, Volatility, infer};

/// Which of an aggregate's keys group the rows, once for every set. Positions count the keys from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupingSets(pub(crate) Vec<Vec<usize>>);

impl GroupingSets {
    /// These sets, in this order; a set given twice gives its groups twice.
    pub fn new(sets: impl IntoIterator<Item = Vec<usize>>) -> Self {
        GroupingSets(sets.into_iter().collect())
    }

    /// All `keys`, then without the last, .., then none: subtotals from right to left.
    pub fn rollup(keys: usize) -> Self {
        GroupingSets((0..=keys).rev().map(|length| (0..length).collect()).collect())
    }

    /// Every subset of `keys`, the largest first. At most 12 keys make sense: 4,096 sets.
    pub fn cube(keys: usize) -> Self {
        let subsets = (0..1usize << keys.min(12)).rev();
        GroupingSets(subsets.map(|set| (0..keys).filter(|key| set >> (keys - 1 - key) & 1 == 1).collect()).collect())
    }

    /// The sets.
    pub fn sets(&self) -> &[Vec<usize>] {
        &self.0
    }
}

/// Which of these keys are *not* in a row's grouping set, as bits; the last key is the lowest one.
pub fn grouping(keys: impl Into<Vec<Scalar>>) -> AggregateCall {
    AggregateCall::new(AggregateFunction::Grouping, keys)
}

/// The value of `grouping` over `args` in one set: bits of the keys that the set leaves out.
pub(crate) fn grouping_bits(args: &[usize], set: &[usize]) -> i32 {
    args.iter().fold(0, |bits, key| bits << 1 | i32::from(!set.contains(key)))
}

/// The positions among the keys of what a `grouping` call asks for.
pub(crate) fn grouping_keys(call: &AggregateCall, group: &[(Name, Scalar)]) -> Option<Vec<usize>> {
    call.args.iter().map(|arg| group.iter().position(|(_, key)| key == arg)).collect()
}

impl Expr {
    /// One row per group, for every grouping set in turn; keys that are not in a row's set are null.
    ///
    /// # Errors
    /// As for [`Expr::aggregate`]; no set at all, a set that names a key that is not there or one twice,
    /// `grouping` of what is no key, and keys that are drawn anew at every call.
    pub fn aggregate_sets(
        self,
        group: impl IntoIterator<Item = (Name, Scalar)>,
        sets: GroupingSets,
        aggregates: impl IntoIterator<Item = (Name, AggregateCall)>,
        functions: &dyn Functions,
    ) -> Result<Expr, ExprError> {
        let (group, aggregates): (Vec<_>, Vec<_>) = (group.into_iter().collect(), aggregates.into_iter().collect());
        if sets.0.is_empty() {
            return Err(ExprError::Inputs { operator: "aggregate", expected: "at least one grouping set" });
        }
        for (at, set) in sets.0.iter().enumerate() {
            for (place, key) in set.iter().enumerate() {
                if *key >= group.len() || set[..place].contains(key) {
                    return Err(ExprError::GroupingSet { set: at, key: *key, keys: group.len() });
                }
            }
        }
        let mut fields = Vec::with_capacity(group.len() + aggregates.len());
        for (at, (name, key)) in group.iter().enumerate() {
            if key.volatility() == Volatility::Volatile {
                return Err(ExprError::VolatileKey { name: name.to_string() });
            }
            let kind = infer(key, self.schema(), functions)?;
            let left_out = sets.0.iter().any(|set| !set.contains(&at));
            fields.push(Field::new(&**name, kind.data_type, kind.nullable || left_out));
        }
        for (name, call) in &aggregates {
            if call.function != AggregateFunction::Grouping {
                fields.push(self.aggregate_field(name, call, functions)?);
                continue;
            }
            match grouping_keys(call, &group) {
                Some(keys) if (1..=31).contains(&keys.len()) => {
                    fields.push(Field::new(&**name, DataType::Int32, false));
                }
                Some(_) => {
                    let (operator, expected) = ("`grouping`".to_owned(), "1 to 31".to_owned());
                    return Err(ExprError::Arity { operator, expected, found: call.args.len() });
                }
                None => return Err(ExprError::GroupingArgument { call: call.to_string() }),
            }
        }
        let schema = schema_of(fields)?;
        Ok(Expr::intern(Op::Aggregate { group, sets: Some(sets), aggregates }, [self], schema))
    }
}

impl Frame {
    /// One row per group, for every grouping set in turn; keys that are not in a row's set are null.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, grouping, sum, Frame, GroupingSets};
    ///
    /// let field = |name| Field::new(name, DataType::Int64, false);
    /// let schema = Arc::new(Schema::new(vec![field("year"), field("month"), field("sales")]));
    /// let frame = Frame::from_batches("t", schema, vec![])?.aggregate_sets(
    ///     [("year", col("year")), ("month", col("month"))],
    ///     GroupingSets::rollup(2), // (year, month), (year), ()
    ///     [("total", sum(col("sales"))), ("level", grouping([col("year"), col("month")]))],
    /// )?;
    /// assert!(frame.schema().field(0).is_nullable(), "the grand total has no year");
    /// assert_eq!(frame.schema().field(3).data_type(), &DataType::Int32);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Frame::aggregate`]; no set at all, a set that names a key that is not there or one twice,
    /// `grouping` of what is no key, and keys that are drawn anew at every call.
    pub fn aggregate_sets<'a>(
        self,
        group: impl IntoIterator<Item = (&'a str, Scalar)>,
        sets: GroupingSets,
        aggregates: impl IntoIterator<Item = (&'a str, AggregateCall)>,
    ) -> Result<Frame, ExprError> {
        use super::frame::named;
        self.map(|expr, functions| expr.aggregate_sets(named(group), sets, named(aggregates), functions))
    }

    /// One row per group of the columns, per group without the last one, .., and one over all rows.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, count_all, Frame};
    ///
    /// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, false)]));
    /// let frame = Frame::from_batches("t", schema, vec![])?.rollup(["a"], [("n", count_all())])?;
    /// assert_eq!(frame.schema().fields().len(), 2);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Frame::aggregate_sets`].
    pub fn rollup<'a>(
        self,
        columns: impl IntoIterator<Item = &'a str>,
        aggregates: impl IntoIterator<Item = (&'a str, AggregateCall)>,
    ) -> Result<Frame, ExprError> {
        let group: Vec<_> = columns.into_iter().map(|name| (name, super::col(name))).collect();
        let sets = GroupingSets::rollup(group.len());
        self.aggregate_sets(group, sets, aggregates)
    }

    /// One row per group of every subset of the columns.
    ///
    /// # Errors
    /// As for [`Frame::aggregate_sets`], and more than 12 columns.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{count_all, Frame};
    ///
    /// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, false), Field::new("b", DataType::Int64, false)]));
    /// let frame = Frame::from_batches("t", schema, vec![])?.cube(["a", "b"], [("n", count_all())])?;
    /// assert_eq!(frame.schema().fields().len(), 3);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    pub fn cube<'a>(
        self,
        columns: impl IntoIterator<Item = &'a str>,
        aggregates: impl IntoIterator<Item = (&'a str, AggregateCall)>,
    ) -> Result<Frame, ExprError> {
        let group: Vec<_> = columns.into_iter().map(|name| (name, super::col(name))).collect();
        if group.len() > 12 {
            return Err(ExprError::Inputs { operator: "cube", expected: "at most 12 columns; name the sets instead" });
        }
        let sets = GroupingSets::cube(group.len());
        self.aggregate_sets(group, sets, aggregates)
    }
}
