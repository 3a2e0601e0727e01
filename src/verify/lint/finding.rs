use std::fmt;

use super::source::Source;
use crate::rules::{Rule, snippet};
use crate::term::text::Span;

/// What a lint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lint {
    /// Two rules rewrite one term, and the results do not meet again.
    Overlap,
    /// An earlier rule always fires first.
    Shadowed,
    /// The pattern is one that no term has when the rule is tried.
    Unreachable,
    /// The rule fires on what it made, and what it makes grows.
    UnboundedGrowth,
    /// Rules make a term of itself.
    RuleCycle,
    /// The rule only swaps inputs.
    BareCommutativity,
    /// The rule only nests the same operator in another way.
    BareAssociativity,
    /// A volatile call is dropped, made twice, or made for other rows.
    Volatile,
    /// The right side has other columns, or other types.
    ChangedSchema,
    /// A guard that has never said no.
    IdleGuard,
    /// A guard that has never said yes.
    BlockingGuard,
}

impl Lint {
    /// All of them, by code.
    pub const ALL: [Lint; 11] = [
        Lint::Overlap,
        Lint::Shadowed,
        Lint::Unreachable,
        Lint::UnboundedGrowth,
        Lint::RuleCycle,
        Lint::BareCommutativity,
        Lint::BareAssociativity,
        Lint::Volatile,
        Lint::ChangedSchema,
        Lint::IdleGuard,
        Lint::BlockingGuard,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Lint::Overlap => "overlap",
            Lint::Shadowed => "shadowed",
            Lint::Unreachable => "unreachable",
            Lint::UnboundedGrowth => "unbounded-growth",
            Lint::RuleCycle => "rule-cycle",
            Lint::BareCommutativity => "bare-commutativity",
            Lint::BareAssociativity => "bare-associativity",
            Lint::Volatile => "volatile",
            Lint::ChangedSchema => "changed-schema",
            Lint::IdleGuard => "idle-guard",
            Lint::BlockingGuard => "blocking-guard",
        }
    }

    /// The stable code; [`crate::rules::explain`] has a page about each.
    pub fn code(self) -> &'static str {
        match self {
            Lint::Overlap => "R050",
            Lint::Shadowed => "R051",
            Lint::Unreachable => "R052",
            Lint::UnboundedGrowth => "R053",
            Lint::RuleCycle => "R054",
            Lint::BareCommutativity => "R055",
            Lint::BareAssociativity => "R056",
            Lint::Volatile => "R057",
            Lint::ChangedSchema => "R058",
            Lint::IdleGuard => "R059",
            Lint::BlockingGuard => "R060",
        }
    }
}

/// What a lint found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The lint.
    pub lint: Lint,
    /// The rule.
    pub rule: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// Terms that show it, and ways out; a line each.
    pub notes: Vec<String>,
    source_line: String,
    width: usize,
}

impl Finding {
    /// A finding about a rule as a whole: it points at the name.
    pub(super) fn new(lint: Lint, rule: &Rule, message: String, notes: Vec<String>) -> Self {
        let span = Source::of(rule).and_then(|source| source.name());
        Finding::at(lint, rule, span.unwrap_or_default(), message, notes)
    }

    /// A finding about a part of a rule's text.
    pub(super) fn at(lint: Lint, rule: &Rule, span: Span, message: String, notes: Vec<String>) -> Self {
        let text = rule.source();
        let (line, column) = crate::term::text::place(text, span.start);
        let source_line = text.lines().nth(line - 1).unwrap_or_default().to_owned();
        let on_line = source_line.chars().count().saturating_sub(column - 1);
        let width = text[span.start..span.end].chars().count().min(on_line).max(1);
        let (name, file) = (rule.name().to_owned(), rule.file().to_owned());
        Finding { lint, rule: name, file, line: rule.line() + line - 1, column, message, notes, source_line, width }
    }
}

impl fmt::Display for Finding {
    /// As errors of loading are shown, and the notes below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { lint, file, line, column, message, notes, source_line, width, .. } = self;
        let margin = " ".repeat(line.to_string().len());
        writeln!(f, "error[{}]: {}: {message}", lint.code(), lint.name())?;
        snippet(f, file, [*line, *column], source_line, *width)?;
        notes.iter().try_for_each(|note| write!(f, "\n{margin} = {note}"))
    }
}

impl std::error::Error for Finding {}
