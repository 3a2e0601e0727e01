use std::fmt;

use super::compare::Pair;
use super::fill::Filling;
use crate::expr::Semantics;
use crate::term::interpret::{EvalError, Relation};
use crate::term::text::{NotationError, print_line};
use crate::term::{Terms, interpret};

/// Tables on which a rule changes the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The rule, or the step.
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
    /// Under which semantics, where it is not the default.
    pub under: Option<String>,
}

impl Counterexample {
    pub(super) fn new(rule: &str, pair: &Pair<'_>, filling: &Filling, semantics: &Semantics) -> Self {
        let Pair { terms, before, after, .. } = *pair;
        let tables = shown_tables(terms, before, filling);
        let [before_rows, after_rows] = pair.shown(filling, semantics);
        Counterexample {
            rule: rule.to_owned(),
            tables,
            before: print_line(terms, before),
            after: print_line(terms, after),
            before_rows,
            after_rows,
            under: under(semantics),
        }
    }
}

/// The name of semantics that are not the default.
pub(super) fn under(semantics: &Semantics) -> Option<String> {
    Some(semantics.text()).filter(|text| !text.is_empty())
}

/// The tables that a term reads, as texts.
pub(super) fn shown_tables(terms: &Terms, root: crate::term::TermId, filling: &Filling) -> String {
    let mut tables = String::new();
    for (spec, table) in terms.gets().iter().zip(&filling.0) {
        if read_in(terms, root, spec.columns.first()) || !table.is_empty() {
            let relation = Relation { columns: spec.columns.clone(), rows: table.clone() };
            tables.push_str(&format!("{}\n{}", spec.leaf.name(), rows(terms, &relation)));
        }
    }
    tables
}

fn read_in(terms: &Terms, root: crate::term::TermId, column: Option<&crate::term::ColumnId>) -> bool {
    let mut stack = vec![root];
    while let Some(term) = stack.pop() {
        let node = terms.term(term);
        if let (crate::term::RelOp::Get(get), Some(column)) = (node.op, column)
            && terms.get_spec(get).columns.contains(column)
        {
            return true;
        }
        stack.extend(node.inputs.iter().copied());
    }
    false
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counterexample { rule, tables, before, after, before_rows, after_rows, under } = self;
        write!(f, "rule `{rule}` is not sound; counterexample")?;
        if let Some(under) = under {
            write!(f, " under {under}")?;
        }
        write!(f, ":\n{tables}{before}\ngives\n{before_rows}but\n{after}\ngives\n{after_rows}")
    }
}

/// Why a rule could not be shown to be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
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
    /// The interpreter does not know what a term means.
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

impl VerifyError {
    pub(super) fn unknown(rule: &str, term: String, error: &EvalError) -> Self {
        VerifyError::Unknown { rule: rule.to_owned(), term, message: error.to_string() }
    }
}

/// The rows of a relation under the names of its columns.
pub(super) fn rows(terms: &Terms, relation: &interpret::Relation) -> String {
    if relation.columns.is_empty() {
        return format!("  {} rows without columns\n", relation.rows.len());
    }
    let head: Vec<_> = relation.columns.iter().map(|column| &*terms.column(*column).name).collect();
    let mut lines: Vec<Vec<String>> = vec![head.into_iter().map(str::to_owned).collect()];
    lines.extend(relation.rows.iter().map(|row| row.iter().map(ToString::to_string).collect()));
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..relation.columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$}")).collect::<String>();
        text.push_str(&format!(" {}\n", cells.trim_end()));
    }
    if relation.rows.is_empty() {
        text.push_str("  (no rows)\n");
    }
    text
}
