use std::fmt;

use super::error::RuleErrorKind;
use crate::term::text::{Span, place};

/// How much of a long line is shown before and behind what is wrong, in characters.
const CONTEXT: usize = 100;

/// One error of a rule file, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where the file as a whole is wrong.
    pub line: usize,
    /// The column, from 1, in characters; 0 where the file as a whole is wrong.
    pub column: usize,
    /// What is wrong.
    pub kind: RuleErrorKind,
    source_line: String,
    width: usize,
}

impl RuleError {
    pub(super) fn new(file: &str, text: &str, span: Span, kind: RuleErrorKind) -> Self {
        let (line, column) = place(text, span.start);
        let line_start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let source_line = text[line_start..].lines().next().unwrap_or_default().to_owned();
        let on_line = source_line.chars().count().saturating_sub(column - 1);
        let width = text[span.start..span.end].chars().count().min(on_line).max(1);
        RuleError { file: file.to_owned(), line, column, kind, source_line, width }
    }

    /// What is wrong with a file as a whole.
    pub(super) fn of_file(file: impl Into<String>, kind: RuleErrorKind) -> Self {
        RuleError { file: file.into(), line: 0, column: 0, kind, source_line: String::new(), width: 0 }
    }

    /// The stable code of what is wrong.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for RuleError {
    /// The code and the message, the place, the line, and carets below what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleError { file, line, column, kind, source_line, width } = self;
        writeln!(f, "error[{}]: {kind}", kind.code())?;
        if *line == 0 {
            return write!(f, " --> {file}");
        }
        snippet(f, file, [*line, *column], source_line, *width)
    }
}

/// The place, the line, and carets below what is wrong.
pub(crate) fn snippet(
    f: &mut fmt::Formatter<'_>,
    file: &str,
    [line, column]: [usize; 2],
    source_line: &str,
    width: usize,
) -> fmt::Result {
    let margin = " ".repeat(line.to_string().len());
    writeln!(f, "{margin}--> {file}:{line}:{column}")?;
    writeln!(f, "{margin} |")?;
    let (shown, before) = excerpt(source_line, column - 1, width);
    writeln!(f, "{line} | {shown}")?;
    let carets = width.min(shown.chars().count() - before).max(1);
    write!(f, "{margin} | {}{}", " ".repeat(before), "^".repeat(carets))
}

/// The part of a line that is shown, and how much of it stands before column `at`. What would move the
/// carets, such as a tab, is a space.
fn excerpt(line: &str, at: usize, width: usize) -> (String, usize) {
    let skipped = if at > CONTEXT { at - CONTEXT / 2 } else { 0 };
    let all = line.chars().count();
    let until = all.min((at + width.min(CONTEXT)).max(skipped) + CONTEXT);
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = line.chars().skip(skipped).take(until - skipped).map(plain).collect();
    let mut before = at - skipped;
    if skipped > 0 {
        shown.insert_str(0, ".. ");
        before += 3;
    }
    if until < all {
        shown.push_str(" ..");
    }
    // A place behind the end of the line, such as a bracket that is missing there.
    let missing = (before + 1).saturating_sub(shown.chars().count());
    shown.extend(std::iter::repeat_n(' ', missing));
    (shown, before)
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
        write!(f, "{} error{plural} in the rules", self.0.len())?;
        match self.0.first() {
            Some(first) => write!(f, "; `leafhold rules explain {}` says more", first.code()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RuleErrors {}
