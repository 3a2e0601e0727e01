use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Where rows go for which there is no room in memory.
///
/// ```
/// use leafhold::run::{SpillTarget, TemporaryFolder};
///
/// let file = TemporaryFolder::default().create()?;
/// file.write_at(b"rows", 0)?;
/// let mut found = [0; 2];
/// assert_eq!(file.read_at(&mut found, 2)?, 2);
/// assert_eq!(&found, b"ws");
/// # Ok::<_, std::io::Error>(())
/// ```
pub trait SpillTarget: Send + Sync + 'static {
    /// A new file, which is empty.
    ///
    /// # Errors
    /// There is none to be had.
    fn create(&self) -> io::Result<Box<dyn SpillFile>>;

    /// The folder of this machine in which worker processes keep what they have no room for. Without one they do where the
    /// system keeps temporary files.
    fn folder(&self) -> Option<PathBuf> {
        None
    }
}

/// Bytes outside of memory, which are written once, from the beginning on, and read at any place by several threads. They
/// go with this value, and should go with the process if it ends before.
pub trait SpillFile: Send + Sync {
    /// Writes all of the bytes, from this place on, which is the end.
    ///
    /// # Errors
    /// There is no room, or the disk fails.
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()>;

    /// Reads from this place on, and tells how many bytes: at least one, unless it is the end.
    ///
    /// # Errors
    /// The disk fails.
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize>;
}

/// Files in the system's folder for temporary ones, or in another.
///
/// They have no name there (`O_TMPFILE`, or unlinked as soon as they are open), so that nothing is left of them when their
/// process ends, however it does.
#[derive(Clone, Debug, Default)]
pub struct TemporaryFolder {
    path: Option<PathBuf>,
}

impl TemporaryFolder {
    /// Files in this folder, which has to exist.
    pub fn within(path: impl Into<PathBuf>) -> Self {
        TemporaryFolder { path: Some(path.into()) }
    }
}

impl SpillTarget for TemporaryFolder {
    fn create(&self) -> io::Result<Box<dyn SpillFile>> {
        let folder = self.path.clone().unwrap_or_else(std::env::temp_dir);
        match tempfile::tempfile_in(&folder) {
            Ok(file) => Ok(Box::new(NamelessFile { file, folder })),
            Err(error) => Err(of_folder(&folder, &error)),
        }
    }

    fn folder(&self) -> Option<PathBuf> {
        self.path.clone()
    }
}

struct NamelessFile {
    file: File,
    /// All that can be said of where it is.
    folder: PathBuf,
}

impl SpillFile for NamelessFile {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        write_all_at(&self.file, bytes, place).map_err(|error| of_folder(&self.folder, &error))
    }

    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        read_at(&self.file, buffer, place).map_err(|error| of_folder(&self.folder, &error))
    }
}

fn of_folder(folder: &std::path::Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, place)
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], place: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, place)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut place: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, place)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => (bytes, place) = (&bytes[count..], place + count as u64),
        }
    }
    Ok(())
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], place: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, place)
}

/// Rows found no room in memory, and none outside of it either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpillError {
    /// The disk is full, or the folder cannot be written.
    #[error(
        "{bytes} bytes of rows are beyond the memory limit, and cannot be written to the temporary folder: {reason}; \
         raise the limit, or choose a spill folder with more room (TMPDIR, where none is named)"
    )]
    Write {
        /// How many bytes of rows.
        bytes: u64,
        /// The system's words, and the folder.
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
