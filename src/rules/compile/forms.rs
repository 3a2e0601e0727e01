use super::super::diagnostic::RuleError;
use super::super::error::RuleErrorKind;
use crate::term::text::{Datum, DatumError, Lexeme, LexemeKind, MAX_DEPTH, Span, lex, read};

/// What stands in brackets at the top of a file, with the comment right above it.
pub(in crate::rules) struct Form {
    pub datum: Datum,
    pub law: String,
    /// Where it begins, from 1.
    pub line: usize,
}

/// The forms of a file, and what is wrong with its brackets.
pub(in crate::rules) struct Forms {
    pub forms: Vec<Form>,
    pub errors: Vec<RuleError>,
}

/// Reads a file up to so many errors. Linear in its size.
pub(in crate::rules) fn forms(file: &str, text: &str, max_errors: usize) -> Forms {
    let (lexemes, quotes) = lexemes(text);
    let error = |span, kind| RuleError::new(file, text, span, kind);
    let mut errors: Vec<RuleError> =
        quotes.into_iter().take(max_errors).map(|span| error(span, RuleErrorKind::Unclosed("quote"))).collect();
    let mut forms = Vec::new();
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut law: Vec<&str> = Vec::new();
    let mut law_line = 0;
    let mut at = 0;
    while let Some(lexeme) = lexemes.get(at).filter(|_| errors.len() < max_errors) {
        let line = lines.of(lexeme.span.start);
        if let LexemeKind::Comment(comment) = &lexeme.kind {
            // A law is the block of comment lines right above its rule.
            if line != law_line + 1 {
                law.clear();
            }
            law.push(comment);
            law_line = line;
            at += 1;
            continue;
        }
        let doc = if line == law_line + 1 { law.join("\n") } else { String::new() };
        law.clear();
        // A comment behind the rule is no law of the next one.
        law_line = 0;
        // A rule ends, at the latest, before the next line that begins one: a bracket that is never
        // closed does not hide the rest of the file.
        let end = (at + 1..lexemes.len()).find(|next| begins(&lexemes[*next])).unwrap_or(lexemes.len());
        if lexeme.kind != LexemeKind::Open('(') {
            // All of it is one error: up to the next rule or comment.
            let open = |next: &Lexeme| matches!(next.kind, LexemeKind::Open('(') | LexemeKind::Comment(_));
            let until = (at + 1..end).find(|next| open(&lexemes[*next])).unwrap_or(end);
            let span = lexeme.span.to(lexemes[until - 1].span);
            errors.push(error(span, RuleErrorKind::Outside(lexeme.describe())));
            at = until;
            continue;
        }
        match read(&lexemes[..end], &mut at) {
            Ok(datum) => forms.push(Form { datum, law: doc, line }),
            Err(wrong) => {
                let (span, kind) = match wrong {
                    DatumError::Unexpected { span, expected, found } => {
                        let expected = expected.map_or("a rule".to_owned(), |close| format!("`{close}`"));
                        (span, RuleErrorKind::Expected { expected, found })
                    }
                    DatumError::Unclosed(span) => (span, RuleErrorKind::Unclosed("bracket")),
                    DatumError::TooDeep(span) => (span, RuleErrorKind::TooDeep(MAX_DEPTH)),
                    DatumError::End => break,
                };
                errors.push(error(span, kind));
                at = end;
            }
        }
    }
    Forms { forms, errors }
}

fn begins(lexeme: &Lexeme) -> bool {
    lexeme.kind == LexemeKind::Open('(') && lexeme.indent == Some(0)
}

/// The lexemes of a text, and the quotes that are never closed. Such a quote costs its own rule, not the file.
fn lexemes(text: &str) -> (Vec<Lexeme>, Vec<Span>) {
    if let Ok(lexemes) = lex(text) {
        return (lexemes, Vec::new());
    }
    let (mut lexemes, mut quotes) = (Vec::new(), Vec::new());
    let mut chunk = 0;
    let mut chunks = Vec::new();
    let mut at = 0;
    let mut in_law = false;
    for line in text.split_inclusive('\n') {
        let law = line.starts_with(';');
        if (law || line.starts_with('(')) && !in_law && at > chunk {
            chunks.push((chunk, at));
            chunk = at;
        }
        in_law = law;
        at += line.len();
    }
    chunks.push((chunk, text.len()));
    for (start, end) in chunks {
        let shift = |span: Span| Span { start: span.start + start, end: span.end + start };
        match lex(&text[start..end]) {
            Ok(found) => lexemes.extend(found.into_iter().map(|one| Lexeme { span: shift(one.span), ..one })),
            Err((span, _)) => quotes.push(shift(span)),
        }
    }
    (lexemes, quotes)
}

/// Tells the lines of ascending places in one pass.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, at: usize) -> usize {
        self.line += self.text[self.at..at].matches('\n').count();
        self.at = at;
        self.line
    }
}
