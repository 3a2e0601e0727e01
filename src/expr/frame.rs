use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use smallvec::SmallVec;

use super::{
    AggregateCall, CoreFunctions, Expr, ExprError, Functions, JoinKind, Name, Op, Scalar, SortKey, col, places,
};
use crate::leaf::{FromDelayed, FutureHandle, Leaf, Values};
use crate::token::Token;

/// A table to be computed: the fluent form of an [`Expr`].
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::expr::{col, lit, sum, Frame};
/// use leafhold::leaf::value;
///
/// let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
/// let schema = batch.schema();
/// let frame = Frame::from_delayed("numbers", schema, vec![value("part-0", vec![batch])])?
///     .filter(col("a").gt(lit(1i64)))?
///     .aggregate([], [("total", sum(col("a")))])?;
/// assert_eq!(frame.schema().field(0).name(), "total");
/// # Ok::<_, leafhold::expr::ExprError>(())
/// ```
#[derive(Clone)]
pub struct Frame {
    expr: Expr,
    functions: Arc<dyn Functions>,
}

/// A [`Frame`] whose rows are grouped, waiting for its aggregates.
pub struct GroupedFrame {
    frame: Frame,
    group: Vec<(Name, Scalar)>,
}

impl Frame {
    /// A frame of an expression, whose types an engine's `functions` tell.
    pub fn new(expr: Expr, functions: Arc<dyn Functions>) -> Self {
        Frame { expr, functions }
    }

    /// A frame over live futures, one per partition.
    pub fn from_delayed(
        name: &str,
        schema: SchemaRef,
        futures: impl Into<Arc<[FutureHandle]>>,
    ) -> Result<Self, ExprError> {
        Frame::from_leaf(Leaf::FromDelayed(FromDelayed::new(name, schema, futures)?))
    }

    /// A frame over batches at hand, as one partition.
    pub fn from_batches(name: &str, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Self, ExprError> {
        Frame::from_leaf(Leaf::Values(Values::new(name, schema, vec![batches])))
    }

    /// A frame over any leaf.
    pub fn from_leaf(leaf: Leaf) -> Result<Self, ExprError> {
        Ok(Frame::new(Expr::leaf(leaf)?, Arc::new(CoreFunctions)))
    }

    /// The expression.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The engine's types.
    pub fn functions(&self) -> &Arc<dyn Functions> {
        &self.functions
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        self.expr.schema()
    }

    /// The identity of this frame.
    pub fn token(&self) -> Token {
        self.expr.token()
    }

    /// Some of the columns, by name.
    pub fn select<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, ExprError> {
        let columns: Vec<_> = names.into_iter().map(|name| (name, col(name))).collect();
        self.project(columns)
    }

    /// Exactly these computed columns.
    pub fn project<'a>(self, columns: impl IntoIterator<Item = (&'a str, Scalar)>) -> Result<Self, ExprError> {
        self.map(|expr, functions| expr.project(named(columns), functions))
    }

    /// The columns there are, and one more (or another of that name).
    pub fn with_column(self, name: &str, scalar: Scalar) -> Result<Self, ExprError> {
        self.with_columns([(name, scalar)])
    }

    /// The columns there are, and some more (or others of those names), all computed from the columns there
    /// were before.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_array::{Int64Array, RecordBatch};
    /// # use leafhold::expr::{col, lit, Frame};
    /// # let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
    /// let frame = Frame::from_batches("numbers", batch.schema(), vec![batch])?
    ///     .with_columns([("a", col("a") + lit(1i64)), ("before", col("a"))])?;
    /// assert_eq!(frame.schema().field(1).name(), "before");
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    pub fn with_columns<'a>(self, columns: impl IntoIterator<Item = (&'a str, Scalar)>) -> Result<Self, ExprError> {
        let mut all: Vec<(Name, Scalar)> = match self.expr.op() {
            // The names are shared with the projection below.
            Op::Project(below) => below.iter().map(|(name, _)| kept(name.clone())).collect(),
            _ => self.schema().fields().iter().map(|field| kept(field.name().as_str().into())).collect(),
        };
        let there = all.len();
        let schema = self.schema().clone();
        let places = places::columns(&schema);
        let mut given: SmallVec<[&str; 4]> = SmallVec::new();
        for (at, (name, scalar)) in columns.into_iter().enumerate() {
            given.push(name);
            match places.find(name, at) {
                Some(place) => all[place].1 = scalar,
                None => all.push((name.into(), scalar)),
            }
        }
        // One that is new twice is found by the projection.
        if all.len() - there < given.len()
            && let Some(name) = places::repeated(given.iter().copied())
        {
            return Err(ExprError::DuplicateColumn { name: name.to_owned() });
        }
        self.map(|expr, functions| expr.project(all, functions))
    }

    /// The rows for which the predicate is true.
    pub fn filter(self, predicate: Scalar) -> Result<Self, ExprError> {
        self.map(|expr, functions| expr.filter(predicate, functions))
    }

    /// A join; the conjuncts of `on` may read the columns of both.
    pub fn join(self, right: &Frame, kind: JoinKind, on: impl IntoIterator<Item = Scalar>) -> Result<Self, ExprError> {
        let on = on.into_iter().flat_map(Scalar::conjuncts).collect();
        self.map(|expr, functions| expr.join(right.expr.clone(), kind, on, functions))
    }

    /// Groups the rows by columns.
    pub fn group_by<'a>(self, names: impl IntoIterator<Item = &'a str>) -> GroupedFrame {
        let group = names.into_iter().map(|name| (name.into(), col(name))).collect();
        GroupedFrame { frame: self, group }
    }

    /// One row per group of computed keys.
    pub fn aggregate<'a>(
        self,
        group: impl IntoIterator<Item = (&'a str, Scalar)>,
        aggregates: impl IntoIterator<Item = (&'a str, AggregateCall)>,
    ) -> Result<Self, ExprError> {
        self.map(|expr, functions| expr.aggregate(named(group), named(aggregates), functions))
    }

    /// The rows in an order.
    pub fn sort(self, keys: impl IntoIterator<Item = SortKey>) -> Result<Self, ExprError> {
        self.map(|expr, functions| expr.sort(keys.into_iter().collect(), functions))
    }

    /// At most the first `fetch` rows after `offset`.
    pub fn limit(self, offset: u64, fetch: u64) -> Self {
        let expr = self.expr.limit(offset, Some(fetch));
        Frame { expr, functions: self.functions }
    }

    /// One of equal rows.
    pub fn distinct(self) -> Self {
        Frame { expr: self.expr.distinct(), functions: self.functions }
    }

    /// The rows of both, by position.
    pub fn union(self, other: &Frame) -> Result<Self, ExprError> {
        self.map(|expr, _| Expr::union(vec![expr, other.expr.clone()]))
    }

    fn map(self, build: impl FnOnce(Expr, &dyn Functions) -> Result<Expr, ExprError>) -> Result<Self, ExprError> {
        let expr = build(self.expr, &*self.functions)?;
        Ok(Frame { expr, functions: self.functions })
    }
}

impl GroupedFrame {
    /// One row per group with these aggregates.
    pub fn aggregate<'a>(
        self,
        aggregates: impl IntoIterator<Item = (&'a str, AggregateCall)>,
    ) -> Result<Frame, ExprError> {
        let group = self.group;
        self.frame.map(|expr, functions| expr.aggregate(group, named(aggregates), functions))
    }
}

fn kept(name: Name) -> (Name, Scalar) {
    (name.clone(), Scalar::column(name))
}

fn named<'a, T>(columns: impl IntoIterator<Item = (&'a str, T)>) -> Vec<(Name, T)> {
    columns.into_iter().map(|(name, value)| (name.into(), value)).collect()
}
