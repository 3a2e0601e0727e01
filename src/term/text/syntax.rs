//! The operators of a text and what stands beside them, before names are looked up.

use super::datum::{Datum, DatumError, DatumKind, MAX_DEPTH, read};
use super::error::{NotationError, NotationErrorKind};
use super::lexer::{Lexeme, LexemeKind, Span, lex};
use super::printer::OPERATORS;
use super::tables::Tables;
use crate::expr::nearest;

/// An operator, what it is given, and its inputs, before names are looked up.
pub(super) struct Syntax {
    pub(super) op: String,
    pub(super) payload: Vec<Datum>,
    pub(super) inputs: Vec<Syntax>,
    pub(super) span: Span,
}

impl Syntax {
    /// The operators of a text, with their inputs.
    ///
    /// # Errors
    /// When brackets, operators or tables are not what they must be.
    pub(super) fn read(text: &str, tables: &Tables) -> Result<Syntax, NotationError> {
        let lexemes =
            lex(text).map_err(|(span, what)| NotationError::new(text, span, NotationErrorKind::Unclosed(what)))?;
        let lexemes: Vec<_> =
            lexemes.into_iter().filter(|lexeme| !matches!(lexeme.kind, LexemeKind::Comment(_))).collect();
        let mut reader = Reader { text, lexemes: &lexemes, at: 0, tables };
        let syntax = reader.relation(0)?;
        match reader.lexemes.get(reader.at) {
            Some(lexeme) => Err(reader.expected("the end", lexeme)),
            None => Ok(syntax),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    lexemes: &'a [Lexeme],
    at: usize,
    tables: &'a Tables,
}

impl Reader<'_> {
    fn error(&self, span: Span, kind: NotationErrorKind) -> NotationError {
        NotationError::new(self.text, span, kind)
    }

    fn expected(&self, expected: &str, found: &Lexeme) -> NotationError {
        let kind = NotationErrorKind::Expected { expected: expected.to_owned(), found: found.describe() };
        self.error(found.span, kind)
    }

    fn at_end(&self, expected: &str) -> NotationError {
        let span = Span { start: self.text.len(), end: self.text.len() };
        let kind = NotationErrorKind::Expected { expected: expected.to_owned(), found: "the end".to_owned() };
        self.error(span, kind)
    }

    fn datum(&mut self, expected: &str) -> Result<Datum, NotationError> {
        read(self.lexemes, &mut self.at).map_err(|error| match error {
            DatumError::End => self.at_end(expected),
            DatumError::Unexpected { span, expected: close, found } => {
                let expected = close.map_or(expected.to_owned(), |close| format!("`{close}`"));
                self.error(span, NotationErrorKind::Expected { expected, found })
            }
            DatumError::Unclosed(span) => self.error(span, NotationErrorKind::Unclosed("bracket")),
            DatumError::TooDeep(span) => self.error(span, NotationErrorKind::TooDeep(MAX_DEPTH)),
        })
    }

    fn is_close(&self, bracket: char) -> bool {
        self.lexemes.get(self.at).is_some_and(|lexeme| lexeme.kind == LexemeKind::Close(bracket))
    }

    fn relation(&mut self, depth: usize) -> Result<Syntax, NotationError> {
        let lexeme = self.lexemes.get(self.at).ok_or_else(|| self.at_end("a relation"))?.clone();
        if depth > MAX_DEPTH {
            return Err(self.error(lexeme.span, NotationErrorKind::TooDeep(MAX_DEPTH)));
        }
        self.at += 1;
        match &lexeme.kind {
            LexemeKind::Open('(') => {
                let inner = self.relation(depth + 1)?;
                if !self.is_close(')') {
                    return Err(match self.lexemes.get(self.at) {
                        Some(found) => self.expected("`)`", found),
                        None => self.error(lexeme.span, NotationErrorKind::Unclosed("parenthesis")),
                    });
                }
                self.at += 1;
                Ok(inner)
            }
            LexemeKind::Word(word) if OPERATORS.contains(&word.as_str()) => self.operator(word, &lexeme, depth),
            LexemeKind::Word(name) | LexemeKind::Quoted(name) => {
                let table = split_copy(name).0;
                if self.tables.get(table).is_none() {
                    return Err(self.error(lexeme.span, unknown_table(table, self.tables, &OPERATORS)));
                }
                let datum = Datum { kind: DatumKind::Word(name.clone()), span: lexeme.span };
                Ok(Syntax { op: "get".to_owned(), payload: vec![datum], inputs: Vec::new(), span: lexeme.span })
            }
            _ => Err(self.expected("a relation", &lexeme)),
        }
    }

    fn operator(&mut self, op: &str, lexeme: &Lexeme, depth: usize) -> Result<Syntax, NotationError> {
        let mut payload = Vec::new();
        let parts: &[&str] = match op {
            "get" => &["a table"],
            "empty" => &["the columns in `[..]`"],
            "project" => &["the columns in `[..]`"],
            "filter" | "join-set" => &["a condition"],
            "mark-join" => &["the mark's name", "a condition"],
            "apply" => &["a kind of apply"],
            "window" => &["the partition's columns in `[..]`", "the keys in `[..]`", "the calls in `[..]`"],
            "unnest" => &["`[element := list]`", "`preserve-nulls` or `drop-nulls`"],
            "join" => &["a kind of join", "a condition"],
            "aggregate" => &["the keys in `[..]`", "the aggregates in `[..]`"],
            "sort" => &["the keys in `[..]`"],
            "limit" | "top-k" => &["a number of rows"],
            "union" => &["the columns in `[..]`"],
            "extension" => return Err(self.error(lexeme.span, NotationErrorKind::NotWritable("extension"))),
            _ => &[],
        };
        for part in parts {
            payload.push(self.datum(part)?);
        }
        if op == "apply" {
            if matches!(payload[0].word(), Some("mark" | "scalar")) {
                payload.push(self.datum("the column that it adds")?);
            }
            payload.push(self.datum("a condition")?);
        }
        if matches!(op, "limit" | "top-k") {
            if self.lexemes.get(self.at).and_then(Lexeme::word) == Some("offset") {
                self.at += 1;
                payload.push(self.datum("a number of rows")?);
            }
            if op == "top-k" {
                payload.insert(0, self.datum("the keys in `[..]`")?);
            }
        }
        let mut inputs = Vec::new();
        match op {
            "get" | "empty" => {}
            "join" | "mark-join" | "apply" => inputs = vec![self.relation(depth + 1)?, self.relation(depth + 1)?],
            "join-set" | "union" => {
                if self.lexemes.get(self.at).is_some_and(|next| next.kind == LexemeKind::Open('[')) {
                    let open = self.lexemes[self.at].span;
                    self.at += 1;
                    while !self.is_close(']') {
                        if self.at >= self.lexemes.len() {
                            return Err(self.error(open, NotationErrorKind::Unclosed("bracket")));
                        }
                        inputs.push(self.relation(depth + 1)?);
                    }
                    self.at += 1;
                } else {
                    // The inputs are the lines that are indented below this one.
                    let own = lexeme.indent.unwrap_or(0);
                    while self.lexemes.get(self.at).and_then(|next| next.indent).is_some_and(|indent| indent > own) {
                        inputs.push(self.relation(depth + 1)?);
                    }
                }
            }
            _ => inputs = vec![self.relation(depth + 1)?],
        }
        Ok(Syntax { op: op.to_owned(), payload, inputs, span: lexeme.span })
    }
}

/// A table's name, and which of its readings is meant.
pub(super) fn split_copy(word: &str) -> (&str, Option<usize>) {
    match word.rsplit_once(':').map(|(name, copy)| (name, copy.parse::<usize>())) {
        Some((name, Ok(copy))) if copy > 0 && copy <= MAX_COPIES => (name, Some(copy)),
        _ => (word, None),
    }
}

pub(super) fn unknown_table(name: &str, tables: &Tables, operators: &[&str]) -> NotationErrorKind {
    let near = nearest(name, tables.names().chain(operators.iter().copied()));
    let all = || format!("; there are {}", tables.names().collect::<Vec<_>>().join(", "));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_else(all);
    NotationErrorKind::UnknownTable { name: name.to_owned(), hint }
}

/// More readings of one table than anybody writes.
const MAX_COPIES: usize = 64;
