//! Correlated operators: the right side is computed for every left row.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use indexmap::IndexMap;

use super::build::{check_boolean, join_schema, schema_of};
use super::{DataTypeKey, Expr, ExprError, Frame, Functions, JoinKind, Name, Node, Op, Scalar, ScalarOp, ScalarType};
use crate::token::{Tokenize, Tokenizer};

/// A column of the left side of an `apply`, as its right side reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OuterColumn {
    /// The name.
    pub name: Name,
    /// The type that the left side must give it.
    pub data_type: DataTypeKey,
    /// Whether it can be null.
    pub nullable: bool,
}

impl OuterColumn {
    /// What it is known to be.
    pub fn scalar_type(&self) -> ScalarType {
        ScalarType::new(self.data_type.0.clone(), self.nullable)
    }
}

impl Tokenize for OuterColumn {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("outer");
        tokenizer.put_str(&self.name);
        tokenizer.put(&self.data_type.0);
        tokenizer.put_bool(self.nullable);
    }
}

/// What an `apply` makes of a left row and the rows that the right side gives for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApplyKind {
    /// The left row beside each of them.
    Inner,
    /// The left row beside each of them, or beside nulls where there is none.
    Left,
    /// The left row, once, if there is one: `EXISTS`.
    Semi,
    /// The left row if there is none: `NOT EXISTS`.
    Anti,
    /// The left row and a boolean: whether the condition is true of one (`IN`); null where none is true
    /// and one is null.
    Mark(Name),
    /// The left row and the only value of the only row, or null for none; several rows are an error.
    Scalar(Name),
}

impl ApplyKind {
    /// The kind's name in plans.
    pub fn name(&self) -> &'static str {
        match self {
            ApplyKind::Inner => "inner",
            ApplyKind::Left => "left",
            ApplyKind::Semi => "semi",
            ApplyKind::Anti => "anti",
            ApplyKind::Mark(_) => "mark",
            ApplyKind::Scalar(_) => "scalar",
        }
    }

    /// The column that it adds.
    pub fn column(&self) -> Option<&Name> {
        match self {
            ApplyKind::Mark(name) | ApplyKind::Scalar(name) => Some(name),
            _ => None,
        }
    }
}

impl Tokenize for ApplyKind {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("apply-kind");
        tokenizer.put_str(self.name());
        match self.column() {
            Some(name) => {
                tokenizer.put_some();
                tokenizer.put_str(name);
            }
            None => tokenizer.put_none(),
        }
    }
}

impl fmt::Display for ApplyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Applies within right sides of applies: deeper than this is refused.
const MAX_NESTING: usize = 32;

/// The outer references that nothing within an expression binds, and how deep applies nest in it.
type Free = (IndexMap<Name, OuterColumn>, usize);

impl Expr {
    /// The outer references that no `apply` within this expression binds. O(nodes), no recursion.
    pub fn outer_references(&self) -> Vec<OuterColumn> {
        self.free().0.into_values().collect()
    }

    fn free(&self) -> Free {
        let mut known: HashMap<*const Node, Free> = HashMap::new();
        for node in self.post_order() {
            let mut free = Free::default();
            for (at, input) in node.inputs().iter().enumerate() {
                let (outer, depth) = &known[&std::ptr::from_ref::<Node>(&**input)];
                let right = at == 1 && matches!(node.op(), Op::Apply { .. });
                free.1 = free.1.max(depth + usize::from(right));
                for (name, outer) in outer {
                    if !(right && node.inputs()[0].schema().fields().find(name).is_some()) {
                        free.0.entry(name.clone()).or_insert_with(|| outer.clone());
                    }
                }
            }
            node.op().for_each_scalar(&mut |scalar| {
                scalar.for_each_outer(&mut |outer| {
                    free.0.entry(outer.name.clone()).or_insert_with(|| outer.clone());
                });
            });
            known.insert(std::ptr::from_ref::<Node>(&*node), free);
        }
        known.remove(&std::ptr::from_ref::<Node>(&**self)).unwrap_or_default()
    }

    /// For every row of this expression the rows of `right`, whose [outer references](Frame::outer) are
    /// the row's columns; `on` may read the columns of both. What the left side does not bind stays free
    /// for an `apply` further out.
    ///
    /// # Errors
    /// Unknown columns, two of one name, a condition that is no boolean, an outer reference of another
    /// type than the left column, a scalar of several columns, and applies nested too deeply.
    pub fn apply(
        self,
        right: Expr,
        kind: ApplyKind,
        on: Vec<Scalar>,
        functions: &dyn Functions,
    ) -> Result<Expr, ExprError> {
        let (free, depth) = right.free();
        if depth >= MAX_NESTING {
            let expected = "fewer applies within each other; join some of them instead";
            return Err(ExprError::Inputs { operator: "apply", expected });
        }
        for outer in free.values() {
            if let Some((_, field)) = self.schema().fields().find(&outer.name)
                && *field.data_type() != outer.data_type.0
            {
                let (name, expected) = (outer.name.to_string(), outer.data_type.0.clone());
                return Err(ExprError::OuterType { name, expected, found: field.data_type().clone() });
            }
        }
        let (left_schema, right_schema) = (self.schema().clone(), right.schema().clone());
        if !on.is_empty() {
            let both = join_schema(&left_schema, &right_schema, JoinKind::Inner)?;
            for conjunct in &on {
                check_boolean("an apply's condition", conjunct, &both, functions)?;
            }
        }
        let with = |field: Field| {
            let fields = left_schema.fields().iter().map(|field| field.as_ref().clone());
            schema_of(fields.chain([field]).collect())
        };
        let schema: Arc<Schema> = match &kind {
            ApplyKind::Inner => join_schema(&left_schema, &right_schema, JoinKind::Inner)?,
            ApplyKind::Left => join_schema(&left_schema, &right_schema, JoinKind::Left)?,
            ApplyKind::Semi | ApplyKind::Anti => left_schema.clone(),
            ApplyKind::Mark(name) => with(Field::new(&**name, arrow_schema::DataType::Boolean, true))?,
            ApplyKind::Scalar(name) => match right_schema.fields().as_ref() {
                [only] => with(Field::new(&**name, only.data_type().clone(), true))?,
                fields => return Err(ExprError::ScalarColumns { found: fields.len() }),
            },
        };
        Ok(Expr::intern(Op::Apply { kind, on }, [self, right], schema))
    }

    /// This expression's rows and whether `on` is true of one of the right rows: null where it is true of
    /// none and null of one.
    ///
    /// # Errors
    /// Unknown columns, two of one name, and a condition that is no boolean.
    pub fn mark_join(
        self,
        right: Expr,
        mark: impl Into<Name>,
        on: Vec<Scalar>,
        functions: &dyn Functions,
    ) -> Result<Expr, ExprError> {
        let (left_schema, mark) = (self.schema().clone(), mark.into());
        let both = join_schema(&left_schema, right.schema(), JoinKind::Inner)?;
        for conjunct in &on {
            check_boolean("a join condition", conjunct, &both, functions)?;
        }
        let nullable = on.iter().try_fold(false, |nullable, conjunct| {
            Ok::<_, ExprError>(nullable || super::infer(conjunct, &both, functions)?.nullable)
        })?;
        let mut fields: Vec<Field> = left_schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.push(Field::new(&*mark, arrow_schema::DataType::Boolean, nullable));
        let schema = schema_of(fields)?;
        Ok(Expr::intern(Op::MarkJoin { mark, on }, [self, right], schema))
    }
}

impl Frame {
    /// One of this frame's columns as the right side of an [`apply`](Frame::apply) reads it.
    ///
    /// # Errors
    /// An unknown column.
    pub fn outer(&self, name: &str) -> Result<Scalar, ExprError> {
        let fields = self.schema().fields();
        let Some((_, field)) = fields.find(name) else {
            return Err(ExprError::unknown_column(name, fields.iter().map(|field| field.name().as_str())));
        };
        let data_type = DataTypeKey(field.data_type().clone());
        let outer = OuterColumn { name: name.into(), data_type, nullable: field.is_nullable() };
        Ok(Scalar::new(ScalarOp::Outer(outer), []))
    }

    /// For every row the rows of `right`, whose outer references are the row's columns.
    ///
    /// The planner turns this into joins: of conditions that can move up, of groups by what an aggregate's rows are equal to,
    /// and else of the right side, computed once for each combination of values that it reads. What draws something anew for
    /// every row, or reads the left row below a full join, an engine's own operator or the list of a `not in`, is
    /// [refused](crate::optimize::PlanError::Unsupported); so is, under strict errors, what can fail.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, max, ApplyKind, Frame};
    ///
    /// let schema = |names: [&str; 2]| Arc::new(Schema::new(names.map(|name| Field::new(name, DataType::Int64, true)).to_vec()));
    /// let people = Frame::from_batches("people", schema(["id", "age"]), vec![])?;
    /// let orders = Frame::from_batches("orders", schema(["person", "total"]), vec![])?;
    /// // select *, (select max(total) from orders where person = id) as largest from people
    /// let largest = orders.filter(col("person").eq(people.outer("id")?))?.aggregate([], [("m", max(col("total")))])?;
    /// let frame = people.apply(&largest, ApplyKind::Scalar("largest".into()), [])?;
    /// assert_eq!(frame.schema().field(2).name(), "largest");
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// Unknown columns, two of one name, a condition that is no boolean, an outer reference of another
    /// type than the left column, a scalar of several columns, and applies nested too deeply.
    pub fn apply(
        self,
        right: &Frame,
        kind: ApplyKind,
        on: impl IntoIterator<Item = Scalar>,
    ) -> Result<Frame, ExprError> {
        let on = on.into_iter().flat_map(Scalar::conjuncts).collect();
        self.map(|expr, functions| expr.apply(right.expr().clone(), kind, on, functions))
    }

    /// The rows for which `right` gives a row: `WHERE EXISTS (..)`.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, Frame};
    ///
    /// # let schema = |name: &str| Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
    /// let people = Frame::from_batches("people", schema("id"), vec![])?;
    /// let orders = Frame::from_batches("orders", schema("person"), vec![])?;
    /// let theirs = orders.filter(col("person").eq(people.outer("id")?))?;
    /// let customers = people.exists(&theirs)?;
    /// assert_eq!(customers.schema().fields().len(), 1);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// An outer reference to a column that this frame lacks or has with another type, and applies nested too deeply.
    pub fn exists(self, right: &Frame) -> Result<Frame, ExprError> {
        self.apply(right, ApplyKind::Semi, [])
    }

    /// The rows for which `right` gives no row: `WHERE NOT EXISTS (..)`. See [`Frame::exists`].
    ///
    /// # Errors
    /// As for [`Frame::exists`].
    pub fn not_exists(self, right: &Frame) -> Result<Frame, ExprError> {
        self.apply(right, ApplyKind::Anti, [])
    }

    /// The rows and one more column: the value that `right` gives for each, or null. Several rows of the
    /// right side for one of these are an error of the run.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{avg, col, Frame};
    ///
    /// # let schema = |name: &str| Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
    /// let people = Frame::from_batches("people", schema("age"), vec![])?;
    /// let mean = people.clone().aggregate([], [("mean", avg(col("age")))])?;
    /// let frame = people.with_scalar("mean", &mean)?.filter(col("age").gt(col("mean")))?;
    /// assert_eq!(frame.schema().field(1).data_type(), &DataType::Float64);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Frame::exists`]; a name that there is already, and a right side of another number of columns than one.
    pub fn with_scalar(self, name: &str, right: &Frame) -> Result<Frame, ExprError> {
        self.apply(right, ApplyKind::Scalar(name.into()), [])
    }

    /// The rows and one more column: whether `value` is among the only column of `right`, in three values.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, Frame};
    ///
    /// # let schema = |name: &str| Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
    /// let people = Frame::from_batches("people", schema("id"), vec![])?;
    /// let banned = Frame::from_batches("banned", schema("id"), vec![])?;
    /// // where id not in (select id from banned)
    /// let welcome = people.with_in("banned", col("id"), &banned)?.filter(!col("banned"))?.select(["id"])?;
    /// assert_eq!(welcome.schema().fields().len(), 1);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Frame::apply`], and a right side of another number of columns than one.
    pub fn with_in(self, name: &str, value: Scalar, right: &Frame) -> Result<Frame, ExprError> {
        let [only] = right.schema().fields().as_ref() else {
            return Err(ExprError::ScalarColumns { found: right.schema().fields().len() });
        };
        // The right column gets a name that no column of this frame has.
        let mut own = only.name().clone();
        while self.schema().fields().find(&own).is_some() || own == name {
            own.push('\'');
        }
        let right = right.clone().project([(own.as_str(), super::col(only.name().as_str()))])?;
        self.apply(&right, ApplyKind::Mark(name.into()), [value.eq(super::col(own.as_str()))])
    }

    /// The rows and one more column: whether the condition is true of one of the right rows, in three
    /// values.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, Frame};
    ///
    /// # let schema = |name: &str| Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
    /// let t = Frame::from_batches("t", schema("a"), vec![])?;
    /// let u = Frame::from_batches("u", schema("x"), vec![])?;
    /// let marked = t.mark_join(&u, "larger", [col("a").lt(col("x"))])?;
    /// assert_eq!(marked.schema().field(1).data_type(), &DataType::Boolean);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// Unknown columns, two of one name, and a condition that is no boolean.
    pub fn mark_join(
        self,
        right: &Frame,
        mark: &str,
        on: impl IntoIterator<Item = Scalar>,
    ) -> Result<Frame, ExprError> {
        let on = on.into_iter().flat_map(Scalar::conjuncts).collect();
        self.map(|expr, functions| expr.mark_join(right.expr().clone(), mark, on, functions))
    }
}
