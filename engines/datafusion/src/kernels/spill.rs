//! DataFusion's temporary files as those of the executor.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::spill_file::{SpillFile, SpillWriter, TempFileFactory};
use futures::Stream;
use leafhold::run::{SpillFile as Target, SpillTarget};

/// So much is written or read at a time.
const CHUNK: usize = 128 << 10;

/// Makes the files of one task.
pub(super) struct Spill(pub(super) Arc<dyn SpillTarget>);

impl TempFileFactory for Spill {
    fn create_temp_file(&self, _: &str) -> Result<Arc<dyn SpillFile>> {
        let file = self.0.create().map_err(|error| DataFusionError::External(Box::new(SpillFault::of(&error))))?;
        Ok(Arc::new(Spilled { file: file.into(), length: Arc::default() }))
    }
}

/// A file: written from the beginning to the end, and then read.
struct Spilled {
    file: Arc<dyn Target>,
    length: Arc<AtomicU64>,
}

impl SpillFile for Spilled {
    fn size(&self) -> Option<u64> {
        Some(self.length.load(Ordering::Acquire))
    }

    /// Reads on the thread that asks: it is the task's own, which has nothing else to do.
    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        let file = self.file.clone();
        let next = move |place: u64| {
            let mut chunk = vec![0; CHUNK];
            std::future::ready(match file.read_at(&mut chunk, place) {
                Ok(0) => Ok(None),
                Ok(count) => {
                    chunk.truncate(count);
                    Ok(Some((Bytes::from(chunk), place + count as u64)))
                }
                Err(error) => Err(DataFusionError::External(Box::new(SpillFault::of(&error)))),
            })
        };
        Ok(Box::pin(futures::stream::try_unfold(0, next)))
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        let (file, length) = (self.file.clone(), self.length.clone());
        Ok(Box::new(Writer { file, length, pending: Vec::with_capacity(CHUNK) }))
    }
}

/// Writes at the end of a file. Arrow writes in small pieces, which are put together here.
struct Writer {
    file: Arc<dyn Target>,
    length: Arc<AtomicU64>,
    pending: Vec<u8>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let place = self.length.load(Ordering::Acquire);
        let written = self.file.write_at(&self.pending, place);
        written.map_err(|error| io::Error::new(error.kind(), SpillFault::of(&error)))?;
        self.length.store(place + self.pending.len() as u64, Ordering::Release);
        self.pending.clear();
        Ok(())
    }
}

impl SpillWriter for Writer {
    fn finish(&mut self) -> Result<()> {
        Ok(self.flush()?)
    }
}

/// A temporary file could not be made, written or read: what the system says of it.
#[derive(Debug)]
pub(super) struct SpillFault(String);

impl SpillFault {
    fn of(error: &io::Error) -> Self {
        SpillFault(error.to_string())
    }

    /// Finds it among the causes of an error.
    pub(super) fn behind(error: &DataFusionError) -> Option<&Self> {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            // Such an error does not count itself among its causes.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let fault = error.downcast_ref().or_else(|| wrapped?.downcast_ref());
            if fault.is_some() {
                return fault;
            }
            cause = error.source();
        }
        None
    }
}

impl fmt::Display for SpillFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for SpillFault {}
