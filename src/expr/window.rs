use std::fmt;

use arrow_schema::{DataType, Field};

use super::build::{check_boolean, schema_of};
use super::{
    AggregateFunction, Expr, ExprError, Frame, Functions, Name, Op, Scalar, ScalarOp, SortKey, WindowFrame,
    WindowFunction, infer,
};
use crate::token::{Tokenize, Tokenizer};

/// One call of a `window` node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowCall<C = Name> {
    /// What is computed.
    pub function: WindowFunction,
    /// Of what; a second argument of `lag` and `lead` is their default, a constant.
    pub args: Vec<Scalar<C>>,
    /// Over which rows.
    pub frame: WindowFrame,
    /// Of an aggregate: only over the rows where this is true.
    pub filter: Option<Scalar<C>>,
}

impl<C> WindowCall<C> {
    /// A call over [`WindowFrame::UP_TO_PEERS`].
    pub fn new(function: WindowFunction, args: impl Into<Vec<Scalar<C>>>) -> Self {
        WindowCall { function, args: args.into(), frame: WindowFrame::UP_TO_PEERS, filter: None }
    }

    /// The same call over another frame.
    pub fn over(mut self, frame: WindowFrame) -> Self {
        self.frame = frame;
        self
    }

    /// The same aggregate over the rows where `filter` is true.
    pub fn filter(mut self, filter: Scalar<C>) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The same call with every column replaced.
    ///
    /// # Errors
    /// The first that replacing a column gives.
    pub fn try_map<D, E>(&self, column: &mut impl FnMut(&C) -> Result<D, E>) -> Result<WindowCall<D>, E> {
        Ok(WindowCall {
            function: self.function.clone(),
            args: self.args.iter().map(|arg| arg.try_map(column)).collect::<Result<_, _>>()?,
            frame: self.frame,
            filter: self.filter.as_ref().map(|filter| filter.try_map(column)).transpose()?,
        })
    }
}

/// How rows are seen by the calls of one `window` node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window<C = Name> {
    /// Rows that agree on these see each other.
    pub partition_by: Vec<Scalar<C>>,
    /// In this order.
    pub order_by: Vec<SortKey<C>>,
}

impl<C> Default for Window<C> {
    fn default() -> Self {
        Window { partition_by: Vec::new(), order_by: Vec::new() }
    }
}

impl<C> Window<C> {
    /// Rows that agree on these see each other.
    pub fn partition_by(partition_by: impl Into<Vec<Scalar<C>>>) -> Self {
        Window { partition_by: partition_by.into(), order_by: Vec::new() }
    }

    /// The same partitions in an order.
    pub fn order_by(mut self, order_by: impl Into<Vec<SortKey<C>>>) -> Self {
        self.order_by = order_by.into();
        self
    }

    /// The same window with every column replaced.
    ///
    /// # Errors
    /// The first that replacing a column gives.
    pub fn try_map<D, E>(&self, column: &mut impl FnMut(&C) -> Result<D, E>) -> Result<Window<D>, E> {
        Ok(Window {
            partition_by: self.partition_by.iter().map(|key| key.try_map(column)).collect::<Result<_, _>>()?,
            order_by: self.order_by.iter().map(|key| key.try_map(column)).collect::<Result<_, _>>()?,
        })
    }
}

impl<C: Tokenize> Tokenize for WindowCall<C> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("window-call");
        match &self.function {
            WindowFunction::Aggregate(AggregateFunction::Other(function)) => tokenizer.put(function),
            function => tokenizer.put_str(function.name()),
        }
        tokenizer.put(&self.function.number());
        tokenizer.put(&self.args);
        tokenizer.put(&self.frame);
        tokenizer.put(&self.filter);
    }
}

impl<C: Tokenize> Tokenize for Window<C> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("window");
        tokenizer.put(&self.partition_by);
        tokenizer.put(&self.order_by);
    }
}

impl<C: fmt::Display> fmt::Display for WindowCall<C> {
    /// The notation of plans: `(row-number)`, `(lag 1 a)`, `(sum a over (rows 1-preceding current-row))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}", self.function.name())?;
        if let Some(number) = self.function.number() {
            write!(f, " {number}")?;
        }
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))?;
        if let Some(filter) = &self.filter {
            write!(f, " where {filter}")?;
        }
        if self.function.reads_frame() && self.frame != WindowFrame::UP_TO_PEERS {
            write!(f, " over {}", self.frame)?;
        }
        f.write_str(")")
    }
}

impl<C> super::AggregateCall<C> {
    /// The aggregate over the rows of a frame around each row, instead of over a group.
    ///
    /// # Errors
    /// A distinct aggregate, which no window computes.
    pub fn over(self, frame: WindowFrame) -> Result<WindowCall<C>, ExprError> {
        if self.distinct {
            return Err(ExprError::Frame {
                frame: frame.to_string(),
                reason: "no window computes an aggregate of distinct values; aggregate and join instead",
            });
        }
        let function = WindowFunction::Aggregate(self.function);
        Ok(WindowCall { function, args: self.args, frame, filter: self.filter })
    }
}

/// The type of a call over arguments of known types: what every layer agrees on.
pub(crate) fn window_type(
    function: &WindowFunction,
    args: &[super::ScalarType],
    functions: &dyn Functions,
) -> Result<super::ScalarType, ExprError> {
    use super::ScalarType;
    let types = || args.iter().map(|arg| arg.data_type.clone()).collect::<Vec<_>>();
    let name = || format!("`{}`", function.name());
    let arity = |expected: &str| ExprError::Arity { operator: name(), expected: expected.into(), found: args.len() };
    match function {
        WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank | WindowFunction::Ntile(_) => {
            match args {
                [] => Ok(ScalarType::new(DataType::UInt64, false)),
                _ => Err(arity("no")),
            }
        }
        WindowFunction::PercentRank | WindowFunction::CumeDist => match args {
            [] => Ok(ScalarType::new(DataType::Float64, false)),
            _ => Err(arity("no")),
        },
        WindowFunction::Lag(_) | WindowFunction::Lead(_) => match args {
            [value] => Ok(ScalarType::new(value.data_type.clone(), true)),
            [value, default] if default.data_type == value.data_type || default.data_type == DataType::Null => {
                Ok(ScalarType::new(value.data_type.clone(), value.nullable || default.nullable))
            }
            [_, _] => Err(ExprError::Type { operator: name(), found: types() }),
            _ => Err(arity("1 or 2")),
        },
        WindowFunction::FirstValue | WindowFunction::LastValue | WindowFunction::NthValue(_) => match args {
            [value] => Ok(ScalarType::new(value.data_type.clone(), true)),
            _ => Err(arity("1")),
        },
        WindowFunction::Aggregate(AggregateFunction::Grouping) => {
            Err(ExprError::GroupingArgument { call: "(grouping ..)".into() })
        }
        WindowFunction::Aggregate(aggregate) => match functions.aggregate_type(aggregate, &types()) {
            Some(data_type) => Ok(ScalarType::new(data_type, *aggregate != AggregateFunction::Count)),
            None => Err(ExprError::Type { operator: name(), found: types() }),
        },
    }
}

impl Expr {
    /// The rows with one more column per call, computed over the rows that each row sees.
    ///
    /// # Errors
    /// Unknown columns, arguments that do not fit, two columns of one name, no call at all, a frame that
    /// makes no sense, and a frame or filter for a function that has none.
    pub fn window(
        self,
        window: Window,
        calls: impl IntoIterator<Item = (Name, WindowCall)>,
        functions: &dyn Functions,
    ) -> Result<Expr, ExprError> {
        let mut calls: Vec<_> = calls.into_iter().collect();
        if calls.is_empty() {
            return Err(ExprError::Inputs { operator: "window", expected: "at least one call" });
        }
        let schema = self.schema().clone();
        for key in window.partition_by.iter().chain(window.order_by.iter().map(|key| &key.scalar)) {
            infer(key, &schema, functions)?;
        }
        let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        for (name, call) in &mut calls {
            let frame = call.frame;
            let bad = |reason| Err(ExprError::Frame { frame: frame.to_string(), reason });
            if let Some(reason) = frame.fault(!window.order_by.is_empty()) {
                return bad(reason);
            }
            if !call.function.reads_frame() && frame != WindowFrame::UP_TO_PEERS {
                return bad("ranks, buckets, `lag` and `lead` see the whole partition; leave the frame out");
            }
            if matches!(call.function, WindowFunction::NthValue(0)) {
                return bad("rows of a frame count from 1");
            }
            if matches!(call.function, WindowFunction::Ntile(0)) {
                return bad("`ntile` needs a bucket to put rows in; give it 1 or more");
            }
            let shifts = matches!(call.function, WindowFunction::Lag(_) | WindowFunction::Lead(_));
            if shifts && call.args.get(1).is_some_and(|default| !matches!(default.op, ScalarOp::Literal(_))) {
                return bad("the default of `lag` and `lead` is a constant");
            }
            if let Some(filter) = &call.filter {
                if !matches!(call.function, WindowFunction::Aggregate(_)) {
                    return bad("only aggregates have a filter");
                }
                check_boolean("a window call's filter", filter, &schema, functions)?;
            }
            let args = call.args.iter().map(|arg| infer(arg, &schema, functions)).collect::<Result<Vec<_>, _>>()?;
            let kind = window_type(&call.function, &args, functions)?;
            fields.push(Field::new(&**name, kind.data_type, kind.nullable));
        }
        let schema = schema_of(fields)?;
        Ok(Expr::intern(Op::Window { window, calls }, [self], schema))
    }
}

impl Frame {
    /// The rows with one more column per call, computed over the rows that each row sees.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, row_number, sum, Frame, FrameBound, Window, WindowFrame};
    ///
    /// let field = |name| Field::new(name, DataType::Int64, true);
    /// let schema = Arc::new(Schema::new(vec![field("shop"), field("day"), field("sales")]));
    /// let by_day = Window::partition_by([col("shop")]).order_by([col("day").asc()]);
    /// let last_two = WindowFrame::rows(FrameBound::Preceding(1), FrameBound::CurrentRow);
    /// let frame = Frame::from_batches("t", schema, vec![])?
    ///     .window(by_day, [("n", row_number()), ("two", sum(col("sales")).over(last_two)?)])?;
    /// assert_eq!(frame.schema().field(3).data_type(), &DataType::UInt64);
    /// assert_eq!(frame.schema().field(4).name(), "two");
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// Unknown columns, arguments that do not fit, two columns of one name, no call at all, a frame that
    /// makes no sense, and a frame or filter for a function that has none.
    pub fn window<'a>(
        self,
        window: Window,
        calls: impl IntoIterator<Item = (&'a str, WindowCall)>,
    ) -> Result<Frame, ExprError> {
        let calls = calls.into_iter().map(|(name, call)| (name.into(), call)).collect::<Vec<_>>();
        self.map(|expr, functions| expr.window(window, calls, functions))
    }
}
