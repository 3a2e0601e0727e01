//! Lexemes of the notation and of rule files, with their places.

/// Some bytes of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// From the start of this span to the end of the other.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }
}

/// The line and column of a byte, both from 1; the column counts characters.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LexemeKind {
    /// `(`, `[` or `{`.
    Open(char),
    /// `)`, `]` or `}`.
    Close(char),
    /// A name, number or symbol.
    Word(String),
    /// `"..."`, with `\"` and `\\`.
    Quoted(String),
    /// `'...'`, with `''`.
    Text(String),
    /// `; ...` to the end of the line, without the semicolons.
    Comment(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Lexeme {
    pub kind: LexemeKind,
    pub span: Span,
    /// Characters before it on its line, if it is the first one there.
    pub indent: Option<usize>,
}

impl Lexeme {
    /// How error messages call it.
    pub fn describe(&self) -> String {
        match &self.kind {
            LexemeKind::Open(c) | LexemeKind::Close(c) => format!("`{c}`"),
            LexemeKind::Word(word) => format!("`{word}`"),
            LexemeKind::Quoted(name) => format!("\"{name}\""),
            LexemeKind::Text(text) => format!("'{text}'"),
            LexemeKind::Comment(_) => "a comment".to_owned(),
        }
    }

    pub fn is_comment(&self) -> bool {
        matches!(self.kind, LexemeKind::Comment(_))
    }

    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            LexemeKind::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The lexemes of a text, comments included. On failure: the quote that is never closed.
pub(crate) fn lex(text: &str) -> Result<Vec<Lexeme>, (Span, &'static str)> {
    let mut lexemes = Vec::new();
    let mut line_start = 0;
    let mut first_on_line = true;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        at += c.len_utf8();
        if c == '\n' {
            line_start = at;
            first_on_line = true;
            continue;
        }
        // A comma is a space that people may write between items.
        if c.is_whitespace() || c == ',' {
            continue;
        }
        let kind = match c {
            '(' | '[' | '{' => LexemeKind::Open(c),
            ')' | ']' | '}' => LexemeKind::Close(c),
            ';' => {
                let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
                let comment = text[start..end].trim_start_matches(';');
                at = end;
                LexemeKind::Comment(comment.strip_prefix(' ').unwrap_or(comment).trim_end().to_owned())
            }
            '"' | '\'' => {
                let (content, end) = quoted(text, at, c).ok_or((Span { start, end: at }, "quote"))?;
                at = end;
                if c == '"' { LexemeKind::Quoted(content) } else { LexemeKind::Text(content) }
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "()[]{};,\"'".contains(c);
                at = text[at..].find(ends).map_or(text.len(), |end| at + end);
                LexemeKind::Word(text[start..at].to_owned())
            }
        };
        let indent = first_on_line.then(|| text[line_start..start].chars().count());
        first_on_line = false;
        lexemes.push(Lexeme { kind, span: Span { start, end: at }, indent });
    }
    Ok(lexemes)
}

/// The content from `at` up to the closing quote, and the place after it.
fn quoted(text: &str, mut at: usize, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    loop {
        let c = text[at..].chars().next()?;
        at += c.len_utf8();
        let next = text[at..].chars().next();
        match c {
            '\\' if quote == '"' => {
                content.push(next?);
                at += next?.len_utf8();
            }
            c if c == quote && quote == '\'' && next == Some(quote) => {
                content.push(c);
                at += 1;
            }
            c if c == quote => return Some((content, at)),
            c => content.push(c),
        }
    }
}
