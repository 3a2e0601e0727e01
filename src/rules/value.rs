use std::fmt;

use super::operator::Operator;
use super::scalar_operator::ScalarOperator;
use crate::expr::{DataTypeKey, JoinKind};
use crate::term::{
    AggregateId, AggregatePhase, ApplyForm, ColumnId, ColumnSet, ColumnsId, ExtensionId, GetId, KeysId, PredicatesId,
    ProjectionId, Required, ScalarId, Side, SortId, UnionId, UnnestSpec, WindowId,
};

/// What kind of thing a variable or a function stands for. Checked when rules are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// A relation.
    Rel,
    /// A list of relations.
    Rels,
    /// A conjunction.
    Predicates,
    /// A scalar.
    Scalar,
    /// A set of columns.
    Columns,
    /// A list of columns.
    ColumnList,
    /// Pairs of scalars that a join compares.
    Keys,
    /// Computed columns.
    Projection,
    /// Group keys and aggregates.
    Aggregates,
    /// Keys of a sort.
    SortKeys,
    /// How inputs of a union feed its output.
    Union,
    /// A kind of join.
    Kind,
    /// A number, or `all`.
    Count,
    /// A reading of a leaf.
    Get,
    /// A column.
    Column,
    /// The content of a window.
    Window,
    /// How a list becomes rows.
    Unnest,
    /// What an `apply` makes of its rows.
    Apply,
    /// What an engine runs.
    Extension,
    /// True or false.
    Bool,
    /// What is needed of the partitions of an input.
    Required,
    /// `build-left` or `build-right`.
    Side,
    /// `single`, `partial` or `final`.
    Phase,
    /// One of several relational operators: `?op:{filter sort}`.
    Operator,
    /// An operator of scalars: `?cmp:comparison`.
    ScalarOperator,
    /// A type of values: what a `cast` converts to.
    Type,
    /// What one of several operators is given, which goes back to that operator alone.
    Payload,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A relation that a value cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

/// What a variable is bound to; `R` is what a relation is here: an id in bindings, its facts in the
/// arguments of functions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value<R> {
    /// Not bound yet.
    Unbound,
    /// See [`Sort::Rel`]; so for the others.
    Rel(R),
    /// A list of relations.
    Rels(Vec<R>),
    /// A conjunction.
    Predicates(PredicatesId),
    /// A scalar.
    Scalar(ScalarId),
    /// A set of columns.
    Columns(ColumnSet),
    /// A list of columns.
    ColumnList(ColumnsId),
    /// Join keys.
    Keys(KeysId),
    /// Computed columns.
    Projection(ProjectionId),
    /// An aggregate.
    Aggregates(AggregateId),
    /// Sort keys.
    SortKeys(SortId),
    /// A union's mapping.
    Union(UnionId),
    /// A kind of join.
    Kind(JoinKind),
    /// A number; `None` is `all`.
    Count(Option<u64>),
    /// A reading.
    Get(GetId),
    /// A column.
    Column(ColumnId),
    /// A window.
    Window(WindowId),
    /// How a list becomes rows.
    Unnest(UnnestSpec),
    /// A form of `apply`.
    Apply(ApplyForm),
    /// An extension.
    Extension(ExtensionId),
    /// A truth value.
    Bool(bool),
    /// A requirement.
    Required(Required),
    /// A side of a join.
    Side(Side),
    /// A phase of an aggregate.
    Phase(AggregatePhase),
    /// A relational operator.
    Operator(Operator),
    /// An operator of scalars.
    ScalarOperator(ScalarOperator),
    /// A type.
    Type(DataTypeKey),
}

/// What a function gives: never a relation.
pub type Given = Value<Never>;

impl<R> Value<R> {
    /// The same value with relations told another way.
    pub fn map<S>(&self, mut rel: impl FnMut(&R) -> S) -> Value<S> {
        match self {
            Value::Unbound => Value::Unbound,
            Value::Rel(id) => Value::Rel(rel(id)),
            Value::Rels(ids) => Value::Rels(ids.iter().map(rel).collect()),
            Value::Predicates(id) => Value::Predicates(*id),
            Value::Scalar(id) => Value::Scalar(*id),
            Value::Columns(columns) => Value::Columns(columns.clone()),
            Value::ColumnList(id) => Value::ColumnList(*id),
            Value::Keys(id) => Value::Keys(*id),
            Value::Projection(id) => Value::Projection(*id),
            Value::Aggregates(id) => Value::Aggregates(*id),
            Value::SortKeys(id) => Value::SortKeys(*id),
            Value::Union(id) => Value::Union(*id),
            Value::Kind(kind) => Value::Kind(*kind),
            Value::Count(count) => Value::Count(*count),
            Value::Get(id) => Value::Get(*id),
            Value::Column(column) => Value::Column(*column),
            Value::Window(id) => Value::Window(*id),
            Value::Unnest(spec) => Value::Unnest(*spec),
            Value::Apply(form) => Value::Apply(*form),
            Value::Extension(id) => Value::Extension(*id),
            Value::Bool(value) => Value::Bool(*value),
            Value::Required(required) => Value::Required(*required),
            Value::Side(side) => Value::Side(*side),
            Value::Phase(phase) => Value::Phase(*phase),
            Value::Operator(operator) => Value::Operator(*operator),
            Value::ScalarOperator(operator) => Value::ScalarOperator(*operator),
            Value::Type(data_type) => Value::Type(data_type.clone()),
        }
    }
}

impl Given {
    /// The value among relations of any kind.
    pub(super) fn lift<R>(&self) -> Value<R> {
        self.map(|never| match *never {})
    }
}
