use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{SpillFile, SpillTarget};
use crate::run::TaskContext;

/// Counts the bytes that one attempt at a task writes to files.
pub(in crate::run) struct SpillMeter {
    target: Arc<dyn SpillTarget>,
    written: Arc<AtomicU64>,
}

impl SpillMeter {
    /// Stands in for the files of this context, and gives the count. Without a limit of memory nothing goes to files, and
    /// small tasks do not pay for a meter.
    pub(in crate::run) fn within(context: &mut TaskContext) -> SpilledBytes {
        if context.memory.limit().is_none() {
            return SpilledBytes(None);
        }
        let written = Arc::new(AtomicU64::new(0));
        context.spill = Arc::new(SpillMeter { target: context.spill.clone(), written: written.clone() });
        SpilledBytes(Some(written))
    }
}

/// How many bytes an attempt has written to files.
pub(in crate::run) struct SpilledBytes(Option<Arc<AtomicU64>>);

impl SpilledBytes {
    /// So many until now.
    pub(in crate::run) fn get(&self) -> u64 {
        self.0.as_ref().map_or(0, |written| written.load(Ordering::Acquire))
    }
}

impl SpillTarget for SpillMeter {
    fn create(&self) -> io::Result<Box<dyn SpillFile>> {
        Ok(Box::new(Metered { file: self.target.create()?, written: self.written.clone() }))
    }

    fn folder(&self) -> Option<PathBuf> {
        self.target.folder()
    }
}

struct Metered {
    file: Box<dyn SpillFile>,
    written: Arc<AtomicU64>,
}

impl SpillFile for Metered {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        self.file.write_at(bytes, place)?;
        self.written.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        self.file.read_at(buffer, place)
    }
}
