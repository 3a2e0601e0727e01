//! Rule files from disk.

use std::path::{Path, PathBuf};

use leafhold::rules::RuleErrors;

use crate::error::CliError;

/// Why rules do not load.
pub fn broken(errors: RuleErrors) -> CliError {
    CliError::new(format!("these rules do not load\n{errors}"))
}

/// The same, borrowed.
pub fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// Names and texts of rule files: each path a file, or a folder of `.rules` files, which are read in the order
/// of their names.
pub fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        let fail = |error: std::io::Error| CliError::new(format!("{}: {error}", path.display()));
        if !std::fs::metadata(path).map_err(fail)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(fail)?;
        let mut found = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(fail)?;
        found.retain(|file| file.extension().is_some_and(|extension| extension == "rules"));
        if found.is_empty() {
            return Err(CliError::new(format!("{}: there is no .rules file in this folder", path.display())));
        }
        found.sort();
        files.extend(found);
    }
    files.iter().map(|file| Ok((file.display().to_string(), text(file)?))).collect()
}

fn text(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file).map_err(|error| CliError::new(format!("{}: {error}", file.display())))
}
