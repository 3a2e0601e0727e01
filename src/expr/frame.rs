use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use smallvec::SmallVec;

use super::{
    AggregateCall, CoreFunctions, Expr, ExprError, Functions, JoinKind, Name, Op, Scalar, ScalarOp, SortKey, col,
    infer, nearest, places,
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
    ///
    /// # Errors
    /// No future at all, futures of several engines, and two columns of one name.
    pub fn from_delayed(
        name: &str,
        schema: SchemaRef,
        futures: impl Into<Arc<[FutureHandle]>>,
    ) -> Result<Self, ExprError> {
        Frame::from_leaf(Leaf::FromDelayed(FromDelayed::new(name, schema, futures)?))
    }

    /// A frame over batches at hand, as one partition.
    ///
    /// # Errors
    /// Two columns of one name.
    pub fn from_batches(name: &str, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Self, ExprError> {
        Frame::from_leaf(Leaf::Values(Values::new(name, schema, vec![batches])))
    }

    /// A frame over any leaf.
    ///
    /// # Errors
    /// Two columns of one name.
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
    ///
    /// # Errors
    /// Unknown columns, and one that is named twice.
    pub fn select<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, ExprError> {
        let columns: Vec<_> = names.into_iter().map(|name| (name, col(name))).collect();
        self.project(columns)
    }

    /// Exactly these computed columns.
    ///
    /// # Errors
    /// Unknown columns, operands of types that an operator or function does not take, and two columns of one name.
    pub fn project<'a>(self, columns: impl IntoIterator<Item = (&'a str, Scalar)>) -> Result<Self, ExprError> {
        self.map(|expr, functions| expr.project(named(columns), functions))
    }

    /// The columns there are, and one more (or another of that name).
    ///
    /// # Errors
    /// Unknown columns, and operands of types that an operator or function does not take.
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
    ///
    /// # Errors
    /// As for [`Frame::with_column`], and a name that is given twice.
    pub fn with_columns<'a>(self, columns: impl IntoIterator<Item = (&'a str, Scalar)>) -> Result<Self, ExprError> {
        let mut all: Vec<(Name, Scalar)> = match self.expr.op() {
            // The names are shared with the projection below.
            Op::Project(below) => below.iter().map(|(name, _)| kept(name.clone())).collect(),
            _ => self.schema().fields().iter().map(|field| kept(field.name().as_str().into())).collect(),
        };
        let there = all.len();
        let places = places::columns(self.schema());
        let mut given: SmallVec<[&str; 4]> = SmallVec::new();
        for (at, (name, scalar)) in columns.into_iter().enumerate() {
            given.push(name);
            match places.find(name, at) {
                Some(place) => all[place].1 = scalar,
                None => all.push((name.into(), scalar)),
            }
        }
        drop(places);
        // One that is new twice is found by the projection.
        if all.len() - there < given.len()
            && let Some(name) = places::repeated(given.iter().copied())
        {
            return Err(ExprError::DuplicateColumn { name: name.to_owned() });
        }
        self.map(|expr, functions| expr.project(all, functions))
    }

    /// The rows for which the predicate is true.
    ///
    /// # Errors
    /// A predicate that is no boolean, unknown columns, and operands of types that it does not take.
    pub fn filter(self, predicate: Scalar) -> Result<Self, ExprError> {
        self.map(|expr, functions| expr.filter(predicate, functions))
    }

    /// A join; the conjuncts of `on` may read the columns of both.
    ///
    /// # Errors
    /// A condition that is no boolean or reads unknown columns, and a column of one name on both sides:
    /// [`Frame::rename`] one of them.
    pub fn join(self, right: &Frame, kind: JoinKind, on: impl IntoIterator<Item = Scalar>) -> Result<Self, ExprError> {
        let on = on.into_iter().flat_map(Scalar::conjuncts).collect();
        self.map(|expr, functions| expr.join(right.expr.clone(), kind, on, functions))
    }

    /// Every row of this frame beside every row of the other.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::Frame;
    ///
    /// # let schema = |name: &str| Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
    /// let t = Frame::from_batches("t", schema("a"), vec![])?;
    /// let u = Frame::from_batches("u", schema("a"), vec![])?;
    /// // Two columns of one name would be an error.
    /// let pairs = t.cross_join(&u.rename([("a", "b")])?)?;
    /// assert_eq!(pairs.schema().fields().len(), 2);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// A column of one name on both sides: [`Frame::rename`] one of them.
    pub fn cross_join(self, right: &Frame) -> Result<Self, ExprError> {
        self.map(|expr, _| expr.cross_join(right.expr.clone()))
    }

    /// The same columns, some under other names.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::Frame;
    ///
    /// # let schema = |name: &str| Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
    /// let frame = Frame::from_batches("t", schema("a"), vec![])?.rename([("a", "b")])?;
    /// assert_eq!(frame.schema().field(0).name(), "b");
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// An unknown column, and two columns of one name in the result.
    pub fn rename<'a>(self, names: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ExprError> {
        let schema = self.schema().clone();
        let mut columns: Vec<(Name, Name)> =
            schema.fields().iter().map(|field| (field.name().as_str().into(), field.name().as_str().into())).collect();
        for (from, to) in names {
            match columns.iter_mut().find(|(known, _)| &**known == from) {
                Some((_, name)) => *name = to.into(),
                None => {
                    let known = schema.fields().iter().map(|field| field.name().as_str());
                    return Err(ExprError::unknown_column(from, known));
                }
            }
        }
        let columns = columns.into_iter().map(|(from, to)| (to, col(from)));
        self.map(|expr, functions| expr.project(columns, functions))
    }

    /// A call of one of the engine's functions, over this frame's columns.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, CoreFunctions, DataTypeKey, Frame, FunctionInfo, Functions, Volatility};
    ///
    /// struct Engine;
    /// impl Functions for Engine {
    ///     fn function(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
    ///         (name == "length" && args == [DataType::Utf8]).then(|| FunctionInfo {
    ///             name: name.into(),
    ///             version: "1".into(),
    ///             volatility: Volatility::Immutable,
    ///             return_type: DataTypeKey(DataType::Int32),
    ///             nullable: false,
    ///             strict: true,
    ///             fallible: false,
    ///         })
    ///     }
    ///     fn function_names(&self) -> Vec<String> {
    ///         vec!["length".into()]
    ///     }
    /// }
    ///
    /// let schema = Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, true)]));
    /// let frame = Frame::from_batches("t", schema, vec![])?;
    /// let frame = Frame::new(frame.expr().clone(), Arc::new(Engine));
    /// let length = frame.call("length", [col("name")])?;
    /// let error = frame.call("lenght", [col("name")]).unwrap_err();
    /// assert_eq!(error.to_string(), "no function `lenght` of Utf8; did you mean `length`?");
    /// assert_eq!(frame.with_column("n", length)?.schema().field(1).data_type(), &DataType::Int32);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// Arguments that are wrong themselves, and a function that the engine does not have for their types.
    pub fn call(&self, name: &str, args: impl IntoIterator<Item = Scalar>) -> Result<Scalar, ExprError> {
        let args: Vec<Scalar> = args.into_iter().collect();
        let types = args.iter().map(|arg| Ok(infer(arg, self.schema(), &*self.functions)?.data_type));
        let types = types.collect::<Result<Vec<_>, ExprError>>()?;
        match self.functions.function(name, &types) {
            Some(function) => Ok(Scalar::new(ScalarOp::Call(function.into()), args)),
            None => {
                let names = self.functions.function_names();
                let suggestion = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
                Err(ExprError::UnknownFunction { name: name.to_owned(), found: types, suggestion })
            }
        }
    }

    /// Groups the rows by columns.
    pub fn group_by<'a>(self, names: impl IntoIterator<Item = &'a str>) -> GroupedFrame {
        let group = names.into_iter().map(|name| (name.into(), col(name))).collect();
        GroupedFrame { frame: self, group }
    }

    /// One row per group of computed keys.
    ///
    /// # Errors
    /// Unknown columns, arguments that an aggregate does not take, and two columns of one name.
    pub fn aggregate<'a>(
        self,
        group: impl IntoIterator<Item = (&'a str, Scalar)>,
        aggregates: impl IntoIterator<Item = (&'a str, AggregateCall)>,
    ) -> Result<Self, ExprError> {
        self.map(|expr, functions| expr.aggregate(named(group), named(aggregates), functions))
    }

    /// The rows in an order.
    ///
    /// # Errors
    /// No key at all, unknown columns, and operands of types that a key does not take.
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

    pub(super) fn map(
        self,
        build: impl FnOnce(Expr, &dyn Functions) -> Result<Expr, ExprError>,
    ) -> Result<Self, ExprError> {
        let expr = build(self.expr, &*self.functions)?;
        Ok(Frame { expr, functions: self.functions })
    }
}

impl GroupedFrame {
    /// One row per group with these aggregates.
    ///
    /// # Errors
    /// As for [`Frame::aggregate`]; unknown are the columns of [`Frame::group_by`], too.
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

pub(super) fn named<'a, T>(columns: impl IntoIterator<Item = (&'a str, T)>) -> Vec<(Name, T)> {
    columns.into_iter().map(|(name, value)| (name.into(), value)).collect()
}
