use std::fs::File;
use std::io::{self, Read, Seek, Write};

use tempfile::TempDir;

/// Where rows go for which there is no room in memory.
///
/// ```
/// use leafhold::run::{SpillTarget, TemporaryFolder};
///
/// let folder = TemporaryFolder::default().open()?;
/// folder.create("rows")?.write_all(b"..")?;
/// let mut found = String::new();
/// folder.read("rows")?.read_to_string(&mut found)?;
/// assert_eq!(found, "..");
/// # Ok::<_, std::io::Error>(())
/// ```
pub trait SpillTarget: Send + Sync + 'static {
    /// A folder of its own for one run. It goes, with all that is in it, when it is dropped.
    ///
    /// # Errors
    /// There is none to be had.
    fn open(&self) -> io::Result<Box<dyn SpillFolder>>;
}

/// A folder of one run, with a few files that are written once, from the beginning.
pub trait SpillFolder: Send + Sync {
    /// A new file.
    ///
    /// # Errors
    /// No file can be made.
    fn create(&self, name: &str) -> io::Result<Box<dyn Write + Send>>;

    /// A file from its beginning, as far as it is written.
    ///
    /// # Errors
    /// The file is gone.
    fn read(&self, name: &str) -> io::Result<Box<dyn ReadSeek>>;

    /// Nobody needs a file any more.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// What can be read at any place.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// Folders in the system's place for temporary files, or in another one.
#[derive(Clone, Debug, Default)]
pub struct TemporaryFolder {
    parent: Option<std::path::PathBuf>,
}

impl TemporaryFolder {
    /// Folders in this one, which has to exist.
    pub fn within(parent: impl Into<std::path::PathBuf>) -> Self {
        TemporaryFolder { parent: Some(parent.into()) }
    }
}

impl SpillTarget for TemporaryFolder {
    fn open(&self) -> io::Result<Box<dyn SpillFolder>> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("leafhold-");
        let folder = match &self.parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        };
        Ok(Box::new(folder?))
    }
}

impl SpillFolder for TempDir {
    fn create(&self, name: &str) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(File::create_new(self.path().join(name))?))
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(File::open(self.path().join(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path().join(name))
    }
}

/// Rows found no room in memory, and none outside of it either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpillError {
    /// The disk is full, or the folder cannot be written.
    #[error(
        "{bytes} bytes of rows are beyond the memory limit, and cannot be written to the temporary folder: {reason}; \
         raise the limit, or point TMPDIR to a disk with more room"
    )]
    Write {
        /// How many bytes of rows.
        bytes: u64,
        /// The system's words.
        reason: String,
    },
    /// What was written cannot be read back.
    #[error("{bytes} bytes of rows that were beyond the memory limit cannot be read back: {reason}")]
    Read {
        /// How many bytes of rows.
        bytes: u64,
        /// The system's words.
        reason: String,
    },
}
