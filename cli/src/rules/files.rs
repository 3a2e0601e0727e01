//! Rule files from disk.

use std::path::PathBuf;

use leafhold::rules::{RuleErrors, read_rule_files};

use crate::error::CliError;

/// Why rules do not load.
pub fn broken(errors: RuleErrors) -> CliError {
    CliError::new(format!("these rules do not load\n{errors}"))
}

/// The same, borrowed.
pub fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// Names and texts of rule files: each path a file, or a folder of `.rules` files.
pub fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>, CliError> {
    read_rule_files(paths).map_err(broken)
}
