//! A disk that is told how much it holds, and that can be full.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use leafhold::run::{CancelFlag, SpillFile, SpillTarget, TemporaryFolder};

#[derive(Clone)]
pub struct Disk {
    pub inner: Arc<dyn SpillTarget>,
    pub written: Arc<AtomicU64>,
    pub files: Arc<AtomicUsize>,
    /// How many bytes there is room for.
    pub size: u64,
    /// Whether what was written is gone when it is to be read.
    pub forgets: bool,
    /// Cancels a task as soon as something is written.
    pub cancels: Option<CancelFlag>,
    /// Whether the process ends as soon as something is written.
    pub dies: bool,
}

impl Disk {
    pub fn of(inner: Arc<dyn SpillTarget>) -> Self {
        let (written, files) = Default::default();
        Disk { inner, written, files, size: u64::MAX, forgets: false, cancels: None, dies: false }
    }

    pub fn within(folder: &Path) -> Self {
        Disk::of(Arc::new(TemporaryFolder::within(folder)))
    }

    /// Bytes that were written, in all files that ever were.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Files that are there.
    pub fn files(&self) -> usize {
        self.files.load(Ordering::SeqCst)
    }
}

impl SpillTarget for Disk {
    fn create(&self) -> io::Result<Box<dyn SpillFile>> {
        let inner = self.inner.create()?;
        self.files.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Told { inner, disk: self.clone() }))
    }
}

struct Told {
    inner: Box<dyn SpillFile>,
    disk: Disk,
}

impl SpillFile for Told {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        if self.disk.written() + bytes.len() as u64 > self.disk.size {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        self.inner.write_at(bytes, place)?;
        self.disk.written.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        if self.disk.dies {
            eprintln!("{} bytes are in a file", bytes.len());
            // Not `exit`: what this thread holds is not to be dropped.
            std::process::abort();
        }
        if let Some(cancelled) = &self.disk.cancels {
            cancelled.set();
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        match self.disk.forgets {
            true => Err(io::Error::other("a bad sector")),
            false => self.inner.read_at(buffer, place),
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.disk.files.fetch_sub(1, Ordering::SeqCst);
    }
}
