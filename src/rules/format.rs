//! The one layout of rule files.

use super::compile::check_brackets;
use super::diagnostic::RuleErrors;
use crate::term::text::{Lexeme, LexemeKind, lex};

/// Lines are broken when they would be longer, in characters.
const WIDTH: usize = 120;

/// Clauses whose content begins in one column.
const ALIGNED: [&str; 8] = ["match", "let", "if", "when", "replace", "requires", "tables", "cites"];

/// A rule file in its one layout: a clause per line, contents aligned, rules a blank line apart. Comments stay,
/// and so do the places where the author broke a line within a clause; too long lines are broken. Texts in quotes
/// are not touched. What the rules say is the same, and formatting twice is formatting once.
///
/// # Errors
/// Brackets and quotes that do not pair, text outside of rules, and files that are too large. Other errors of
/// rules do not matter here.
///
/// ```
/// let text = ";; Why.\n(rule merge-sorts (phase normalize) (match (sort ?k\n (sort _ ?r))))";
/// let formatted = leafhold::rules::format("sort.rules", text).unwrap();
/// assert!(formatted.ends_with("(rule merge-sorts\n  (phase normalize)\n  (match   (sort ?k\n             (sort _ ?r))))\n"));
/// assert_eq!(leafhold::rules::format("sort.rules", &formatted).unwrap(), formatted);
/// ```
pub fn format(file: &str, text: &str) -> Result<String, RuleErrors> {
    check_brackets(file, text)?;
    let lexemes = lex(text).unwrap_or_default();
    let mut reader = Reader { text, lexemes: &lexemes, at: 0, end: 0 };
    let pieces = reader.pieces();
    let mut printer = Printer { out: String::with_capacity(text.len()), column: 0 };
    printer.file(&pieces);
    Ok(printer.out)
}

/// A word, a list or a comment, and how it was set off from what stands before it.
struct Piece<'t> {
    kind: PieceKind<'t>,
    /// It began a line.
    newline: bool,
    /// A blank line stood before it.
    blank: bool,
}

enum PieceKind<'t> {
    Atom(&'t str),
    List(&'t str, Vec<Piece<'t>>, &'t str),
    Comment(&'t str),
}

impl Piece<'_> {
    /// The word.
    fn atom(&self) -> Option<&str> {
        match self.kind {
            PieceKind::Atom(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a label, which stands right before what it names.
    fn is_label(&self) -> bool {
        self.atom().is_some_and(|word| word.len() > 2 && word.starts_with('?') && word.ends_with(':'))
    }

    fn is_comment(&self) -> bool {
        matches!(self.kind, PieceKind::Comment(_))
    }

    /// How long its first line is, and whether that is all of it.
    fn first_line(&self) -> (usize, bool) {
        match &self.kind {
            PieceKind::Atom(text) => {
                let first = text.lines().next().unwrap_or_default();
                (first.chars().count(), first.len() == text.len())
            }
            PieceKind::Comment(text) => (text.chars().count(), false),
            PieceKind::List(_, items, _) => {
                let mut width = 1;
                let mut after_label = true;
                for item in items {
                    if item.newline && !after_label || item.is_comment() {
                        return (width, false);
                    }
                    let (own, whole) = item.first_line();
                    width += own + usize::from(!after_label);
                    if !whole {
                        return (width, false);
                    }
                    after_label = item.is_label();
                }
                (width + 1, true)
            }
        }
    }
}

/// Reads pieces. The brackets pair, and no deeper than the parser allows.
struct Reader<'t, 'l> {
    text: &'t str,
    lexemes: &'l [Lexeme],
    at: usize,
    /// Where the last lexeme ended.
    end: usize,
}

impl<'t> Reader<'t, '_> {
    fn pieces(&mut self) -> Vec<Piece<'t>> {
        let mut pieces: Vec<Piece<'t>> = Vec::new();
        while let Some(lexeme) = self.lexemes.get(self.at) {
            let gap = &self.text[self.end..lexeme.span.start];
            let newlines = gap.matches('\n').count();
            let (newline, blank) = (newlines > 0, newlines > 1);
            let start = lexeme.span.start;
            let source = &self.text[start..lexeme.span.end];
            self.at += 1;
            self.end = lexeme.span.end;
            let kind = match &lexeme.kind {
                LexemeKind::Close(_) => {
                    self.at -= 1;
                    self.end = start;
                    return pieces;
                }
                LexemeKind::Comment(_) => PieceKind::Comment(source.trim_end()),
                LexemeKind::Open(_) => {
                    let items = self.pieces();
                    let close = self.lexemes.get(self.at).map_or("", |close| {
                        self.at += 1;
                        self.end = close.span.end;
                        &self.text[close.span.start..close.span.end]
                    });
                    // The arguments of a type, such as `Decimal128(15, 2)`, are a part of its name.
                    if let Some(Piece { kind: PieceKind::Atom(name), .. }) = pieces.last_mut()
                        && gap.is_empty()
                        && name.starts_with(|c: char| c.is_ascii_uppercase())
                    {
                        *name = &self.text[start - name.len()..self.end];
                        continue;
                    }
                    PieceKind::List(source, items, close)
                }
                LexemeKind::Word(_) | LexemeKind::Quoted(_) | LexemeKind::Text(_) => PieceKind::Atom(source),
            };
            pieces.push(Piece { kind, newline, blank });
        }
        pieces
    }
}

struct Printer {
    out: String,
    column: usize,
}

impl Printer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        match text.rsplit_once('\n') {
            Some((_, last)) => self.column = last.chars().count(),
            None => self.column += text.chars().count(),
        }
    }

    fn line(&mut self, indent: usize) {
        // No line ends in a space.
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.put("\n");
        self.put(&" ".repeat(indent));
    }

    fn file(&mut self, pieces: &[Piece<'_>]) {
        for (at, piece) in pieces.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| &pieces[before]);
            match before {
                Some(_) if piece.is_comment() && !piece.newline => self.put(" "),
                Some(before) => {
                    self.line(0);
                    if piece.blank || !before.is_comment() || (before.is_comment() && !before.newline && at > 1) {
                        self.line(0);
                    }
                }
                None => {}
            }
            match &piece.kind {
                PieceKind::List(open, items, close) if items.first().and_then(Piece::atom) == Some("rule") => {
                    self.rule(open, items, close);
                }
                _ => self.piece(piece, 0),
            }
        }
        if !pieces.is_empty() {
            self.line(0);
        }
    }

    /// `(rule name`, then a line for each clause.
    fn rule(&mut self, open: &str, items: &[Piece<'_>], close: &str) {
        let physical = items.get(1).and_then(Piece::atom).is_some_and(|name| name.starts_with("implement-"));
        let requires = items.iter().any(|item| head(item) == Some("requires"));
        let width = if physical || requires { "requires".len() } else { "replace".len() };
        self.put(open);
        let mut after_comment = false;
        for (at, item) in items.iter().enumerate() {
            let trailing = item.is_comment() && !item.newline && at > 0;
            match at {
                0 => {}
                1 if !after_comment && !item.is_comment() && item.atom().is_some() => self.put(" "),
                _ if trailing && !after_comment => self.put(" "),
                _ => self.line(2),
            }
            let closers = usize::from(at + 1 == items.len());
            match &item.kind {
                PieceKind::List(open, parts, close) => self.clause(open, parts, close, width, closers),
                _ => self.piece(item, closers),
            }
            after_comment = item.is_comment();
        }
        if after_comment {
            self.line(0);
        }
        self.put(close);
    }

    fn clause(&mut self, open: &str, parts: &[Piece<'_>], close: &str, width: usize, closers: usize) {
        let Some((first, rest)) = parts.split_first() else { return self.list(open, parts, close, closers) };
        match first.atom() {
            Some(name) if ALIGNED.contains(&name) && !rest.is_empty() => {
                self.put(open);
                self.put(name);
                let column = self.column - name.len() + width + 1;
                self.put(&" ".repeat(column - self.column));
                self.items(rest, column, true, closers);
                self.put(close);
            }
            Some(name @ "example") if !rest.is_empty() => {
                self.put(open);
                self.put(name);
                let indent = self.column - name.len() + 1;
                let mut after_comment = false;
                for (at, part) in rest.iter().enumerate() {
                    match part.is_comment() && !part.newline && !after_comment {
                        true => self.put(" "),
                        false => self.line(indent),
                    }
                    let closers = if at + 1 == rest.len() { closers + 1 } else { 0 };
                    match &part.kind {
                        PieceKind::List(open, items, close) => self.half(open, items, close, closers),
                        _ => self.piece(part, closers),
                    }
                    after_comment = part.is_comment();
                }
                if after_comment {
                    self.line(indent);
                }
                self.put(close);
            }
            _ => self.list(open, parts, close, closers),
        }
    }

    /// `(before "..")` or `(after  "..")`.
    fn half(&mut self, open: &str, items: &[Piece<'_>], close: &str, closers: usize) {
        match items.split_first() {
            Some((first, rest)) if matches!(first.atom(), Some("before" | "after")) && !rest.is_empty() => {
                self.put(open);
                self.put(&format!("{:<7}", first.atom().unwrap_or_default()));
                let column = self.column;
                self.items(rest, column, true, closers);
                self.put(close);
            }
            _ => self.list(open, items, close, closers),
        }
    }

    fn piece(&mut self, piece: &Piece<'_>, closers: usize) {
        match &piece.kind {
            PieceKind::Atom(text) | PieceKind::Comment(text) => self.put(text),
            PieceKind::List(open, items, close) => self.list(open, items, close, closers),
        }
    }

    /// A list, followed by so many closing brackets.
    fn list(&mut self, open: &str, items: &[Piece<'_>], close: &str, closers: usize) {
        let indent = self.column + if open == "(" { 2 } else { 1 };
        self.put(open);
        self.items(items, indent, true, closers);
        self.put(close);
    }

    /// Items of a list; those that begin a line are indented so far.
    fn items(&mut self, items: &[Piece<'_>], indent: usize, mut joined: bool, closers: usize) {
        let mut after_comment = false;
        for (at, item) in items.iter().enumerate() {
            let closers = if at + 1 == items.len() { closers + 1 } else { 0 };
            let (width, whole) = item.first_line();
            let needed = usize::from(!joined) + width + if whole { closers } else { 0 };
            let too_long = self.column + needed > WIDTH && self.column > indent;
            let breaks = match item.is_comment() {
                true => item.newline,
                false => (item.newline || too_long) && !joined,
            };
            if after_comment || breaks {
                self.line(indent);
            } else if !joined || item.is_comment() {
                self.put(" ");
            }
            self.piece(item, closers);
            after_comment = item.is_comment();
            joined = item.is_label();
        }
        if after_comment {
            self.line(indent);
        }
    }
}

/// The first word of a list.
fn head<'p>(piece: &'p Piece<'_>) -> Option<&'p str> {
    match &piece.kind {
        PieceKind::List(_, items, _) => items.first()?.atom(),
        _ => None,
    }
}
