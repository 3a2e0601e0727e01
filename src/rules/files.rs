//! Rule files from disk.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::diagnostic::{RuleError, RuleErrors};
use super::error::RuleErrorKind;
use crate::term::text::Span;

/// The most bytes that a rule file may have.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Names and texts of rule files: each path a file, or a folder of `.rules` files, which are read in the order
/// of their names.
///
/// # Errors
/// What cannot be read, is no UTF-8 or is too large, and folders without rule files: all of them at once.
pub fn read_rule_files(paths: &[impl AsRef<Path>]) -> Result<Vec<(String, String)>, RuleErrors> {
    let mut texts = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match files_of(path.as_ref()) {
            Ok(files) => {
                for file in files {
                    let name = file.display().to_string();
                    match read(&file, &name) {
                        Ok(text) => texts.push((name, text)),
                        Err(wrong) => errors.extend(wrong.0),
                    }
                }
            }
            Err(wrong) => errors.extend(wrong.0),
        }
    }
    if errors.is_empty() { Ok(texts) } else { Err(RuleErrors(errors)) }
}

/// The text of a rule file.
///
/// # Errors
/// The first byte that is no UTF-8, with its place; or a file that is too large.
pub fn rule_text(name: &str, bytes: Vec<u8>) -> Result<String, RuleErrors> {
    if bytes.len() > MAX_BYTES {
        return Err(of_file(name, RuleErrorKind::TooLarge { limit: MAX_BYTES }));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        // What stands before is text, and each bad byte behind becomes one character.
        let text = String::from_utf8_lossy(&bytes);
        let span = Span { start: offset, end: offset + char::REPLACEMENT_CHARACTER.len_utf8() };
        RuleErrors(vec![RuleError::new(name, &text, span, RuleErrorKind::NotUtf8 { offset, byte: bytes[offset] })])
    })
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, RuleErrors> {
    let fail = |error: io::Error| unreadable(&path.display().to_string(), &error);
    if !fs::metadata(path).map_err(fail)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(fail)? {
        let file = entry.map_err(fail)?.path();
        if file.extension().is_some_and(|extension| extension == "rules") {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(of_file(&path.display().to_string(), RuleErrorKind::NoFile));
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path, name: &str) -> Result<String, RuleErrors> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there are too many, whatever the path leads to.
    let file = File::open(path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    file.map_err(|error| unreadable(name, &error))?;
    rule_text(name, bytes)
}

fn unreadable(name: &str, error: &io::Error) -> RuleErrors {
    of_file(name, RuleErrorKind::Unreadable(error.to_string()))
}

fn of_file(name: &str, kind: RuleErrorKind) -> RuleErrors {
    RuleErrors(vec![RuleError::of_file(name, kind)])
}
