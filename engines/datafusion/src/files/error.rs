/// Why a file is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened.
    #[error("{path}: {reason}")]
    Open {
        /// The file.
        path: String,
        /// The operating system's words.
        reason: String,
    },
    /// Its content is not what its name or its first bytes promise.
    #[error("{path}: not a readable {format} file: {reason}")]
    Corrupt {
        /// The file.
        path: String,
        /// `Parquet` or `CSV`.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It has no columns.
    #[error("{path}: no columns; a CSV file needs a line of column names")]
    NoColumns {
        /// The file.
        path: String,
    },
    /// Two of its columns have one name.
    #[error("{path}: two columns {}; give each a name of its own", named(column))]
    TwoColumns {
        /// The file.
        path: String,
        /// The name.
        column: String,
    },
}

fn named(column: &str) -> String {
    if column.is_empty() { "have no name".to_owned() } else { format!("are called `{column}`") }
}

impl FileError {
    /// The file.
    pub fn path(&self) -> &str {
        match self {
            FileError::Open { path, .. }
            | FileError::Corrupt { path, .. }
            | FileError::NoColumns { path }
            | FileError::TwoColumns { path, .. } => path,
        }
    }

    /// What is wrong, without the path.
    pub(crate) fn reason(&self) -> String {
        let text = self.to_string();
        text.strip_prefix(self.path()).map_or(text.clone(), |rest| rest.trim_start_matches(": ").to_owned())
    }
}
