use std::sync::{Arc, LazyLock};

use super::functions;
use super::scalar_operator::ScalarOperator;
use super::value::{Given, Sort, Value};
use crate::expr::JoinKind;
use crate::term::{
    AggregateId, ColumnSet, ColumnsId, ExtensionId, Facts, KeysId, PredicatesId, ProjectionId, ScalarId, SortId, Terms,
    UnionId, UnnestSpec, WindowId,
};

/// The arguments of a function, of the sorts that it declares.
#[derive(Clone, Copy)]
pub struct Args<'a>(pub(super) &'a [Value<&'a Facts>]);

macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident => $variant:ident : $ty:ty),* $(,)?) => {
        impl<'a> Args<'a> {
            $($(#[$doc])* pub fn $name(self, at: usize) -> Option<$ty> {
                match self.0.get(at)? {
                    Value::$variant(value) => Some(*value),
                    _ => None,
                }
            })*
        }
    };
}

arguments! {
    /// What is proved of a relation.
    rel => Rel: &'a Facts,
    /// A conjunction.
    predicates => Predicates: PredicatesId,
    /// A scalar.
    scalar => Scalar: ScalarId,
    /// A list of columns.
    column_list => ColumnList: ColumnsId,
    /// Join keys.
    keys => Keys: KeysId,
    /// Computed columns.
    projection => Projection: ProjectionId,
    /// An aggregate.
    aggregates => Aggregates: AggregateId,
    /// Sort keys.
    sort_keys => SortKeys: SortId,
    /// A union's mapping.
    union => Union: UnionId,
    /// A window.
    window => Window: WindowId,
    /// How a list becomes rows.
    unnest => Unnest: UnnestSpec,
    /// An extension.
    extension => Extension: ExtensionId,
    /// A kind of join.
    kind => Kind: JoinKind,
    /// A number, or `None` for all.
    count => Count: Option<u64>,
    /// A truth value.
    bool => Bool: bool,
    /// An operator of scalars.
    scalar_operator => ScalarOperator: ScalarOperator,
}

impl<'a> Args<'a> {
    /// A set of columns.
    pub fn columns(self, at: usize) -> Option<&'a ColumnSet> {
        match self.0.get(at)? {
            Value::Columns(columns) => Some(columns),
            _ => None,
        }
    }

    /// What is proved of each relation of a list.
    pub fn rels(self, at: usize) -> Option<&'a [&'a Facts]> {
        match self.0.get(at)? {
            Value::Rels(rels) => Some(rels),
            _ => None,
        }
    }
}

/// What a function does. It is total: `None` says that there is no such value, and then the rule
/// does not apply.
#[derive(Clone, Copy)]
pub enum Body {
    /// Reads facts.
    Fact(fn(&Terms, Args<'_>) -> Option<Given>),
    /// Makes a payload.
    Make(fn(&mut Terms, Args<'_>) -> Option<Given>),
}

/// A function that rules may call. Several may share a name, if their arguments differ in sort.
#[derive(Clone)]
pub struct Function {
    /// Its name: kebab-case.
    pub name: &'static str,
    /// The sorts of its arguments.
    pub args: &'static [Sort],
    /// The sort of what it gives; never a relation.
    pub gives: Sort,
    /// One line for rule authors.
    pub doc: &'static str,
    /// What it does.
    pub body: Body,
}

impl std::fmt::Display for Function {
    /// Its signature: `(subset Columns Columns) -> Bool`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({}", self.name)?;
        self.args.iter().try_for_each(|sort| write!(f, " {sort}"))?;
        write!(f, ") -> {}", self.gives)
    }
}

/// The functions that rules may call.
#[derive(Clone)]
pub struct Registry(Vec<Function>);

impl Registry {
    /// The functions that ship.
    pub fn core() -> Arc<Registry> {
        static CORE: LazyLock<Arc<Registry>> = LazyLock::new(|| Arc::new(Registry(functions::core())));
        CORE.clone()
    }

    /// These functions and more; one of an equal name and equal arguments replaces the old one.
    pub fn with(&self, more: impl IntoIterator<Item = Function>) -> Registry {
        let mut all = self.0.clone();
        for function in more {
            all.retain(|known| known.name != function.name || known.args != function.args);
            all.push(function);
        }
        Registry(all)
    }

    /// All functions, by name.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.0.iter()
    }

    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Function> {
        self.0.iter().filter(move |function| function.name == name)
    }
}
