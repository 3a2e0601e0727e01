use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use parking_lot::Mutex;

use super::{Rows, SpillError, SpillFolder, SpillTarget};

/// Rows outside of memory: Arrow IPC streams, one after the other in a few files. A file goes with the last of its
/// rows, the folder with the run.
pub(in crate::run) struct SpillLog {
    target: Arc<dyn SpillTarget>,
    state: Mutex<Writer>,
}

#[derive(Default)]
struct Writer {
    folder: Option<Arc<dyn SpillFolder>>,
    file: Option<(Arc<SpillFile>, Box<dyn Write + Send>, u64)>,
    files: usize,
}

/// A file is full beyond this many bytes: what is read soon should not keep what is read late.
const FILE_BYTES: u64 = 64 << 20;

/// A file with rows that somebody needs.
struct SpillFile {
    folder: Arc<dyn SpillFolder>,
    name: String,
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        if let Err(error) = self.folder.remove(&self.name) {
            tracing::warn!(file = self.name, %error, "a temporary file stays until its run ends");
        }
    }
}

/// One port's rows in a file.
pub(in crate::run) struct SpilledRows {
    file: Arc<SpillFile>,
    from: u64,
    length: u64,
    pub(in crate::run) rows: u64,
    pub(in crate::run) bytes: u64,
}

impl SpillLog {
    pub(in crate::run) fn new(target: Arc<dyn SpillTarget>) -> Self {
        SpillLog { target, state: Mutex::default() }
    }

    /// Writes rows. Nothing of them stays in the log when that fails: the file that was being written is left.
    pub(in crate::run) fn write(&self, rows: &Rows) -> Result<SpilledRows, SpillError> {
        let failed = |reason: String| SpillError::Write { bytes: rows.bytes, reason };
        // Encoded before the log is taken: only the writing is one after the other.
        let stream = encode(&rows.data).map_err(|error| failed(error.to_string()))?;
        let mut state = self.state.lock();
        let written = state.append(&*self.target, &stream);
        if written.is_err() {
            state.file = None;
        }
        let (file, from) = written.map_err(|error| failed(error.to_string()))?;
        Ok(SpilledRows { file, from, length: stream.len() as u64, rows: rows.rows, bytes: rows.bytes })
    }

    /// Lets the folder go; files that somebody still reads keep it a little longer.
    pub(in crate::run) fn close(&self) {
        let state = std::mem::take(&mut *self.state.lock());
        drop(state);
    }
}

impl Writer {
    fn append(&mut self, target: &dyn SpillTarget, stream: &[u8]) -> std::io::Result<(Arc<SpillFile>, u64)> {
        if self.file.as_ref().is_none_or(|(.., length)| *length >= FILE_BYTES) {
            let folder = match &self.folder {
                Some(folder) => folder.clone(),
                None => self.folder.insert(target.open()?.into()).clone(),
            };
            let name = format!("rows-{}.arrow", self.files);
            self.files += 1;
            let writer = folder.create(&name)?;
            self.file = Some((Arc::new(SpillFile { folder, name }), writer, 0));
        }
        let Some((file, writer, length)) = &mut self.file else { return Err(std::io::ErrorKind::NotFound.into()) };
        writer.write_all(stream)?;
        writer.flush()?;
        let from = *length;
        *length += stream.len() as u64;
        Ok((file.clone(), from))
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
        let mut file = self.file.folder.read(&self.file.name)?;
        file.seek(SeekFrom::Start(self.from))?;
        StreamReader::try_new(BufReader::new(file.take(self.length)), None)?.collect()
    }
}

fn encode(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let mut writer = StreamWriter::try_new(Vec::new(), &first.schema())?;
    for batch in batches {
        match batch.num_rows() {
            // An empty slice of a run-end-encoded column would be written as a run of no rows, which is refused when
            // read.
            0 => writer.write(&RecordBatch::new_empty(batch.schema()))?,
            _ => writer.write(batch)?,
        }
    }
    writer.finish()?;
    writer.into_inner()
}
