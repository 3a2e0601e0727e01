//! The checked constructors of [`Expr`].

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use smallvec::SmallVec;

use super::infer::infer_at;
use super::places;
use super::{
    AggregateCall, AggregateFunction, Barrier, Expr, ExprError, Functions, JoinKind, Name, Op, Scalar, ScalarType,
    SortKey, infer,
};
use crate::leaf::Leaf;

impl Expr {
    /// A leaf.
    pub fn leaf(leaf: Leaf) -> Result<Expr, ExprError> {
        let schema = leaf.schema().clone();
        check_unique(schema.fields().iter().map(|field| field.name().as_str()))?;
        Ok(Expr::intern(Op::Leaf(leaf), [], schema))
    }

    /// Exactly these columns, in this order.
    pub fn project(
        self,
        columns: impl IntoIterator<Item = (Name, Scalar)>,
        functions: &dyn Functions,
    ) -> Result<Expr, ExprError> {
        let columns: Vec<_> = columns.into_iter().collect();
        let schema = self.projected(&columns, functions)?;
        Ok(Expr::intern(Op::Project(columns), [self], schema))
    }

    /// The rows for which `predicate` is true.
    pub fn filter(self, predicate: Scalar, functions: &dyn Functions) -> Result<Expr, ExprError> {
        check_boolean("a filter", &predicate, &self.schema, functions)?;
        let schema = self.schema.clone();
        Ok(Expr::intern(Op::Filter(predicate), [self], schema))
    }

    /// A join with `right`; the conjuncts of `on` may read both sides. No conjunct: a cross product.
    pub fn join(
        self,
        right: Expr,
        kind: JoinKind,
        on: Vec<Scalar>,
        functions: &dyn Functions,
    ) -> Result<Expr, ExprError> {
        let both = join_schema(&self.schema, &right.schema, JoinKind::Inner)?;
        for conjunct in &on {
            check_boolean("a join condition", conjunct, &both, functions)?;
        }
        let schema = match kind.gives_right() {
            true => join_schema(&self.schema, &right.schema, kind)?,
            false => self.schema.clone(),
        };
        Ok(Expr::intern(Op::Join { kind, on }, [self, right], schema))
    }

    /// One row per group of equal keys; without keys, exactly one row.
    pub fn aggregate(
        self,
        group: impl IntoIterator<Item = (Name, Scalar)>,
        aggregates: impl IntoIterator<Item = (Name, AggregateCall)>,
        functions: &dyn Functions,
    ) -> Result<Expr, ExprError> {
        let (group, aggregates): (Vec<_>, Vec<_>) = (group.into_iter().collect(), aggregates.into_iter().collect());
        let keys = group.iter().map(|(name, scalar)| self.field(name, scalar, functions));
        let values = aggregates.iter().map(|(name, call)| self.aggregate_field(name, call, functions));
        let schema = schema_of(keys.chain(values).collect::<Result<Vec<_>, _>>()?)?;
        Ok(Expr::intern(Op::Aggregate { group, aggregates }, [self], schema))
    }

    /// The rows in an order.
    pub fn sort(self, keys: Vec<SortKey>, functions: &dyn Functions) -> Result<Expr, ExprError> {
        if keys.is_empty() {
            return Err(ExprError::Inputs { operator: "sort", expected: "at least one key" });
        }
        for key in &keys {
            infer(&key.scalar, &self.schema, functions)?;
        }
        let schema = self.schema.clone();
        Ok(Expr::intern(Op::Sort(keys), [self], schema))
    }

    /// Skips `offset` rows, then gives at most `fetch`.
    pub fn limit(self, offset: u64, fetch: Option<u64>) -> Expr {
        let schema = self.schema.clone();
        Expr::intern(Op::Limit { offset, fetch }, [self], schema)
    }

    /// One of equal rows.
    pub fn distinct(self) -> Expr {
        let schema = self.schema.clone();
        Expr::intern(Op::Distinct, [self], schema)
    }

    /// All rows of all inputs, by position.
    pub fn union(inputs: Vec<Expr>) -> Result<Expr, ExprError> {
        let Some(first) = inputs.first() else {
            return Err(ExprError::Inputs { operator: "union", expected: "at least one input" });
        };
        let types = |expr: &Expr| {
            expr.schema.fields().iter().map(|field| field.data_type().to_string()).collect::<Vec<_>>().join(", ")
        };
        for (input, expr) in inputs.iter().enumerate() {
            let same = expr.schema.fields().len() == first.schema.fields().len()
                && expr.schema.fields().iter().zip(first.schema.fields()).all(|(a, b)| a.data_type() == b.data_type());
            if !same {
                return Err(ExprError::UnionMismatch { input, found: types(expr), expected: types(first) });
            }
        }
        let fields = first.schema.fields().iter().enumerate().map(|(at, field)| {
            let nullable = inputs.iter().any(|input| input.schema.field(at).is_nullable());
            field.as_ref().clone().with_nullable(nullable)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Expr::intern(Op::Union, inputs, schema))
    }

    /// A piece of plan that the engine runs as it is.
    pub fn barrier(barrier: Arc<dyn Barrier>, inputs: Vec<Expr>) -> Result<Expr, ExprError> {
        let schema = barrier.schema();
        check_unique(schema.fields().iter().map(|field| field.name().as_str()))?;
        Ok(Expr::intern(Op::Barrier(barrier), inputs, schema))
    }

    /// The schema of a projection: this one's own, where names, types and nullability stay.
    fn projected(&self, columns: &[(Name, Scalar)], functions: &dyn Functions) -> Result<SchemaRef, ExprError> {
        let places = places::columns(&self.schema);
        let kinds = columns
            .iter()
            .enumerate()
            .map(|(at, (_, scalar))| infer_at(scalar, at, &self.schema, &places, functions))
            .collect::<Result<SmallVec<[ScalarType; 8]>, _>>()?;
        let fields = self.schema.fields();
        let stays = |at: usize| {
            fields.get(at).filter(|field| {
                let (name, kind) = (&columns[at].0, &kinds[at]);
                **name == *field.name().as_str()
                    && kind.data_type == *field.data_type()
                    && kind.nullable == field.is_nullable()
                    && field.metadata().is_empty()
            })
        };
        let all = columns.len() == fields.len() && self.schema.metadata().is_empty();
        if all && (0..columns.len()).all(|at| stays(at).is_some()) {
            return Ok(self.schema.clone());
        }
        check_unique(columns.iter().map(|(name, _)| &**name))?;
        let made = |at: usize| Arc::new(Field::new(&*columns[at].0, kinds[at].data_type.clone(), kinds[at].nullable));
        let fields = (0..columns.len()).map(|at| stays(at).cloned().unwrap_or_else(|| made(at)));
        Ok(Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>())))
    }

    fn field(&self, name: &Name, scalar: &Scalar, functions: &dyn Functions) -> Result<Field, ExprError> {
        let kind = infer(scalar, &self.schema, functions)?;
        Ok(Field::new(&**name, kind.data_type, kind.nullable))
    }

    fn aggregate_field(
        &self,
        name: &Name,
        call: &AggregateCall,
        functions: &dyn Functions,
    ) -> Result<Field, ExprError> {
        let args = call.args.iter().map(|arg| infer(arg, &self.schema, functions)).collect::<Result<Vec<_>, _>>()?;
        if let Some(filter) = &call.filter {
            check_boolean("an aggregate's filter", filter, &self.schema, functions)?;
        }
        let types: Vec<DataType> = args.into_iter().map(|arg| arg.data_type).collect();
        match functions.aggregate_type(&call.function, &types) {
            Some(data_type) => Ok(Field::new(&**name, data_type, call.function != AggregateFunction::Count)),
            None => Err(ExprError::Type { operator: format!("`{}`", call.function.name()), found: types }),
        }
    }
}

fn check_boolean(
    what: &'static str,
    predicate: &Scalar,
    schema: &Schema,
    functions: &dyn Functions,
) -> Result<(), ExprError> {
    match infer(predicate, schema, functions)?.data_type {
        DataType::Boolean | DataType::Null => Ok(()),
        found => Err(ExprError::NotBoolean { what, found }),
    }
}

fn check_unique<'a>(names: impl ExactSizeIterator<Item = &'a str> + Clone) -> Result<(), ExprError> {
    match places::repeated(names) {
        Some(name) => Err(ExprError::DuplicateColumn { name: name.to_owned() }),
        None => Ok(()),
    }
}

fn schema_of(fields: Vec<Field>) -> Result<Arc<Schema>, ExprError> {
    check_unique(fields.iter().map(|field| field.name().as_str()))?;
    Ok(Arc::new(Schema::new(fields)))
}

fn join_schema(left: &Schema, right: &Schema, kind: JoinKind) -> Result<Arc<Schema>, ExprError> {
    let side = |fields: &[FieldRef], nulls: bool| {
        fields
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(field.is_nullable() || nulls))
            .collect::<Vec<_>>()
    };
    let mut fields = side(left.fields(), kind.nulls_left());
    fields.extend(side(right.fields(), kind.nulls_right()));
    schema_of(fields)
}
