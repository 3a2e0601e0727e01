//! Where the text of a query comes from.

use std::io::Read;
use std::path::Path;

use leafhold_datafusion::{SqlError, tpch};

use crate::args::InputArgs;
use crate::error::{CliError, nearest};

/// Names the queries that come with Leafhold.
pub const TPCH: &str = "tpch/";

/// The text of the query that the arguments name.
pub fn text(args: &InputArgs) -> Result<String, CliError> {
    match (&args.sql, args.query.as_deref()) {
        (Some(sql), _) => Ok(sql.clone()),
        (None, Some("-")) => standard_input(),
        (None, Some(name)) if name.starts_with(TPCH) => named(name),
        (None, Some(path)) => file(path),
        (None, None) => Err(CliError::Usage("no query: name one, or write one after -c".to_owned())),
    }
}

/// The text of a query that comes with Leafhold: `tpch/q05`.
pub fn named(name: &str) -> Result<String, CliError> {
    if let Some(sql) = name.strip_prefix(TPCH).and_then(tpch::query) {
        return Ok(sql.to_owned());
    }
    let names: Vec<_> = tpch::QUERIES.iter().map(|(known, _)| format!("{TPCH}{known}")).collect();
    let suggestion = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    Err(CliError::Usage(format!("no query `{name}`; {suggestion}there are {TPCH}q01 to {TPCH}q22")))
}

/// Why a text is no query that can be run.
pub fn refused(error: SqlError) -> CliError {
    let statement = match &error {
        SqlError::NotAQuery { statement } => Some(sql_words(statement)),
        // DataFusion's own words; it has no kind of error for either.
        SqlError::Invalid { message, .. } if message.contains("only supports a single SQL statement") => {
            return CliError::new("there is more than one query here; give one at a time");
        }
        SqlError::Invalid { message, .. } => {
            message.split_once("Unsupported SQL statement: ").map(|(_, statement)| statement.to_owned())
        }
        _ => None,
    };
    match statement {
        Some(statement) => CliError::new(format!("only queries (SELECT, WITH or VALUES) run here, not {statement}")),
        None => CliError::of(error),
    }
}

/// `DropTable` as it is written in SQL. What is in words stays as it is.
fn sql_words(statement: &str) -> String {
    if statement.contains(' ') {
        return statement.to_owned();
    }
    let mut words = String::new();
    for letter in statement.chars() {
        if letter.is_uppercase() && words.chars().next_back().is_some_and(char::is_lowercase) {
            words.push(' ');
        }
        words.push(letter);
    }
    words.to_uppercase()
}

fn standard_input() -> Result<String, CliError> {
    let mut text = String::new();
    match std::io::stdin().read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(CliError::new(format!("standard input: {error}"))),
    }
}

fn file(path: &str) -> Result<String, CliError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if Path::new(path).extension().is_some_and(|extension| extension == "sql") => {
            Err(CliError::new(format!("{path}: {error}")))
        }
        Err(error) => Err(CliError::new(format!(
            "{path}: {error}; a query is tpch/q01 to tpch/q22, a .sql file, - for standard input, or text after -c"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::sql_words;

    #[test]
    fn statements_are_named_as_they_are_written() {
        let named = ["DropTable", "Delete", "COPY", "Insert Into"].map(sql_words);
        assert_eq!(named, ["DROP TABLE", "DELETE", "COPY", "Insert Into"]);
    }
}
