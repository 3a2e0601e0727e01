//! S-expressions with places: what payloads of the notation and whole rule files are made of.

use super::lexer::{Lexeme, LexemeKind, Span};

/// Deeper nesting than this is refused, so that nothing recurses without bounds.
pub(crate) const MAX_DEPTH: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatumKind {
    Word(String),
    Quoted(String),
    Text(String),
    /// By its opening `(`, `[` or `{`.
    List(char, Vec<Datum>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datum {
    pub kind: DatumKind,
    pub span: Span,
}

/// Why there is no datum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatumError {
    /// Nothing is left.
    End,
    /// A closing bracket that nothing opened, or of another kind.
    Unexpected { span: Span, expected: Option<char>, found: String },
    /// An opening bracket whose partner is missing.
    Unclosed(Span),
    /// Deeper than [`MAX_DEPTH`].
    TooDeep(Span),
}

impl Datum {
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            DatumKind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The items of a list of that bracket.
    pub fn list(&self, bracket: char) -> Option<&[Datum]> {
        match &self.kind {
            DatumKind::List(open, items) if *open == bracket => Some(items),
            _ => None,
        }
    }

    /// The operator and operands of `(operator operand*)`.
    pub fn form(&self) -> Option<(&str, &[Datum])> {
        let (head, rest) = self.list('(')?.split_first()?;
        Some((head.word()?, rest))
    }

    /// How error messages call it.
    pub fn describe(&self) -> String {
        match &self.kind {
            DatumKind::Word(word) => format!("`{word}`"),
            DatumKind::Quoted(text) => format!("\"{text}\""),
            DatumKind::Text(text) => format!("'{text}'"),
            DatumKind::List('(', items) => match items.first().and_then(Datum::word) {
                Some(head) => format!("`({head} ..)`"),
                None => "`(..)`".to_owned(),
            },
            DatumKind::List('[', _) => "`[..]`".to_owned(),
            DatumKind::List(..) => "`{..}`".to_owned(),
        }
    }
}

/// Reads one datum; comments are skipped.
pub(crate) fn read(lexemes: &[Lexeme], at: &mut usize) -> Result<Datum, DatumError> {
    read_nested(lexemes, at, 0)
}

fn read_nested(lexemes: &[Lexeme], at: &mut usize, depth: usize) -> Result<Datum, DatumError> {
    let lexeme = loop {
        let lexeme = lexemes.get(*at).ok_or(DatumError::End)?;
        *at += 1;
        if !matches!(lexeme.kind, LexemeKind::Comment(_)) {
            break lexeme;
        }
    };
    if depth > MAX_DEPTH {
        return Err(DatumError::TooDeep(lexeme.span));
    }
    let kind = match &lexeme.kind {
        LexemeKind::Word(word) => DatumKind::Word(word.clone()),
        LexemeKind::Quoted(text) => DatumKind::Quoted(text.clone()),
        LexemeKind::Text(text) => DatumKind::Text(text.clone()),
        LexemeKind::Close(_) | LexemeKind::Comment(_) => {
            let (span, found) = (lexeme.span, lexeme.describe());
            return Err(DatumError::Unexpected { span, expected: None, found });
        }
        LexemeKind::Open(open) => {
            let mut items = Vec::new();
            loop {
                let Some(next) = lexemes.get(*at) else { return Err(DatumError::Unclosed(lexeme.span)) };
                match &next.kind {
                    LexemeKind::Comment(_) => *at += 1,
                    LexemeKind::Close(close) if partner(*open) == *close => {
                        *at += 1;
                        let span = lexeme.span.to(next.span);
                        return Ok(Datum { kind: DatumKind::List(*open, items), span });
                    }
                    LexemeKind::Close(_) => {
                        let (span, expected) = (next.span, Some(partner(*open)));
                        return Err(DatumError::Unexpected { span, expected, found: next.describe() });
                    }
                    _ => items.push(read_nested(lexemes, at, depth + 1).map_err(|error| match error {
                        DatumError::End => DatumError::Unclosed(lexeme.span),
                        other => other,
                    })?),
                }
            }
        }
    };
    Ok(Datum { kind, span: lexeme.span })
}

fn partner(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}
