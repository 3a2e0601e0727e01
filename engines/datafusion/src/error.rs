use datafusion::common::{DataFusionError, SchemaError, Span};
use leafhold::expr::ExprError;

/// Why a query did not become an expression.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The text is not SQL.
    #[error("{message}{}", at(place))]
    Syntax {
        /// What the parser expected and found.
        message: String,
        /// Where.
        place: Option<Place>,
    },
    /// A table that nobody registered.
    #[error("no table `{name}`{}{}", hint(suggestion, available), at(place))]
    UnknownTable {
        /// The name asked for.
        name: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
        /// All names that exist.
        available: Vec<String>,
        /// Where.
        place: Option<Place>,
    },
    /// A column that no table in sight has.
    #[error("no column `{name}`{}{}", hint(suggestion, available), at(place))]
    UnknownColumn {
        /// The name asked for.
        name: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
        /// All names that exist.
        available: Vec<String>,
        /// Where.
        place: Option<Place>,
    },
    /// Everything else that is wrong with a query: types, ambiguous names, misplaced aggregates.
    #[error("{message}{}", at(place))]
    Invalid {
        /// What is wrong.
        message: String,
        /// Where.
        place: Option<Place>,
    },
    /// A statement that is not a query.
    #[error("only queries can be planned, not {statement}")]
    NotAQuery {
        /// What it is.
        statement: String,
    },
    /// A table whose data cannot be had.
    #[error("table `{table}`: {message}")]
    Table {
        /// The table.
        table: String,
        /// What went wrong.
        message: String,
    },
    /// An expression that Leafhold's constructors refuse.
    #[error(transparent)]
    Expr(#[from] ExprError),
}

/// A place in a query's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// From 1.
    pub column: u64,
    /// The text of that line.
    pub text: String,
}

impl Place {
    /// A place in `sql`, when it has that line.
    pub(crate) fn new(sql: &str, line: u64, column: u64) -> Option<Self> {
        let text = sql.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
        Some(Place { line, column, text: text.to_owned() })
    }
}

fn at(place: &Option<Place>) -> String {
    let Some(Place { line, column, text }) = place else { return String::new() };
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let before: String = text
        .chars()
        .take(usize::try_from(column.saturating_sub(1)).unwrap_or(0))
        .map(|c| if c == '\t' { c } else { ' ' })
        .collect();
    format!("\n{margin} --> line {line}, column {column}\n{number} | {text}\n{margin} | {before}^")
}

fn hint(suggestion: &Option<String>, available: &[String]) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None if available.is_empty() => "; there are none".to_owned(),
        None => {
            let shown: Vec<_> = available.iter().take(12).map(|name| format!("`{name}`")).collect();
            let more = if available.len() > shown.len() { ", .." } else { "" };
            format!("; there are {}{more}", shown.join(", "))
        }
    }
}

/// Turns an error of DataFusion's SQL planner into one that says where and what to do.
pub(crate) fn from_datafusion(error: DataFusionError, sql: &str, tables: &[String]) -> SqlError {
    let span = span_of(&error);
    let place = span.and_then(|span| Place::new(sql, span.start.line, span.start.column));
    match error.find_root() {
        DataFusionError::SQL(error, _) => {
            let text = error.to_string();
            let text = text.trim_start_matches("sql parser error: ");
            let (message, place) = parser_place(text, sql);
            SqlError::Syntax { message, place }
        }
        DataFusionError::SchemaError(error, _) => match &**error {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let asked = field.name();
                let available: Vec<String> = valid_fields.iter().map(|field| field.name().to_owned()).collect();
                let suggestion = nearest(asked, available.iter().map(String::as_str)).map(str::to_owned);
                let place = place.or_else(|| find_word(sql, asked));
                SqlError::UnknownColumn { name: field.flat_name(), suggestion, available, place }
            }
            SchemaError::AmbiguousReference { field } => SqlError::Invalid {
                message: format!("`{}` is in more than one table; write the table's name before it", field.name()),
                place: place.or_else(|| find_word(sql, field.name())),
            },
            other => SqlError::Invalid { message: other.to_string(), place },
        },
        DataFusionError::Plan(message) => match missing_table(message) {
            Some(name) => {
                let suggestion = nearest(&name, tables.iter().map(String::as_str)).map(str::to_owned);
                let place = place.or_else(|| find_word(sql, &name));
                SqlError::UnknownTable { name, suggestion, available: tables.to_vec(), place }
            }
            None => SqlError::Invalid { message: first_line(message), place },
        },
        other => SqlError::Invalid { message: first_line(&other.strip_backtrace()), place },
    }
}

fn span_of(error: &DataFusionError) -> Option<Span> {
    error.diagnostic().and_then(|diagnostic| diagnostic.span)
}

/// `table 'datafusion.public.x' not found` names x.
fn missing_table(message: &str) -> Option<String> {
    let rest = message.strip_prefix("table '")?;
    let (name, rest) = rest.split_once('\'')?;
    rest.starts_with(" not found").then(|| name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// Takes `at Line: 1, Column: 8` off the end of a parser's message.
fn parser_place(text: &str, sql: &str) -> (String, Option<Place>) {
    let text = text.strip_prefix("ParserError(\"").and_then(|text| text.strip_suffix("\")")).unwrap_or(text);
    let text = text.strip_prefix("TokenizerError(\"").and_then(|text| text.strip_suffix("\")")).unwrap_or(text);
    let text = text.replace("\\\"", "\"");
    let Some((message, position)) = text.rsplit_once(" at Line: ") else {
        return (text.clone(), end_of(&text, sql));
    };
    let place = position.split_once(", Column: ").and_then(|(line, column)| {
        let digits: String = column.chars().take_while(char::is_ascii_digit).collect();
        Place::new(sql, line.parse().ok()?, digits.parse().ok()?)
    });
    (message.to_owned(), place)
}

/// Text that ends too early is wrong at its end.
fn end_of(message: &str, sql: &str) -> Option<Place> {
    if !message.contains("EOF") {
        return None;
    }
    let line = sql.trim_end().lines().count().max(1) as u64;
    let column = sql.trim_end().lines().last().map_or(0, |text| text.chars().count()) as u64 + 1;
    Place::new(sql, line, column)
}

/// The first place where a name stands as a word of its own.
fn find_word(sql: &str, word: &str) -> Option<Place> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (number, line) in sql.lines().enumerate() {
        let lower = line.to_lowercase();
        let found = lower.match_indices(&word.to_lowercase()).find(|(start, text)| {
            let before = lower[..*start].chars().next_back();
            let after = lower[start + text.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        });
        if let Some((start, _)) = found {
            return Place::new(sql, number as u64 + 1, lower[..start].chars().count() as u64 + 1);
        }
    }
    None
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// The candidate nearest to a misspelt name, if one is near at all.
fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}
