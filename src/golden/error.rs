use std::fmt;
use std::path::PathBuf;

use super::Summary;

/// Why golden files did not pass.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// A file or folder that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is not written as golden files are.
    #[error("{}:{line}: {message}", file.display())]
    Syntax {
        /// Which file.
        file: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong, and what is right.
        message: String,
    },
    /// Nothing to check: a test that cannot fail.
    #[error("{}: {message}", path.display())]
    Vacuous {
        /// The file or folder.
        path: PathBuf,
        /// What is missing.
        message: &'static str,
    },
    /// Cases that failed.
    #[error("{}", FailureList(failures, summary))]
    Failed {
        /// Every failure of every case.
        failures: Vec<Failure>,
        /// The causes, counted.
        summary: Summary,
    },
}

/// What is wrong with one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The file.
    pub file: PathBuf,
    /// The line of the case's `query`.
    pub line: usize,
    /// What happened, perhaps with a diff on further lines.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

struct FailureList<'a>(&'a [Failure], &'a Summary);

impl fmt::Display for FailureList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|failure| writeln!(f, "{failure}\n"))?;
        write!(f, "{} failures; {}", self.0.len(), self.1)?;
        if self.1.has_changes() && !self.1.updated() {
            f.write_str("\n`--update`, or LEAFHOLD_UPDATE=1 in the environment, records what changed")?;
        }
        Ok(())
    }
}
