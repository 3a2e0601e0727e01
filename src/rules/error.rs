use std::fmt;

use super::value::Sort;
use crate::term::text::{Span, place};

/// What is wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleErrorKind {
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What should stand here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// A bracket or quote without its partner.
    #[error("this {0} is never closed")]
    Unclosed(&'static str),
    /// Brackets within brackets, without end.
    #[error("nested more than {0} levels deep")]
    TooDeep(usize),
    /// A name that nothing has.
    #[error("no {what} `{name}`{hint}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// The name.
        name: String,
        /// `; did you mean ..`, or what there is.
        hint: String,
    },
    /// A wrong number of parts.
    #[error("`{what}` takes {expected}, not {found}")]
    Arity {
        /// The operator.
        what: String,
        /// What it takes.
        expected: String,
        /// How many were given.
        found: usize,
    },
    /// A part of another sort.
    #[error("{what} is of sort {found}, but {expected} is needed here")]
    Sort {
        /// The part.
        what: String,
        /// The sort that the place takes.
        expected: Sort,
        /// The part's sort.
        found: Sort,
    },
    /// A function that does not take these arguments.
    #[error("`{name}` does not take ({found}); there {}", signatures(known))]
    Arguments {
        /// The function.
        name: String,
        /// The sorts given.
        found: String,
        /// The signatures that there are.
        known: Vec<String>,
    },
    /// A variable over all kinds of join.
    #[error(
        "`{0}` stands for every kind of join, and few rules hold for all; list those it holds for: `{0}:{{inner left}}`"
    )]
    BareKind(String),
    /// A list form without a list in the pattern to take it from.
    #[error("`{0}` stands for the list that the pattern matched, but the pattern has {1}; use exactly one `[.. ..]` of that sort")]
    NoList(String, &'static str),
    /// A part that a rule must have.
    #[error("rule `{rule}` has no `{clause}`: {why}")]
    Missing {
        /// The rule.
        rule: String,
        /// The part.
        clause: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// A part given twice.
    #[error("a second `{0}`; a rule has one")]
    Duplicate(String),
    /// Two rules of one name.
    #[error("a second rule `{0}`; names are unique over all files")]
    DuplicateRule(String),
    /// A name that says nothing of what the rule does.
    #[error("rule `{name}` does not begin with a verb: {}", verbs.join(", "))]
    Verb {
        /// The name.
        name: String,
        /// The verbs of its phase.
        verbs: Vec<&'static str>,
    },
    /// A law that is not written down.
    #[error("rule `{0}` has no law; write above it, after `;;`, why it holds and why each guard is there")]
    NoLaw(String),
    /// An input of a physical operator of which nothing is required.
    #[error("`requires` does not say what `{0}` needs: `({0} any)`, `({0} single)`, `({0} replicated)` or `({0} (hashed-by ..))`")]
    NoRequirement(String),
}

fn signatures(known: &[String]) -> String {
    match known {
        [only] => format!("is `{only}`"),
        many => format!("are {}", many.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// One error of a rule file, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub kind: RuleErrorKind,
    source_line: String,
    width: usize,
}

impl RuleError {
    pub(super) fn new(file: &str, text: &str, span: Span, kind: RuleErrorKind) -> Self {
        let (line, column) = place(text, span.start);
        let source_line = text.lines().nth(line - 1).unwrap_or_default().to_owned();
        let on_line = source_line.chars().count().saturating_sub(column - 1);
        let width = text[span.start..span.end].chars().count().min(on_line).max(1);
        RuleError { file: file.to_owned(), line, column, kind, source_line, width }
    }
}

impl fmt::Display for RuleError {
    /// The place, the message, the line, and carets below what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleError { file, line, column, kind, source_line, width } = self;
        let margin = " ".repeat(line.to_string().len());
        writeln!(f, "error: {kind}")?;
        writeln!(f, "{margin}--> {file}:{line}:{column}")?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{line} | {source_line}")?;
        write!(f, "{margin} | {}{}", " ".repeat(column - 1), "^".repeat(*width))
    }
}

impl std::error::Error for RuleError {}

/// All errors of some rule files, by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleErrors(pub Vec<RuleError>);

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.0 {
            writeln!(f, "{error}\n")?;
        }
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} error{plural} in the rules", self.0.len())
    }
}

impl std::error::Error for RuleErrors {}

/// A rule that a set does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no rule `{name}`{}", suggestion.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct UnknownRule {
    /// The name asked for.
    pub name: String,
    /// The nearest name that exists.
    pub suggestion: Option<String>,
}
