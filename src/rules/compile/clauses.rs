use std::str::FromStr;

use arrow_schema::DataType;

use super::super::error::{Named, RuleErrorKind};
use super::super::rule::{Example, ExampleTable};
use super::scope::Compiler;
use crate::term::text::Datum;

/// All clauses, in the order in which rules are mostly written.
const CLAUSES: [&str; 13] = [
    "phase", "keeps", "priority", "cites", "match", "let", "if", "when", "replace", "requires", "tables", "example",
    "not",
];

/// The clauses of a rule, as they are written.
#[derive(Default)]
pub(super) struct Clauses<'d> {
    pub phase: Option<&'d Datum>,
    pub keeps: Option<&'d Datum>,
    pub priority: Option<&'d Datum>,
    pub matched: Option<&'d Datum>,
    pub replace: Option<&'d Datum>,
    pub requires: Option<&'d [Datum]>,
    /// `let`, `if` and `when`, in written order.
    pub stages: Vec<(&'d str, &'d Datum, &'d [Datum])>,
    pub cites: Vec<&'d Datum>,
    pub tables: Vec<&'d Datum>,
    pub examples: Vec<(&'d Datum, &'d [Datum])>,
    pub nots: Vec<&'d Datum>,
}

/// Sorts the parts of a rule by clause.
pub(super) fn clauses<'d>(compiler: &mut Compiler<'_>, parts: &'d [Datum]) -> Clauses<'d> {
    let mut clauses = Clauses::default();
    for part in parts {
        let Some((clause, content)) = part.form() else {
            compiler.expected("`(clause ..)`", part);
            continue;
        };
        let slot = match clause {
            "phase" => &mut clauses.phase,
            "keeps" => &mut clauses.keeps,
            "priority" => &mut clauses.priority,
            "match" => &mut clauses.matched,
            "replace" => &mut clauses.replace,
            "requires" => {
                if clauses.requires.replace(content).is_some() {
                    compiler.error(part.span, RuleErrorKind::DuplicateClause(clause.to_owned()));
                }
                continue;
            }
            "let" | "if" | "when" => {
                clauses.stages.push((clause, part, content));
                continue;
            }
            "tables" => {
                clauses.tables.extend(content);
                continue;
            }
            "example" => {
                clauses.examples.push((part, content));
                continue;
            }
            "cites" => {
                clauses.cites.extend(content);
                continue;
            }
            "not" => {
                clauses.nots.extend(content);
                continue;
            }
            unknown => {
                compiler.unknown(part.span, Named::Clause, unknown, CLAUSES);
                continue;
            }
        };
        match content {
            [only] => {
                if slot.replace(only).is_some() {
                    compiler.error(part.span, RuleErrorKind::DuplicateClause(clause.to_owned()));
                }
            }
            _ => compiler.arity(part.span, clause, "one part", content.len()),
        }
    }
    clauses
}

/// `(example (before "..") (after ".."))`
pub(super) fn example(compiler: &mut Compiler<'_>, part: &Datum, content: &[Datum]) -> Option<Example> {
    let [before, after] = content else {
        compiler.expected("`(example (before \"..\") (after \"..\"))`", part);
        return None;
    };
    match (before.form(), after.form()) {
        (Some(("before", [before])), Some(("after", [after]))) => {
            let (before, after) = (compiler.quoted(before), compiler.quoted(after));
            Some(Example { before: before?, after: after? })
        }
        _ => {
            compiler.expected("`(example (before \"..\") (after \"..\"))`", part);
            None
        }
    }
}

/// `(name (column Type [not-null])*)`
pub(super) fn table(compiler: &mut Compiler<'_>, datum: &Datum) -> Option<ExampleTable> {
    let Some((name, columns)) = datum.form() else {
        compiler.expected("`(table (column Type) ..)`", datum);
        return None;
    };
    let mut all = Vec::new();
    for column in columns {
        let Some((column_name, rest)) = column.form() else {
            compiler.expected("`(column Type)`", column);
            continue;
        };
        let (kind, nullable) = match rest {
            [kind @ .., last] if last.word() == Some("not-null") => (kind, false),
            kind => (kind, true),
        };
        let text = match (kind.first(), kind.last()) {
            (Some(first), Some(last)) => &compiler.text[first.span.start..last.span.end],
            _ => "",
        };
        match DataType::from_str(text) {
            Ok(data_type) => all.push((column_name.to_owned(), data_type, nullable)),
            Err(_) => compiler.expected("a type such as `Int64`, and perhaps `not-null`", column),
        }
    }
    Some((name.to_owned(), all))
}
