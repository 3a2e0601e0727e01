use std::fmt;

use super::lexer::{Span, place};
use crate::expr::ExprError;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub kind: Box<NotationErrorKind>,
    span: Span,
    source_line: Box<str>,
}

/// What can be wrong with the text of a term.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotationErrorKind {
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What should stand here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// A parenthesis, bracket or quote without its partner.
    #[error("this {0} is never closed")]
    Unclosed(&'static str),
    /// A table that nobody declared.
    #[error("no table `{name}`{hint}")]
    UnknownTable {
        /// The name.
        name: String,
        /// `; did you mean ..`, or what there is.
        hint: String,
    },
    /// A function that the engine does not have.
    #[error("no function `{name}` for these arguments{hint}")]
    UnknownFunction {
        /// The name.
        name: String,
        /// `; did you mean ..`, or nothing.
        hint: String,
    },
    /// A column that is already made elsewhere of something else.
    #[error("column `{0}` has another type where it was first made; give this one a name of its own")]
    OtherColumn(String),
    /// A type that Arrow does not have.
    #[error("no type `{0}`; write it as Arrow does, such as `Int64` or `Decimal128(15, 2)`")]
    UnknownType(String),
    /// An operator that texts cannot make.
    #[error("a `{0}` cannot be written: its content is the engine's")]
    NotWritable(&'static str),
    /// More levels than anybody writes.
    #[error("nested more than {0} levels deep")]
    TooDeep(usize),
    /// What the expression's types or columns forbid.
    #[error(transparent)]
    Expr(#[from] ExprError),
}

impl NotationError {
    pub(super) fn new(text: &str, span: Span, kind: impl Into<NotationErrorKind>) -> Self {
        let (line, column) = place(text, span.start);
        let source_line = text.lines().nth(line - 1).unwrap_or_default().to_owned();
        NotationError { line, column, kind: Box::new(kind.into()), span, source_line: source_line.into() }
    }

    /// The bytes of the text that are wrong.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.span.start..self.span.end
    }
}

impl fmt::Display for NotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotationError { line, column, kind, source_line, .. } = self;
        writeln!(f, "{line}:{column}: {kind}")?;
        writeln!(f, "  {source_line}")?;
        write!(f, "  {}^", " ".repeat(column - 1))
    }
}

impl std::error::Error for NotationError {}
