use std::sync::Arc;

use arrow_schema::{DataType, Schema};

use super::{Expr, ExprError, Frame, Functions, Name, Op, Scalar, col, nearest};

impl Expr {
    /// All rows of all inputs, by position; the names are those of the first.
    ///
    /// # Errors
    /// No input, and inputs of other types than the first; see [`Expr::union_coerced`].
    pub fn union(inputs: Vec<Expr>) -> Result<Expr, ExprError> {
        let Some(first) = inputs.first() else {
            return Err(ExprError::Inputs { operator: "union", expected: "at least one input" });
        };
        for (input, expr) in inputs.iter().enumerate() {
            let same = expr.schema.fields().len() == first.schema.fields().len()
                && expr.schema.fields().iter().zip(first.schema.fields()).all(|(a, b)| a.data_type() == b.data_type());
            if !same {
                return Err(mismatch(input, expr, first));
            }
        }
        let fields = first.schema.fields().iter().enumerate().map(|(at, field)| {
            let nullable = inputs.iter().any(|input| input.schema.field(at).is_nullable());
            field.as_ref().clone().with_nullable(nullable)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Expr::intern(Op::Union, inputs, schema))
    }

    /// All rows of all inputs, by position, each column cast to the type that all inputs have in common.
    ///
    /// # Errors
    /// No input, inputs of another number of columns, and columns without a common type.
    pub fn union_coerced(inputs: Vec<Expr>, functions: &dyn Functions) -> Result<Expr, ExprError> {
        let Some(first) = inputs.first() else { return Expr::union(inputs) };
        let width = first.schema().fields().len();
        if let Some((at, expr)) = inputs.iter().enumerate().find(|(_, expr)| expr.schema().fields().len() != width) {
            return Err(mismatch(at, expr, first));
        }
        let mut types: Vec<DataType> = Vec::with_capacity(width);
        for at in 0..width {
            let found: Vec<DataType> =
                inputs.iter().map(|input| input.schema().field(at).data_type().clone()).collect();
            let common = found[1..].iter().try_fold(found[0].clone(), |common, kind| {
                if common == *kind { Some(common) } else { functions.common_type(&common, kind) }
            });
            types.push(
                common.ok_or_else(|| ExprError::NoCommonType {
                    column: first.schema().field(at).name().clone(),
                    found,
                })?,
            );
        }
        let typed = inputs.into_iter().map(|input| {
            let schema = input.schema().clone();
            let fields = schema.fields().iter().zip(&types);
            if fields.clone().all(|(field, kind)| field.data_type() == kind) {
                return Ok(input);
            }
            let columns = fields.map(|(field, kind)| {
                let column = col(field.name().as_str());
                let same = field.data_type() == kind;
                (Name::from(field.name().as_str()), if same { column } else { column.cast(kind.clone()) })
            });
            input.project(columns.collect::<Vec<_>>(), functions)
        });
        Expr::union(typed.collect::<Result<Vec<_>, _>>()?)
    }

    /// All rows of all inputs, columns matched by name and cast to their common type; the order of the
    /// columns is that of the first input.
    ///
    /// # Errors
    /// No input, a column that another input lacks, and columns without a common type.
    pub fn union_by_name(inputs: Vec<Expr>, functions: &dyn Functions) -> Result<Expr, ExprError> {
        let Some(first) = inputs.first() else { return Expr::union(inputs) };
        let wanted = first.schema().clone();
        let has = |schema: &Schema, name: &str| schema.fields().find(name).is_some();
        let names = |schema: &Schema| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        for (input, expr) in inputs.iter().enumerate() {
            let (ours, theirs) = (names(&wanted), names(expr.schema()));
            let lacks = ours.iter().find(|name| !has(expr.schema(), name)).map(|name| (input, name, &theirs));
            let more = || theirs.iter().find(|name| !has(&wanted, name)).map(|name| (0, name, &ours));
            if let Some((input, name, others)) = lacks.or_else(more) {
                let suggestion = nearest(name, others.iter().map(String::as_str)).map(str::to_owned);
                return Err(ExprError::UnionName { input, name: name.clone(), suggestion });
            }
        }
        let arranged = inputs.into_iter().map(|input| {
            let same = input.schema().fields().iter().zip(wanted.fields()).all(|(a, b)| a.name() == b.name());
            if same {
                return Ok(input);
            }
            let columns = wanted.fields().iter().map(|field| {
                let name = field.name().as_str();
                (Name::from(name), col(name))
            });
            input.project(columns.collect::<Vec<(Name, Scalar)>>(), functions)
        });
        Expr::union_coerced(arranged.collect::<Result<Vec<_>, _>>()?, functions)
    }
}

fn mismatch(input: usize, expr: &Expr, first: &Expr) -> ExprError {
    let types = |expr: &Expr| {
        expr.schema().fields().iter().map(|field| field.data_type().to_string()).collect::<Vec<_>>().join(", ")
    };
    ExprError::UnionMismatch { input, found: types(expr), expected: types(first) }
}

impl Frame {
    /// The rows of both, by position, each column cast to the type that both have in common.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::Frame;
    ///
    /// let schema = |name: &str, kind| Arc::new(Schema::new(vec![Field::new(name, kind, true)]));
    /// let t = Frame::from_batches("t", schema("a", DataType::Int32), vec![])?;
    /// let u = Frame::from_batches("u", schema("x", DataType::Int64), vec![])?;
    /// let both = t.union(&u)?;
    /// assert_eq!(both.schema().field(0).name(), "a");
    /// assert_eq!(both.schema().field(0).data_type(), &DataType::Int64);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// Another number of columns, and columns without a common type.
    pub fn union(self, other: &Frame) -> Result<Frame, ExprError> {
        self.map(|expr, functions| Expr::union_coerced(vec![expr, other.expr().clone()], functions))
    }

    /// The rows of both, columns matched by name and cast to their common type.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::Frame;
    ///
    /// let schema = |names: [&str; 2]| Arc::new(Schema::new(names.map(|name| Field::new(name, DataType::Int64, true)).to_vec()));
    /// let t = Frame::from_batches("t", schema(["id", "price"]), vec![])?;
    /// let u = Frame::from_batches("u", schema(["price", "id"]), vec![])?;
    /// assert_eq!(t.clone().union_by_name(&u)?.schema().field(0).name(), "id");
    ///
    /// let v = Frame::from_batches("v", schema(["id", "prize"]), vec![])?;
    /// let error = t.union_by_name(&v).err().unwrap();
    /// assert_eq!(error.to_string(), "union by name: input 1 has no column `price`; did you mean `prize`?");
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// A column that the other frame lacks, or has beyond these, and columns without a common type.
    pub fn union_by_name(self, other: &Frame) -> Result<Frame, ExprError> {
        self.map(|expr, functions| Expr::union_by_name(vec![expr, other.expr().clone()], functions))
    }
}
