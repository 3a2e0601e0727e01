use std::fmt;

use crate::term::Terms;
use crate::term::interpret::Relation;
use crate::term::text::NotationError;

/// Tables on which a rule changes the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The rule.
    pub rule: String,
    /// The tables, as texts.
    pub tables: String,
    /// The term.
    pub before: String,
    /// What the rule makes of it.
    pub after: String,
    /// What the term gives, one row per line below the columns.
    pub before_rows: String,
    /// What the other one gives.
    pub after_rows: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counterexample { rule, tables, before, after, before_rows, after_rows } = self;
        write!(f, "rule `{rule}` is not sound\n{tables}{before}\ngives\n{before_rows}but\n{after}\ngives\n{after_rows}")
    }
}

/// Why a rule could not be shown to be right.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is wrong.
    #[error("{0}")]
    Unsound(Box<Counterexample>),
    /// An example is no term.
    #[error("rule `{rule}`: in \"{text}\": {error}")]
    Notation {
        /// The rule.
        rule: String,
        /// The example.
        text: String,
        /// What is wrong with it.
        error: NotationError,
    },
    /// The interpreter does not know what an example means.
    #[error("rule `{rule}`: {term}: {message}")]
    Unknown {
        /// The rule.
        rule: String,
        /// The term.
        term: String,
        /// What the interpreter said.
        message: String,
    },
}

/// The rows of a relation under the names of its columns.
pub(super) fn rows(terms: &Terms, relation: &Relation) -> String {
    let head: Vec<_> = relation.columns.iter().map(|column| &*terms.column(*column).name).collect();
    let mut text = format!("  {}\n", head.join(" "));
    for row in &relation.rows {
        let row: Vec<_> = row.iter().map(ToString::to_string).collect();
        text.push_str(&format!("  {}\n", row.join(" ")));
    }
    text
}
