use super::value::{Never, Sort, Value};
use crate::term::RelOp;

/// A relational operator without what it is given: what rules are indexed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Operator {
    Get,
    Empty,
    Project,
    Filter,
    Join,
    JoinSet,
    Aggregate,
    Distinct,
    Sort,
    Limit,
    TopK,
    Union,
    Extension,
    MarkJoin,
    Apply,
    Window,
    Unnest,
}

impl Operator {
    /// All of them, in their order.
    pub const ALL: [Operator; 17] = [
        Operator::Get,
        Operator::Empty,
        Operator::Project,
        Operator::Filter,
        Operator::Join,
        Operator::JoinSet,
        Operator::Aggregate,
        Operator::Distinct,
        Operator::Sort,
        Operator::Limit,
        Operator::TopK,
        Operator::Union,
        Operator::Extension,
        Operator::MarkJoin,
        Operator::Apply,
        Operator::Window,
        Operator::Unnest,
    ];

    /// The operator of a node.
    pub fn of(op: RelOp) -> Self {
        match op {
            RelOp::Get(_) => Operator::Get,
            RelOp::Empty(_) => Operator::Empty,
            RelOp::Project(_) => Operator::Project,
            RelOp::Filter(_) => Operator::Filter,
            RelOp::Join(_, _) => Operator::Join,
            RelOp::JoinSet(_) => Operator::JoinSet,
            RelOp::Aggregate(_) => Operator::Aggregate,
            RelOp::Distinct => Operator::Distinct,
            RelOp::Sort(_) => Operator::Sort,
            RelOp::Limit { .. } => Operator::Limit,
            RelOp::TopK { .. } => Operator::TopK,
            RelOp::Union(_) => Operator::Union,
            RelOp::Extension(_) => Operator::Extension,
            RelOp::MarkJoin(_, _) => Operator::MarkJoin,
            RelOp::Apply(_, _) => Operator::Apply,
            RelOp::Window(_) => Operator::Window,
            RelOp::Unnest(_) => Operator::Unnest,
        }
    }

    /// The operator's name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Operator::Get => "get",
            Operator::Empty => "empty",
            Operator::Project => "project",
            Operator::Filter => "filter",
            Operator::Join => "join",
            Operator::JoinSet => "join-set",
            Operator::Aggregate => "aggregate",
            Operator::Distinct => "distinct",
            Operator::Sort => "sort",
            Operator::Limit => "limit",
            Operator::TopK => "top-k",
            Operator::Union => "union",
            Operator::Extension => "extension",
            Operator::MarkJoin => "mark-join",
            Operator::Apply => "apply",
            Operator::Window => "window",
            Operator::Unnest => "unnest",
        }
    }

    /// The operator of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Operator::ALL.into_iter().find(|operator| operator.name() == name)
    }

    /// The sorts of what it is given, in the order that rules write.
    pub fn payload(self) -> &'static [Sort] {
        match self {
            Operator::Get => &[Sort::Get],
            Operator::Empty => &[Sort::ColumnList],
            Operator::Project => &[Sort::Projection],
            Operator::Filter | Operator::JoinSet => &[Sort::Predicates],
            Operator::Join => &[Sort::Kind, Sort::Predicates],
            Operator::Aggregate => &[Sort::Aggregates],
            Operator::Distinct => &[],
            Operator::Sort => &[Sort::SortKeys],
            Operator::Limit => &[Sort::Count, Sort::Count],
            Operator::TopK => &[Sort::SortKeys, Sort::Count, Sort::Count],
            Operator::Union => &[Sort::Union],
            Operator::Extension => &[Sort::Extension],
            Operator::MarkJoin => &[Sort::Column, Sort::Predicates],
            Operator::Apply => &[Sort::Apply, Sort::Predicates],
            Operator::Window => &[Sort::Window],
            Operator::Unnest => &[Sort::Unnest],
        }
    }

    /// How many inputs it has; `None` for any number.
    pub fn inputs(self) -> Option<usize> {
        match self {
            Operator::Get | Operator::Empty => Some(0),
            Operator::Join | Operator::MarkJoin | Operator::Apply => Some(2),
            Operator::JoinSet | Operator::Union | Operator::Extension => None,
            _ => Some(1),
        }
    }

    /// What a node of this operator is given, by position.
    pub(super) fn part(op: RelOp, at: usize) -> Option<Value<Never>> {
        Some(match (op, at) {
            (RelOp::Get(get), 0) => Value::Get(get),
            (RelOp::Empty(columns), 0) => Value::ColumnList(columns),
            (RelOp::Project(projection), 0) => Value::Projection(projection),
            (RelOp::Filter(predicates) | RelOp::JoinSet(predicates), 0) => Value::Predicates(predicates),
            (RelOp::Join(kind, _), 0) => Value::Kind(kind),
            (RelOp::Join(_, on) | RelOp::MarkJoin(_, on) | RelOp::Apply(_, on), 1) => Value::Predicates(on),
            (RelOp::MarkJoin(mark, _), 0) => Value::Column(mark),
            (RelOp::Apply(form, _), 0) => Value::Apply(form),
            (RelOp::Window(window), 0) => Value::Window(window),
            (RelOp::Unnest(spec), 0) => Value::Unnest(spec),
            (RelOp::Aggregate(spec), 0) => Value::Aggregates(spec),
            (RelOp::Sort(keys) | RelOp::TopK { keys, .. }, 0) => Value::SortKeys(keys),
            (RelOp::Limit { offset, .. }, 0) => Value::Count(Some(offset)),
            (RelOp::Limit { fetch, .. }, 1) => Value::Count(fetch),
            (RelOp::TopK { offset, .. }, 1) => Value::Count(Some(offset)),
            (RelOp::TopK { fetch, .. }, 2) => Value::Count(Some(fetch)),
            (RelOp::Union(union), 0) => Value::Union(union),
            (RelOp::Extension(extension), 0) => Value::Extension(extension),
            _ => return None,
        })
    }

    /// A node's operator from what it is given; `None` where a count that must be a number is `all`.
    pub(crate) fn build<R>(self, parts: &[Value<R>]) -> Option<RelOp> {
        Some(match (self, parts) {
            (Operator::Get, [Value::Get(get)]) => RelOp::Get(*get),
            (Operator::Empty, [Value::ColumnList(columns)]) => RelOp::Empty(*columns),
            (Operator::Project, [Value::Projection(projection)]) => RelOp::Project(*projection),
            (Operator::Filter, [Value::Predicates(predicates)]) => RelOp::Filter(*predicates),
            (Operator::JoinSet, [Value::Predicates(predicates)]) => RelOp::JoinSet(*predicates),
            (Operator::Join, [Value::Kind(kind), Value::Predicates(on)]) => RelOp::Join(*kind, *on),
            (Operator::Aggregate, [Value::Aggregates(spec)]) => RelOp::Aggregate(*spec),
            (Operator::Distinct, []) => RelOp::Distinct,
            (Operator::Sort, [Value::SortKeys(keys)]) => RelOp::Sort(*keys),
            (Operator::Limit, [Value::Count(Some(offset)), Value::Count(fetch)]) => {
                RelOp::Limit { offset: *offset, fetch: *fetch }
            }
            (Operator::TopK, [Value::SortKeys(keys), Value::Count(Some(offset)), Value::Count(Some(fetch))]) => {
                RelOp::TopK { keys: *keys, offset: *offset, fetch: *fetch }
            }
            (Operator::Union, [Value::Union(union)]) => RelOp::Union(*union),
            (Operator::MarkJoin, [Value::Column(mark), Value::Predicates(on)]) => RelOp::MarkJoin(*mark, *on),
            (Operator::Apply, [Value::Apply(form), Value::Predicates(on)]) => RelOp::Apply(*form, *on),
            (Operator::Window, [Value::Window(window)]) => RelOp::Window(*window),
            (Operator::Unnest, [Value::Unnest(spec)]) => RelOp::Unnest(*spec),
            (Operator::Extension, [Value::Extension(extension)]) => RelOp::Extension(*extension),
            _ => return None,
        })
    }
}
