//! Files that are written as a whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::CliError;

/// New files beside those that they will replace.
static BESIDE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Lets go of all files that are not written yet: the program is about to end without any further step.
pub fn abandon() {
    for beside in BESIDE.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = std::fs::remove_file(beside);
    }
}

/// A file that will be written. What is there stays until it is.
pub struct Pending {
    path: PathBuf,
    /// The new file beside the old one; `None` for what is no ordinary file, such as a pipe.
    beside: Option<PathBuf>,
    file: File,
}

impl Pending {
    /// Makes the new file, empty, beside the one that it will replace.
    pub fn new(path: &Path) -> Result<Self, CliError> {
        let fail = |error: std::io::Error| CliError::new(format!("{}: {error}", path.display()));
        let known = std::fs::metadata(path);
        if known.as_ref().is_ok_and(std::fs::Metadata::is_dir) {
            return Err(CliError::new(format!("{}: this is a folder, and a report is a file", path.display())));
        }
        if known.is_ok_and(|known| !known.is_file()) {
            let file = OpenOptions::new().write(true).open(path).map_err(fail)?;
            return Ok(Pending { path: path.to_owned(), beside: None, file });
        }
        // Through links, so that they stay.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&beside).map_err(fail)?;
        BESIDE.lock().unwrap_or_else(PoisonError::into_inner).push(beside.clone());
        Ok(Pending { path, beside: Some(beside), file })
    }

    /// Has it written, and puts it in its place.
    pub fn write(mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), CliError> {
        let written = write(&mut self.file).and_then(|()| self.file.flush());
        let placed = written.and_then(|()| match self.beside.take() {
            Some(beside) => {
                forget(&beside);
                std::fs::rename(&beside, &self.path).inspect_err(|_| self.beside = Some(beside))
            }
            None => Ok(()),
        });
        placed.map_err(|error| CliError::new(format!("{}: {error}", self.path.display())))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // It was never written, or not to its end: nobody misses it.
            forget(beside);
            let _ = std::fs::remove_file(beside);
        }
    }
}

fn forget(beside: &Path) {
    BESIDE.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other != beside);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Pending;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_stays() {
        let folder = std::env::temp_dir().join(format!("leafhold-file-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("report");
        std::fs::write(&path, "old").unwrap();
        drop(Pending::new(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        let pending = Pending::new(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        pending.write(|file| file.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert!(Pending::new(&folder).is_err_and(|error| error.message().contains("folder")));
        assert!(Pending::new(&folder.join("none/report")).is_err());
        let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["report"], "nothing is left beside it");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
