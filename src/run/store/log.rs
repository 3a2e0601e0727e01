use std::io::{self, BufReader, Read};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_schema::ArrowError;
use parking_lot::Mutex;

use super::{Rows, SpillError, SpillFile, SpillTarget};
use crate::leaf::encode;

/// Rows outside of memory: Arrow IPC streams, one after the other in a few files. A file goes with the last of its
/// rows.
pub(in crate::run) struct SpillLog {
    target: Arc<dyn SpillTarget>,
    state: Mutex<Writer>,
}

#[derive(Default)]
struct Writer {
    /// The file that is being written, and how long it is.
    file: Option<(Arc<dyn SpillFile>, u64)>,
    files: u64,
}

/// A file is full beyond this many bytes: what is read soon should not keep what is read late. Each is open as long as
/// it is there, so later ones of a run that needs many are larger: a thousand hold half a terabyte.
const FILE_BYTES: u64 = 64 << 20;

/// One port's rows in a file.
pub(in crate::run) struct SpilledRows {
    file: Arc<dyn SpillFile>,
    from: u64,
    /// Bytes in the file.
    pub(in crate::run) length: u64,
    pub(in crate::run) rows: u64,
    /// Bytes in memory.
    pub(in crate::run) bytes: u64,
}

impl SpillLog {
    pub(in crate::run) fn new(target: Arc<dyn SpillTarget>) -> Self {
        SpillLog { target, state: Mutex::default() }
    }

    /// Where its files are.
    pub(in crate::run) fn target(&self) -> &Arc<dyn SpillTarget> {
        &self.target
    }

    /// Writes rows. Nothing of them stays in the log when that fails: the file that was being written is left.
    pub(in crate::run) fn write(&self, rows: &Rows) -> Result<SpilledRows, SpillError> {
        let failed = |reason: String| SpillError::Write { bytes: rows.bytes, reason };
        // Encoded before the log is taken: only the writing is one after the other.
        let stream = match rows.data.first() {
            Some(first) => encode(first.schema_ref(), &*rows.data),
            None => Ok(Vec::new()),
        };
        let stream = stream.map_err(|error| failed(error.to_string()))?;
        let mut state = self.state.lock();
        let (file, from) = state.append(&*self.target, &stream).map_err(|error| failed(error.to_string()))?;
        Ok(SpilledRows { file, from, length: stream.len() as u64, rows: rows.rows, bytes: rows.bytes })
    }

    /// Lets the last file go; somebody may still read it a little longer.
    pub(in crate::run) fn close(&self) {
        let state = std::mem::take(&mut *self.state.lock());
        drop(state);
    }
}

impl Writer {
    fn append(&mut self, target: &dyn SpillTarget, stream: &[u8]) -> io::Result<(Arc<dyn SpillFile>, u64)> {
        let full = FILE_BYTES * (1 + self.files / 64);
        let (file, from) = match self.file.take() {
            Some((file, length)) if length < full => (file, length),
            _ => {
                self.files += 1;
                (target.create()?.into(), 0)
            }
        };
        file.write_at(stream, from)?;
        self.file = Some((file.clone(), from + stream.len() as u64));
        Ok((file, from))
    }
}

impl SpilledRows {
    /// The rows again.
    pub(in crate::run) fn read(&self) -> Result<Rows, SpillError> {
        let failed = |reason: String| SpillError::Read { bytes: self.bytes, reason };
        let batches = self.decode().map_err(|error| failed(error.to_string()))?;
        Ok(Rows { data: Arc::new(batches), rows: self.rows, bytes: self.bytes })
    }

    fn decode(&self) -> Result<Vec<RecordBatch>, ArrowError> {
        let stream = Part { file: &*self.file, place: self.from, end: self.from + self.length };
        StreamReader::try_new(BufReader::with_capacity(READ_BYTES, stream), None)?.collect()
    }
}

/// So much is read at a time.
const READ_BYTES: usize = 1 << 16;

/// A part of a file as a stream.
struct Part<'a> {
    file: &'a dyn SpillFile,
    place: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.place).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..wanted], self.place)?;
        self.place += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringViewArray;

    use super::super::TemporaryFolder;
    use super::*;

    /// Batches that all show into one buffer of text, as those of a sorted table do.
    #[test]
    fn a_file_has_the_text_that_batches_show_and_comes_back_the_same() {
        let texts =
            StringViewArray::from_iter_values((0..100_000).map(|at| format!("a rather long text, number {at}")));
        let whole = RecordBatch::try_from_iter([("text", Arc::new(texts) as _)]).unwrap();
        let batches: Vec<_> = (0..100).map(|at| whole.slice(at * 1_000, 1_000)).collect();
        let rows = Rows::from(batches.clone());
        let log = SpillLog::new(Arc::new(TemporaryFolder::default()));
        let spilled = log.write(&rows).unwrap();
        assert!(spilled.length < 2 * rows.bytes, "{} bytes in memory, {} in the file", rows.bytes, spilled.length);
        assert_eq!(*spilled.read().unwrap().data, batches);
    }
}
