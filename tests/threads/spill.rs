//! Runs whose rows do not fit into memory.

use std::io;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use leafhold::run::{ExecutorOptions, RunCause, SpillError, SpillFile, SpillTarget, TaskState, TemporaryFolder};

use crate::behaviour::{FAILS, WAITS};
use crate::kernels::Row;
use crate::plans::numbers;
use crate::scene::{Scene, partitions_with, rows};

/// A folder for the files of runs, in which nobody ever sees one.
struct Parent(PathBuf);

impl Parent {
    fn new(name: &str) -> Self {
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

fn entries(path: &Path) -> usize {
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

fn many() -> Vec<Vec<Row>> {
    (0..12).map(|at| numbers(at * 100..at * 100 + 100)).collect()
}

#[test]
fn rows_beyond_the_limit_go_to_files_and_come_back() {
    let expected = rows(&Scene::shuffle(&many()).run(2, ExecutorOptions::default()).unwrap());
    let parent = Parent::new("spill");
    for threads in [1, 2, 3] {
        // 19,200 bytes are between the first two steps.
        for limit in [0, 1, 3_000, 10_000, 1 << 30] {
            let disk = Disk { size: u64::MAX, inner: TemporaryFolder::within(&parent.0), ..Disk::default() };
            let options = ExecutorOptions::default().with_memory_limit(limit).with_spill_target(disk.clone());
            let mut scene = Scene::shuffle(&many());
            let outcome = scene.run(threads, options).unwrap();
            assert_eq!(rows(&outcome), expected, "{limit} bytes");
            let spilled = outcome.report.spilled_bytes;
            assert_eq!((disk.written.load(Ordering::SeqCst) > 0, spilled > 0), (limit < 1 << 30, limit < 1 << 30));
            assert_eq!(outcome.report.to_text().contains("of rows went to files"), spilled > 0);
            assert_eq!((disk.files.load(Ordering::SeqCst), entries(&parent.0)), (0, 0));
            drop(disk);
            scene.assert_clean(&outcome.report);
        }
    }
}

#[test]
fn what_is_kept_stays_below_the_limit() {
    // With one thread, at most what one task gives is held beside it.
    let limit = 6_000;
    let options = ExecutorOptions::default().with_memory_limit(limit);
    let mut scene = Scene::shuffle(&many());
    let outcome = scene.run(1, options).unwrap();
    let result: u64 = outcome.report.tasks.last().unwrap().bytes_out;
    assert!(outcome.report.peak_bytes <= limit + result, "{} {result}", outcome.report.peak_bytes);
    scene.assert_clean(&outcome.report);
}

#[test]
fn a_full_disk_is_a_named_error_and_leaves_nothing() {
    let parent = Parent::new("full");
    for size in [0, 1, 4_000] {
        let disk = Disk { size, inner: TemporaryFolder::within(&parent.0), ..Disk::default() };
        let options = ExecutorOptions::default().with_memory_limit(1_000).with_spill_target(disk.clone());
        let mut scene = Scene::shuffle(&many());
        let error = scene.run(2, options).unwrap_err();
        let RunCause::Spill { source: SpillError::Write { reason, .. }, .. } = &error.cause else { panic!("{error}") };
        assert!(reason.contains("no space left"), "{reason}");
        let failed = error.report.tasks.iter().find(|event| event.state == TaskState::Failed).unwrap();
        assert_eq!(failed.error.as_ref().unwrap().kind, "spill");
        assert_eq!((disk.files.load(Ordering::SeqCst), entries(&parent.0)), (0, 0));
        drop(disk);
        scene.assert_clean(&error.report);
    }
}

#[test]
fn a_folder_that_is_not_there_is_a_named_error() {
    let folder = TemporaryFolder::within("/nonexistent/leafhold");
    let options = ExecutorOptions::default().with_memory_limit(1).with_spill_target(folder);
    let mut scene = Scene::shuffle(&many());
    let error = scene.run(1, options).unwrap_err();
    let words = "cannot be written to the temporary folder: /nonexistent/leafhold: ";
    assert!(error.to_string().contains(words), "{error}");
    scene.assert_clean(&error.report);
}

#[test]
fn rows_that_cannot_be_read_back_are_a_named_error() {
    let disk = Disk { size: u64::MAX, forgets: true, ..Disk::default() };
    let options = ExecutorOptions::default().with_memory_limit(1).with_spill_target(disk.clone());
    let mut scene = Scene::shuffle(&many());
    let error = scene.run(2, options).unwrap_err();
    let RunCause::Spill { source: SpillError::Read { reason, .. }, .. } = &error.cause else { panic!("{error}") };
    assert_eq!(reason, "Io error: a bad sector");
    assert_eq!(disk.files.load(Ordering::SeqCst), 0);
    drop(disk);
    scene.assert_clean(&error.report);
}

#[test]
fn files_go_however_the_run_ends() {
    let parent = Parent::new("ends");
    for row in [FAILS, WAITS] {
        let mut partitions = partitions_with([row, 0]);
        partitions.extend(many());
        let mut scene = Scene::shuffle(&partitions);
        let target = TemporaryFolder::within(&parent.0);
        let executor = scene.executor(1, ExecutorOptions::default().with_memory_limit(1).with_spill_target(target));
        let run = leafhold::run::Executor::submit(&executor, scene.graph());
        match row {
            WAITS => drop(run),
            _ => drop(run.wait().unwrap_err()),
        }
        drop(executor);
        assert_eq!(entries(&parent.0), 0);
        scene.assert_heard();
        scene.assert_nothing_left();
    }
}

const DRIVER: &str = "LEAFHOLD_TEST_SPILLING_DRIVER";

/// Says when it has rows in a file.
struct Telling(TemporaryFolder);

impl SpillTarget for Telling {
    fn create(&self) -> io::Result<Box<dyn SpillFile>> {
        Ok(Box::new(Told(self.0.create()?)))
    }
}

struct Told(Box<dyn SpillFile>);

impl SpillFile for Told {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        self.0.write_at(bytes, place)?;
        println!("spilled {} bytes", bytes.len());
        Ok(())
    }
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        self.0.read_at(buffer, place)
    }
}

/// Not a test, but a driver that is killed: it does nothing unless another test has started it.
#[test]
fn spilling_driver() {
    let Some(folder) = std::env::var_os(DRIVER) else { return };
    let target = Telling(TemporaryFolder::within(folder));
    let options = ExecutorOptions::default().with_memory_limit(1).with_spill_target(target);
    // The last of its tasks waits, with the rows of all others in files.
    let mut partitions = many();
    partitions.push(vec![vec![WAITS, 0]]);
    let _ = Scene::shuffle(&partitions).run(1, options);
}

#[test]
fn a_driver_that_is_killed_leaves_no_file() {
    let parent = Parent::new("killed");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["spill::spilling_driver", "--exact", "--nocapture", "--test-threads=1"]);
    let mut driver = command.env(DRIVER, &parent.0).stdout(Stdio::piped()).spawn().unwrap();
    let mut words = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(words.any(|line| line.contains("spilled")), "the driver ended, and no rows were beyond its limit");
    driver.kill().unwrap();
    driver.wait().unwrap();
    assert_eq!(entries(&parent.0), 0);
}
