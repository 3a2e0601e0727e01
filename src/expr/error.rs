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
        let suggestion = nearest(name, available.iter().map(String::as_str)).map(str::to_owned);
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
