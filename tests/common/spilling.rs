//! Runs whose rows do not fit into memory, whoever runs their tasks. Each test program uses a part.
#![allow(dead_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use leafhold::run::{
    ExecutorOptions, Outcome, RunCause, RunError, SpillError, SpillFile, SpillTarget, TaskState, TemporaryFolder,
};

use crate::kernels::Row;
use crate::plans::numbers;
use crate::scene::rows;

/// Runs a shuffle of some partitions on so many workers, and sees that nothing is left of it.
pub type Run<'a> = &'a dyn Fn(&[Vec<Row>], usize, ExecutorOptions) -> Result<Outcome, Box<RunError>>;

/// A folder for the files of runs, in which nobody ever sees one.
pub struct Parent(pub PathBuf);

impl Parent {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("leafhold-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Parent(path)
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn entries(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

/// A disk of so many bytes, of which it is told how many were written and how many files there are.
#[derive(Clone, Default)]
struct Disk {
    size: u64,
    written: Arc<AtomicU64>,
    files: Arc<AtomicUsize>,
    inner: TemporaryFolder,
    /// Whether what was written is gone when it is to be read.
    forgets: bool,
}

impl SpillTarget for Disk {
    fn create(&self) -> io::Result<Box<dyn SpillFile>> {
        let inner = self.inner.create()?;
        self.files.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Bounded(inner, self.clone())))
    }
}

struct Bounded(Box<dyn SpillFile>, Disk);

impl SpillFile for Bounded {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        if self.1.written.load(Ordering::SeqCst) + bytes.len() as u64 > self.1.size {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        self.0.write_at(bytes, place)?;
        self.1.written.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        Ok(())
    }
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        match self.1.forgets {
            true => Err(io::Error::other("a bad sector")),
            false => self.0.read_at(buffer, place),
        }
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        self.1.files.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Twelve partitions of a hundred rows: 19,200 bytes.
pub fn many() -> Vec<Vec<Row>> {
    (0..12).map(|at| numbers(at * 100..at * 100 + 100)).collect()
}

/// Rows beyond the limit go to files and come back.
pub fn rows_go_to_files(run: Run<'_>) {
    let expected = rows(&run(&many(), 2, ExecutorOptions::default()).unwrap());
    let parent = Parent::new("spill");
    for workers in [1, 2, 3] {
        // 19,200 bytes are between the first two steps.
        for limit in [0, 1, 3_000, 10_000, 1 << 30] {
            let disk = Disk { size: u64::MAX, inner: TemporaryFolder::within(&parent.0), ..Disk::default() };
            let options = ExecutorOptions::default().with_memory_limit(limit).with_spill_target(disk.clone());
            let outcome = run(&many(), workers, options).unwrap();
            assert_eq!(rows(&outcome), expected, "{limit} bytes");
            let spilled = outcome.report.spilled_bytes;
            assert_eq!((disk.written.load(Ordering::SeqCst) > 0, spilled > 0), (limit < 1 << 30, limit < 1 << 30));
            assert_eq!(outcome.report.to_text().contains(" went to files"), spilled > 0);
            assert_eq!((disk.files.load(Ordering::SeqCst), entries(&parent.0)), (0, 0));
        }
    }
}

/// The one task that failed for want of a place for its rows.
fn assert_spill_failed(error: &RunError) {
    let failed = error.report.tasks.iter().find(|event| event.state == TaskState::Failed).unwrap();
    assert_eq!(failed.error.as_ref().unwrap().kind, "spill");
    assert!(error.to_string().contains("choose a spill folder with more room"), "{error}");
}

/// A full disk is a named error and leaves nothing.
pub fn full_disk(run: Run<'_>) {
    let parent = Parent::new("full");
    for size in [0, 1, 4_000] {
        let disk = Disk { size, inner: TemporaryFolder::within(&parent.0), ..Disk::default() };
        let options = ExecutorOptions::default().with_memory_limit(1_000).with_spill_target(disk.clone());
        let error = run(&many(), 2, options).unwrap_err();
        let RunCause::Spill { source: SpillError::Write { reason, .. }, .. } = &error.cause else { panic!("{error}") };
        assert!(reason.contains("no space left"), "{reason}");
        assert_spill_failed(&error);
        assert_eq!((disk.files.load(Ordering::SeqCst), entries(&parent.0)), (0, 0));
    }
}

/// A folder that is not there is a named error.
pub fn missing_folder(run: Run<'_>) {
    let folder = TemporaryFolder::within("/nonexistent/leafhold");
    let options = ExecutorOptions::default().with_memory_limit(1).with_spill_target(folder);
    let error = run(&many(), 1, options).unwrap_err();
    let words = "cannot be written to the temporary folder: /nonexistent/leafhold: ";
    assert!(error.to_string().contains(words), "{error}");
    assert_spill_failed(&error);
}

/// Rows that cannot be read back are a named error.
pub fn unreadable_rows(run: Run<'_>) {
    let disk = Disk { size: u64::MAX, forgets: true, ..Disk::default() };
    let options = ExecutorOptions::default().with_memory_limit(1).with_spill_target(disk.clone());
    let error = run(&many(), 2, options).unwrap_err();
    let RunCause::Spill { source: SpillError::Read { reason, .. }, .. } = &error.cause else { panic!("{error}") };
    assert_eq!(reason, "Io error: a bad sector");
    assert_eq!(disk.files.load(Ordering::SeqCst), 0);
}
