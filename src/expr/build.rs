//! The checked constructors of [`Expr`].

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::infer::infer_at;
use super::places;
use super::{AggregateCall, AggregateFunction, Expr, ExprError, Functions, JoinKind, Name, Op, Scalar, SortKey, infer};
use crate::leaf::Leaf;

impl Expr {
    /// A leaf.
    ///
    /// # Errors
    /// Two columns of one name.
    pub fn leaf(leaf: Leaf) -> Result<Expr, ExprError> {
        let schema = leaf.schema().clone();
        check_unique(schema.fields().iter().map(|field| field.name().as_str()))?;
        Ok(Expr::intern(Op::Leaf(leaf), [], schema))
    }

    /// Exactly these columns, in this order.
    ///
    /// # Errors
    /// Unknown columns, operands of types that an operator or function does not take, and two columns of one name.
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
    ///
    /// # Errors
    /// A predicate that is no boolean, unknown columns, and operands of types that it does not take.
    pub fn filter(self, predicate: Scalar, functions: &dyn Functions) -> Result<Expr, ExprError> {
        check_boolean("a filter", &predicate, &self.schema, functions)?;
        let schema = self.schema.clone();
        Ok(Expr::intern(Op::Filter(predicate), [self], schema))
    }

    /// A join with `right`; the conjuncts of `on` may read both sides. No conjunct: a cross product.
    ///
    /// # Errors
    /// A condition that is no boolean or reads unknown columns, and a column of one name on both sides.
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
        let schema = match kind {
            JoinKind::Inner => both,
            kind if kind.gives_right() => join_schema(&self.schema, &right.schema, kind)?,
            _ => self.schema.clone(),
        };
        Ok(Expr::intern(Op::Join { kind, on }, [self, right], schema))
    }

    /// Every row of this expression beside every row of `right`: an inner join without a condition.
    ///
    /// # Errors
    /// A column of one name on both sides.
    pub fn cross_join(self, right: Expr) -> Result<Expr, ExprError> {
        let schema = join_schema(&self.schema, &right.schema, JoinKind::Inner)?;
        Ok(Expr::intern(Op::Join { kind: JoinKind::Inner, on: Vec::new() }, [self, right], schema))
    }

    /// One row per group of equal keys; without keys, exactly one row.
    ///
    /// # Errors
    /// Unknown columns, arguments that an aggregate does not take, and two columns of one name.
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
        Ok(Expr::intern(Op::Aggregate { group, sets: None, aggregates }, [self], schema))
    }

    /// The rows in an order.
    ///
    /// # Errors
    /// No key at all, unknown columns, and operands of types that a key does not take.
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

    /// The schema of a projection: this one's own, where names, types and nullability stay.
    fn projected(&self, columns: &[(Name, Scalar)], functions: &dyn Functions) -> Result<SchemaRef, ExprError> {
        let places = places::columns(&self.schema);
        let fields = self.schema.fields();
        // From the first field on that is not this schema's own.
        let mut made: Option<Vec<FieldRef>> = None;
        for (at, (name, scalar)) in columns.iter().enumerate() {
            let kind = infer_at(scalar, at, &self.schema, &places, functions)?;
            let own = fields.get(at).filter(|field| {
                **name == *field.name().as_str()
                    && kind.data_type == *field.data_type()
                    && kind.nullable == field.is_nullable()
                    && field.metadata().is_empty()
            });
            if own.is_none() || made.is_some() {
                let field = own.cloned();
                let field = field.unwrap_or_else(|| Arc::new(Field::new(&**name, kind.data_type, kind.nullable)));
                made.get_or_insert_with(|| fields[..at].to_vec()).push(field);
            }
        }
        if made.is_none() && columns.len() == fields.len() && self.schema.metadata().is_empty() {
            return Ok(self.schema.clone());
        }
        check_unique(columns.iter().map(|(name, _)| &**name))?;
        Ok(Arc::new(Schema::new(made.unwrap_or_else(|| fields[..columns.len()].to_vec()))))
    }

    fn field(&self, name: &Name, scalar: &Scalar, functions: &dyn Functions) -> Result<Field, ExprError> {
        let kind = infer(scalar, &self.schema, functions)?;
        Ok(Field::new(&**name, kind.data_type, kind.nullable))
    }

    pub(super) fn aggregate_field(
        &self,
        name: &Name,
        call: &AggregateCall,
        functions: &dyn Functions,
    ) -> Result<Field, ExprError> {
        if call.function == AggregateFunction::Grouping {
            return Err(ExprError::GroupingArgument { call: call.to_string() });
        }
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

pub(super) fn check_boolean(
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

pub(super) fn check_unique<'a>(names: impl ExactSizeIterator<Item = &'a str> + Clone) -> Result<(), ExprError> {
    match places::repeated(names) {
        Some(name) => Err(ExprError::DuplicateColumn { name: name.to_owned() }),
        None => Ok(()),
    }
}

pub(super) fn schema_of(fields: Vec<Field>) -> Result<Arc<Schema>, ExprError> {
    check_unique(fields.iter().map(|field| field.name().as_str()))?;
    Ok(Arc::new(Schema::new(fields)))
}

pub(super) fn join_schema(left: &Schema, right: &Schema, kind: JoinKind) -> Result<SchemaRef, ExprError> {
    let places = places::columns(left);
    let both = |field: &&FieldRef| places.find(field.name(), 0).is_some();
    if let Some(field) = right.fields().iter().find(both) {
        return Err(ExprError::DuplicateColumn { name: field.name().clone() });
    }
    let side = |field: &FieldRef, nulls: bool| match nulls && !field.is_nullable() {
        true => Arc::new(field.as_ref().clone().with_nullable(true)),
        false => field.clone(),
    };
    let left = left.fields().iter().map(|field| side(field, kind.nulls_left()));
    let right = right.fields().iter().map(|field| side(field, kind.nulls_right()));
    Ok(Arc::new(Schema::new(left.chain(right).collect::<Vec<FieldRef>>())))
}
