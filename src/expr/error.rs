use arrow_schema::DataType;

use crate::leaf::DelayedError;

/// What is wrong with an expression, found by the constructor that was asked to build it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// A column that the input does not have.
    #[error("no column `{name}`{}", hint(suggestion, available))]
    UnknownColumn {
        /// The name asked for.
        name: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
        /// All names that exist.
        available: Vec<String>,
    },
    /// Two output columns of one name.
    #[error("two columns of the name `{name}`; rename one of them")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// Operands that an operator does not take.
    #[error("{operator} does not take {}; cast an operand", types(found))]
    Type {
        /// The operator or function.
        operator: String,
        /// The types found.
        found: Vec<DataType>,
    },
    /// A predicate that is not a boolean.
    #[error("{what} must be Boolean, not {found}")]
    NotBoolean {
        /// Where the predicate stands.
        what: &'static str,
        /// Its type.
        found: DataType,
    },
    /// A wrong number of operands.
    #[error("{operator} takes {expected} operands, not {found}")]
    Arity {
        /// The operator or function.
        operator: String,
        /// How many it takes.
        expected: String,
        /// How many were given.
        found: usize,
    },
    /// Inputs of a union that do not fit together.
    #[error("union: input {input} has {found}, the first input has {expected}; project both to one schema")]
    UnionMismatch {
        /// Which input, from 0.
        input: usize,
        /// What it has.
        found: String,
        /// What it should have.
        expected: String,
    },
    /// Inputs of a union by name that do not have the same columns.
    #[error("union by name: input {input} has no column `{name}`{}", did_you_mean(suggestion))]
    UnionName {
        /// Which input lacks it, from 0.
        input: usize,
        /// What it lacks.
        name: String,
        /// The nearest name that it has.
        suggestion: Option<String>,
    },
    /// Columns of a union that no type holds.
    #[error("union: column `{column}` is {} and no type holds both; cast one of them", types(found))]
    NoCommonType {
        /// The column of the first input.
        column: String,
        /// The types of all inputs.
        found: Vec<DataType>,
    },
    /// A function that the engine does not have, or not for these arguments.
    #[error("no function `{name}` of {}{}", arguments(found), did_you_mean(suggestion))]
    UnknownFunction {
        /// The name.
        name: String,
        /// The types of the arguments.
        found: Vec<DataType>,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// A window frame that makes no sense where it stands.
    #[error("frame {frame}: {reason}")]
    Frame {
        /// The frame.
        frame: String,
        /// What is wrong, and what to do.
        reason: &'static str,
    },
    /// A grouping set of a key that is not there, or there twice.
    #[error("grouping set {set} names key {key}, which it names twice or which is not among the {keys} keys")]
    GroupingSet {
        /// Which set, from 0.
        set: usize,
        /// The key, from 0.
        key: usize,
        /// How many keys there are.
        keys: usize,
    },
    /// `grouping` of what is no key, or without grouping sets.
    #[error("`{call}` asks for what is no key of grouping sets; give it keys as they are written there")]
    GroupingArgument {
        /// The call.
        call: String,
    },
    /// A key of grouping sets that differs from call to call.
    #[error("key `{name}` of grouping sets is drawn anew for every set; persist the input and group by its column")]
    VolatileKey {
        /// The key.
        name: String,
    },
    /// An unnest of what is no list.
    #[error("column `{column}` is {found}, not a list; unnest needs a list")]
    NotAList {
        /// The column.
        column: String,
        /// Its type.
        found: DataType,
    },
    /// An outer reference to a column of another type.
    #[error("the outer reference `{name}` is {expected}, but that column of the left side is {found}")]
    OuterType {
        /// The column.
        name: String,
        /// What the reference says.
        expected: DataType,
        /// What the left side has.
        found: DataType,
    },
    /// A scalar subquery of several columns, or of none.
    #[error("the right side gives {found} columns where one value is needed; select one")]
    ScalarColumns {
        /// How many columns it has.
        found: usize,
    },
    /// Declared traits of an extension that contradict something.
    #[error("extension `{name}`: {reason}")]
    Traits {
        /// The extension.
        name: String,
        /// What contradicts.
        reason: &'static str,
    },
    /// An operator without the input it needs.
    #[error("{operator} needs {expected}")]
    Inputs {
        /// The operator.
        operator: &'static str,
        /// What it needs.
        expected: &'static str,
    },
    /// Futures that make no leaf.
    #[error(transparent)]
    Delayed(#[from] DelayedError),
}

impl ExprError {
    /// An unknown name among some known ones, with the nearest as a suggestion.
    pub fn unknown_column<'a>(name: &str, available: impl IntoIterator<Item = &'a str>) -> Self {
        let available: Vec<String> = available.into_iter().map(str::to_owned).collect();
        // Names are not qualified here: `t.a` is the column `a`, if there is one.
        let unqualified = name.rsplit_once('.').map(|(_, last)| last);
        let unqualified = unqualified.filter(|last| available.iter().any(|known| known == last));
        let suggestion = unqualified.or_else(|| nearest(name, available.iter().map(String::as_str))).map(str::to_owned);
        ExprError::UnknownColumn { name: name.to_owned(), suggestion, available }
    }
}

/// The candidate nearest to a misspelt name, if one is near at all.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn arguments(found: &[DataType]) -> String {
    match found {
        [] => "no argument".to_owned(),
        found => found.iter().map(DataType::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn hint(suggestion: &Option<String>, available: &[String]) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None if available.is_empty() => "; the input has no columns".to_owned(),
        None => {
            let shown: Vec<_> = available.iter().take(12).map(|name| format!("`{name}`")).collect();
            let more = if available.len() > shown.len() { ", .." } else { "" };
            format!("; there are {}{more}", shown.join(", "))
        }
    }
}

fn types(found: &[DataType]) -> String {
    found.iter().map(DataType::to_string).collect::<Vec<_>>().join(" and ")
}
