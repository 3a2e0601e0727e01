use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::expr::Sort as DfSortKey;
use datafusion::logical_expr::{
    Distinct, Expr as DfExpr, FetchType, Join, Limit, LogicalPlan, Projection, SkipType, Sort, TableScan,
    Values as DfValues,
};
use leafhold::expr::{BinaryOp, Expr, JoinKind, Name, Scalar, ScalarOp, SortKey, col};
use leafhold::leaf::{Leaf, Values};

use super::names::{Names, is_identifier};
use super::scalar::scalar;
use super::scope::{OuterScope, Scope};
use super::{Stop, invalid};
use crate::applied::Applied;
use crate::catalog::table_of;
use crate::subqueries::holds_subquery;
use crate::{EngineFunctions, SqlError};

/// Converts the nodes of one plan, each once.
#[derive(Default)]
pub(super) struct Converter {
    // By address: the plan is borrowed for as long as this lives, and a shared node is one address.
    done: HashMap<*const LogicalPlan, Expr>,
    /// The left sides of applies within whose right sides we are.
    pub(super) outer: Vec<OuterScope>,
}

impl Converter {
    /// The expression of a node; a barrier where it has no counterpart.
    #[recursive::recursive]
    pub fn relation(&mut self, plan: &LogicalPlan) -> Result<Expr, SqlError> {
        if let Some(expr) = self.done.get(&std::ptr::from_ref(plan)) {
            return Ok(expr.clone());
        }
        let expr = match self.native(plan) {
            Ok(expr) => expr,
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Opaque) => self.barrier(plan)?,
        };
        // Further in, one node may stand for several: its outer rows are others elsewhere.
        if self.outer.is_empty() {
            self.done.insert(std::ptr::from_ref(plan), expr.clone());
        }
        Ok(expr)
    }

    /// Where the expressions of a node over these inputs are looked up.
    pub(super) fn scope<'a>(&'a self, parts: impl Into<Vec<(&'a DFSchema, arrow_schema::SchemaRef)>>) -> Scope<'a> {
        Scope::new(parts).within(&self.outer)
    }

    fn native(&mut self, plan: &LogicalPlan) -> Result<Expr, Stop> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => {
                let input = self.relation(&filter.input)?;
                let scope = self.scope([(&**filter.input.schema(), input.schema().clone())]);
                Ok(input.filter(scalar(&filter.predicate, &scope)?, &EngineFunctions)?)
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Distinct(Distinct::All(input)) => Ok(self.relation(input)?.distinct()),
            LogicalPlan::SubqueryAlias(alias) => Ok(self.relation(&alias.input)?),
            LogicalPlan::Union(union) => {
                let inputs = union.inputs.iter().map(|input| self.relation(input)).collect::<Result<Vec<_>, _>>()?;
                let inputs = inputs.into_iter().map(|input| typed(input, &union.schema));
                Ok(Expr::union(inputs.collect::<Result<Vec<_>, _>>()?)?)
            }
            LogicalPlan::Extension(extension) => match extension.node.as_any().downcast_ref::<Applied>() {
                Some(applied) => self.apply(applied),
                None => Err(Stop::Opaque),
            },
            LogicalPlan::Values(values) => constants(values),
            LogicalPlan::EmptyRelation(empty) => {
                let schema = unique_schema(&empty.schema);
                if !empty.produce_one_row {
                    return Ok(Expr::leaf(Leaf::Values(Values::empty(schema)))?);
                }
                let nulls = schema.fields().iter().map(|field| arrow_array::new_null_array(field.data_type(), 1));
                one_leaf(schema.clone(), nulls.collect(), 1)
            }
            _ => Err(Stop::Opaque),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Expr, Stop> {
        let Some(table) = table_of(&scan.source) else { return Err(Stop::Opaque) };
        let mut expr = table.expr()?;
        if let Some(columns) = &scan.projection {
            let schema = expr.schema().clone();
            let columns = columns.iter().map(|at| schema.field(*at).name().as_str());
            expr = expr.project(columns.map(|name| (name.into(), col(name))), &EngineFunctions)?;
        }
        if !scan.filters.is_empty() {
            return Err(Stop::Opaque);
        }
        Ok(match scan.fetch {
            Some(fetch) => expr.limit(0, Some(fetch as u64)),
            None => expr,
        })
    }

    fn projection(&mut self, projection: &Projection) -> Result<Expr, Stop> {
        if let LogicalPlan::Aggregate(aggregate) = &*projection.input
            && let [DfExpr::GroupingSet(sets)] = &*aggregate.group_expr
        {
            match self.projected_sets(projection, aggregate, sets) {
                Err(Stop::Opaque) => {}
                done => return done,
            }
        }
        let input = self.relation(&projection.input)?;
        let scope = self.scope([(&**projection.input.schema(), input.schema().clone())]);
        project(projection, input, &mut |expr| scalar(expr, &scope))
    }

    fn join(&mut self, join: &Join) -> Result<Expr, Stop> {
        let (kind, swap) = match join.join_type {
            JoinType::Inner => (JoinKind::Inner, false),
            JoinType::Left => (JoinKind::Left, false),
            JoinType::Right => (JoinKind::Right, false),
            JoinType::Full => (JoinKind::Full, false),
            JoinType::LeftSemi => (JoinKind::Semi, false),
            JoinType::RightSemi => (JoinKind::Semi, true),
            JoinType::LeftAnti if join.null_aware => (JoinKind::NullAwareAnti, false),
            JoinType::LeftAnti => (JoinKind::Anti, false),
            JoinType::RightAnti => (JoinKind::Anti, true),
            _ => return Err(Stop::Opaque),
        };
        let (left, right) = (self.relation(&join.left)?, self.relation(&join.right)?);
        let (mut first, mut second) = (Side::new(left, join.left.schema()), Side::new(right, join.right.schema()));
        if swap {
            std::mem::swap(&mut first, &mut second);
        }
        separate(&mut first, &mut second, kind)?;
        let mut parts = vec![first.scope(), second.scope()];
        if swap {
            parts.reverse();
        }
        let scope = self.scope(parts);
        let equal = match join.null_equality {
            NullEquality::NullEqualsNothing => BinaryOp::Eq,
            NullEquality::NullEqualsNull => BinaryOp::IsNotDistinctFrom,
        };
        let mut on = Vec::new();
        for (left, right) in &join.on {
            on.push(Scalar::binary(equal, scalar(left, &scope)?, scalar(right, &scope)?));
        }
        if let Some(filter) = &join.filter {
            on.extend(scalar(filter, &scope)?.conjuncts());
        }
        // `on true` is no condition.
        on.retain(|conjunct| !matches!(&conjunct.op, ScalarOp::Literal(value) if value.as_bool() == Some(true)));
        Ok(first.expr.join(second.expr, kind, on, &EngineFunctions)?)
    }

    fn sort(&mut self, sort: &Sort) -> Result<Expr, Stop> {
        let input = self.relation(&sort.input)?;
        let scope = self.scope([(&**sort.input.schema(), input.schema().clone())]);
        let sorted = input.sort(sort_keys(&sort.expr, &scope)?, &EngineFunctions)?;
        Ok(match sort.fetch {
            Some(fetch) => sorted.limit(0, Some(fetch as u64)),
            None => sorted,
        })
    }

    fn limit(&mut self, limit: &Limit) -> Result<Expr, Stop> {
        let (skip, fetch) = (limit.get_skip_type().map_err(invalid)?, limit.get_fetch_type().map_err(invalid)?);
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (skip, fetch) else { return Err(Stop::Opaque) };
        Ok(self.relation(&limit.input)?.limit(skip as u64, fetch.map(|fetch| fetch as u64)))
    }
}

pub(super) fn sort_keys(keys: &[DfSortKey], scope: &Scope<'_>) -> Result<Vec<SortKey>, Stop> {
    let key = |key: &DfSortKey| {
        Ok(SortKey { scalar: scalar(&key.expr, scope)?, descending: !key.asc, nulls_first: key.nulls_first })
    };
    keys.iter().map(key).collect()
}

/// The columns of a projection over its converted input.
pub(super) fn project(
    projection: &Projection,
    input: Expr,
    scalar: &mut dyn FnMut(&DfExpr) -> Result<Scalar, Stop>,
) -> Result<Expr, Stop> {
    let mut names = Names::default();
    let mut columns = Vec::with_capacity(projection.expr.len());
    for (expr, (qualifier, field)) in projection.expr.iter().zip(projection.schema.iter()) {
        let scalar = scalar(expr)?;
        let name = match (&scalar.op, expr) {
            (ScalarOp::Column(name), DfExpr::Column(_)) => names.unique(name, qualifier),
            _ => names.unique(label(field.name(), "expr"), qualifier),
        };
        columns.push((name, scalar));
    }
    // A projection that changes nothing is not written down.
    let fields = input.schema().fields();
    let same = columns.len() == fields.len()
        && columns.iter().zip(fields).all(|((name, scalar), field)| {
            **name == *field.name().as_str() && matches!(&scalar.op, ScalarOp::Column(column) if column == name)
        });
    if same {
        return Ok(input);
    }
    Ok(input.project(columns, &EngineFunctions)?)
}

/// One input of a join, and what DataFusion calls its columns.
pub(super) struct Side<'a> {
    pub expr: Expr,
    df: &'a DFSchema,
}

impl<'a> Side<'a> {
    pub fn new(expr: Expr, df: &'a DFSchema) -> Self {
        Side { expr, df }
    }

    pub fn scope(&self) -> (&'a DFSchema, arrow_schema::SchemaRef) {
        (self.df, self.expr.schema().clone())
    }

    /// Renames the columns for which `clash` holds.
    pub fn rename(&mut self, clash: impl Fn(&str) -> bool, names: &mut Names) -> Result<(), Stop> {
        let schema = self.expr.schema().clone();
        let columns = schema.fields().iter().zip(self.df.iter()).map(|(field, (qualifier, _))| {
            let name = match clash(field.name()) {
                true => names.qualified(field.name(), qualifier),
                false => field.name().as_str().into(),
            };
            (name, col(field.name().as_str()))
        });
        self.expr = self.expr.clone().project(columns.collect::<Vec<_>>(), &EngineFunctions)?;
        Ok(())
    }
}

/// Gives columns of one name on both sides different names, both when both sides are in the output.
fn separate(left: &mut Side<'_>, right: &mut Side<'_>, kind: JoinKind) -> Result<(), Stop> {
    let (ours, theirs) = (left.expr.schema().clone(), right.expr.schema().clone());
    let clashes: Vec<&str> = ours
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|name| theirs.fields().find(name).is_some())
        .collect();
    if clashes.is_empty() {
        return Ok(());
    }
    let mut names = Names::default();
    let both = ours.fields().iter().chain(theirs.fields().iter());
    both.for_each(|field| names.reserve(field.name()));
    let clash = |name: &str| clashes.contains(&name);
    if kind.gives_right() {
        left.rename(clash, &mut names)?;
    }
    right.rename(clash, &mut names)
}

/// The input with the types that the union gives.
fn typed(input: Expr, union: &DFSchema) -> Result<Expr, Stop> {
    let schema = input.schema().clone();
    let pairs = || schema.fields().iter().zip(union.fields());
    if pairs().all(|(field, wanted)| field.data_type() == wanted.data_type()) {
        return Ok(input);
    }
    let columns = pairs().map(|(field, wanted)| {
        let column = col(field.name().as_str());
        let same = field.data_type() == wanted.data_type();
        let name: Name = field.name().as_str().into();
        (name, if same { column } else { column.cast(wanted.data_type().clone()) })
    });
    Ok(input.project(columns.collect::<Vec<_>>(), &EngineFunctions)?)
}

/// Rows of constants as a leaf.
fn constants(values: &DfValues) -> Result<Expr, Stop> {
    let nothing = DFSchema::empty();
    let scope = Scope::new([(&nothing, Arc::new(Schema::empty()))]);
    let schema = unique_schema(&values.schema);
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); schema.fields().len()];
    for row in &values.values {
        for ((column, expr), field) in columns.iter_mut().zip(row).zip(schema.fields()) {
            if holds_subquery(expr) {
                return Err(Stop::Opaque);
            }
            let ScalarOp::Literal(literal) = scalar(expr, &scope)?.op else { return Err(Stop::Opaque) };
            let value = match literal.data_type() == field.data_type() {
                true => literal.array().clone(),
                false => datafusion::arrow::compute::cast(literal.array(), field.data_type())
                    .map_err(|error| invalid(error.into()))?,
            };
            column.push(value);
        }
    }
    let columns = columns.iter().map(|parts| {
        let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
        arrow_select::concat::concat(&parts).map_err(|error| invalid(error.into()))
    });
    one_leaf(schema, columns.collect::<Result<_, _>>()?, values.values.len())
}

fn one_leaf(schema: arrow_schema::SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<Expr, Stop> {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch =
        RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(|error| invalid(error.into()))?;
    Ok(Expr::leaf(Leaf::Values(Values::new("values", schema, vec![vec![batch]])))?)
}

/// The columns of a plan under names that are unique.
pub(super) fn unique_schema(df: &DFSchema) -> arrow_schema::SchemaRef {
    let mut names = Names::default();
    let fields = df.iter().map(|(qualifier, field)| {
        let name = names.unique(label(field.name(), "expr"), qualifier);
        Field::new(&*name, field.data_type().clone(), field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The name that DataFusion gives, unless it is the text of an expression.
pub(super) fn label<'a>(name: &'a str, otherwise: &'a str) -> &'a str {
    if is_identifier(name) { name } else { otherwise }
}
