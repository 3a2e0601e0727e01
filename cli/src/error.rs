use std::fmt;

/// Why a command ended early.
#[derive(Debug)]
pub enum CliError {
    /// Something went wrong: what, where, and what to do.
    Failed(String),
    /// Arguments that do not go together.
    Usage(String),
    /// Nobody reads our output any more. Not a failure.
    BrokenPipe,
}

impl CliError {
    /// A failure with a message.
    pub fn new(message: impl Into<String>) -> Self {
        CliError::Failed(message.into())
    }

    /// What a library said.
    pub fn of(error: impl fmt::Display) -> Self {
        CliError::Failed(error.to_string())
    }

    /// What a library said of an argument.
    pub fn usage(error: impl fmt::Display) -> Self {
        CliError::Usage(error.to_string())
    }

    /// What went wrong, for people.
    pub fn message(&self) -> &str {
        match self {
            CliError::Failed(message) | CliError::Usage(message) => message,
            CliError::BrokenPipe => "nobody reads the output",
        }
    }

    /// Why standard output took nothing.
    pub fn of_write(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => CliError::BrokenPipe,
            _ => CliError::Failed(format!("standard output: {error}")),
        }
    }
}

/// The name among `known` that is nearest to a misspelt one, if one is near at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}
