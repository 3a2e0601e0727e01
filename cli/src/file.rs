//! Files that are written as a whole or not at all.

use std::ffi::OsString;
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
    /// What is no ordinary file, such as a pipe, is opened at once.
    open: Option<File>,
}

impl Pending {
    /// Makes sure that the file can be written. Nothing of that stays, so that nothing is left should the program be killed.
    pub fn new(path: &Path) -> Result<Self, CliError> {
        let fail = |error: io::Error| CliError::new(format!("{}: {error}", path.display()));
        let known = std::fs::metadata(path);
        if known.as_ref().is_ok_and(std::fs::Metadata::is_dir) {
            return Err(CliError::new(format!("{}: this is a folder, and a report is a file", path.display())));
        }
        if known.is_ok_and(|known| !known.is_file()) {
            let file = OpenOptions::new().write(true).open(path).map_err(fail)?;
            return Ok(Pending { path: path.to_owned(), open: Some(file) });
        }
        // Through links, so that they stay.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        drop(Beside::new(&path).map_err(fail)?);
        Ok(Pending { path, open: None })
    }

    /// Has it written, and puts it in its place.
    pub fn write(self, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), CliError> {
        let written = match self.open {
            Some(mut file) => write(&mut file).and_then(|()| file.flush()),
            None => replace(&self.path, write),
        };
        written.map_err(|error| CliError::new(format!("{}: {error}", self.path.display())))
    }
}

fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut beside = Beside::new(path)?;
    write(&mut beside.file)?;
    beside.file.flush()?;
    std::fs::rename(&beside.path, path)
}

/// A new file beside the one that it will replace. It goes, unless it was put there.
struct Beside {
    path: PathBuf,
    file: File,
}

impl Beside {
    fn new(replaces: &Path) -> io::Result<Self> {
        let mut name = OsString::from(".");
        name.push(replaces.file_name().unwrap_or_default());
        name.push(format!(".{}", std::process::id()));
        let path = replaces.with_file_name(name);
        let make = || OpenOptions::new().write(true).create_new(true).open(&path);
        let file = match make() {
            // The number is ours alone: a program of the same number left it when it was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_file(&path)?;
                make()?
            }
            made => made?,
        };
        BESIDE.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        Ok(Beside { path, file })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        BESIDE.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != self.path);
        // It is in its place by now, or was not written to its end: then nobody misses it.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io::Write;
    use std::path::Path;

    use super::Pending;

    fn names(folder: &Path) -> Vec<OsString> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_or_stays() {
        let folder = std::env::temp_dir().join(format!("leafhold-file-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("report");
        std::fs::write(&path, "old").unwrap();
        drop(Pending::new(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        // One that was killed had our number.
        std::fs::write(folder.join(format!(".report.{}", std::process::id())), "half").unwrap();
        let pending = Pending::new(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(&folder), ["report"], "whoever is killed meanwhile leaves nothing");
        pending.write(|file| file.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert!(Pending::new(&folder).is_err_and(|error| error.message().contains("folder")));
        assert!(Pending::new(&folder.join("none/report")).is_err());
        assert_eq!(names(&folder), ["report"], "nothing is left beside it");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
