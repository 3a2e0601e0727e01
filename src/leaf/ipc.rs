//! Arrow data as bytes: the stream format of Arrow IPC, in which every type survives bit for bit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_ipc::{MessageHeader, root_as_message};
use arrow_schema::{ArrowError, SchemaRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{compact_views, panic_text};

/// Batches of one schema as an Arrow IPC stream. In a text format such as JSON it is written in base64.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::leaf::ArrowStream;
///
/// let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
/// let stream = ArrowStream::of(&batch.schema(), [&batch])?;
/// let (schema, batches) = stream.read()?;
/// assert_eq!((schema, batches), (batch.schema(), vec![batch]));
/// # Ok::<_, leafhold::leaf::IpcError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrowStream(Vec<u8>);

/// Bytes that are no Arrow IPC stream, or data that make none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IpcError {
    /// Arrow's own words.
    #[error("{0}")]
    Arrow(String),
    /// Rows that take no bytes, of which a few bytes could ask for any number.
    #[error("a column of {rows} rows in a message of {bytes} bytes; rows that take no bytes are limited to {limit}")]
    Rows {
        /// How many rows the message speaks of.
        rows: i64,
        /// The bytes of its body.
        bytes: usize,
        /// How many rows it may have beyond what its bytes can hold.
        limit: u64,
    },
    /// Compressed buffers, of which a few bytes could ask for any amount of memory.
    #[error("the buffers of a stream inside a document must not be compressed")]
    Compressed,
    /// Bytes that end too early, or go on too long.
    #[error("the stream is cut off or has bytes after its end")]
    Framing,
}

/// Rows that take no bytes: nulls, repeated runs, batches without columns.
const ROWS_WITHOUT_BYTES: u64 = 1 << 24;

impl ArrowStream {
    /// The stream of some batches.
    ///
    /// # Errors
    /// When Arrow cannot write the data, and when they have more than 16,777,216 rows that take no bytes.
    pub fn of<'a>(
        schema: &SchemaRef,
        batches: impl IntoIterator<Item = &'a RecordBatch>,
    ) -> Result<ArrowStream, IpcError> {
        let bytes = encode(schema, batches)?;
        check_messages(&bytes)?;
        Ok(ArrowStream(bytes))
    }

    /// The schema and the batches. The bytes may come from anywhere.
    ///
    /// # Errors
    /// When they are no stream, or one that asks for more memory than its bytes can hold.
    pub fn read(&self) -> Result<(SchemaRef, Vec<RecordBatch>), IpcError> {
        read_stream(&Buffer::from(self.0.as_slice()))
    }

    /// The stream itself.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Batches as the bytes of a stream.
pub(crate) fn encode<'a>(
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = &'a RecordBatch>,
) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    for batch in batches {
        match batch.num_rows() {
            // An empty slice of a run-end-encoded column would be written as a run of no rows, which is refused when
            // read.
            0 => writer.write(&RecordBatch::new_empty(batch.schema()))?,
            // Arrow writes all that views could show.
            _ => writer.write(&compact_views(batch.clone())?)?,
        }
    }
    writer.into_inner()
}

/// The schema and the batches of a stream. The batches lie in its buffer where that is aligned for them.
pub(crate) fn read_stream(stream: &Buffer) -> Result<(SchemaRef, Vec<RecordBatch>), IpcError> {
    check_messages(stream)?;
    // Arrow validates what it reads, but not all of its conversions return their errors.
    catch_unwind(AssertUnwindSafe(|| decode(stream.clone())))
        .unwrap_or_else(|panic| Err(IpcError::Arrow(format!("not an Arrow stream: {}", panic_text(&*panic)))))
}

fn decode(mut stream: Buffer) -> Result<(SchemaRef, Vec<RecordBatch>), IpcError> {
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while !stream.is_empty() {
        batches.extend(decoder.decode(&mut stream)?);
    }
    decoder.finish()?;
    let schema = decoder.schema().ok_or(IpcError::Framing)?;
    Ok((schema, batches))
}

/// Looks at the frame and the head of every message, before anything is allocated for its content.
fn check_messages(bytes: &[u8]) -> Result<(), IpcError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((word, after)) = rest.split_first_chunk::<4>() else { return Err(IpcError::Framing) };
        let (word, after) = match *word == [0xFF; 4] {
            true => after.split_first_chunk::<4>().ok_or(IpcError::Framing)?,
            false => (word, after),
        };
        let size = u32::from_le_bytes(*word) as usize;
        if size == 0 {
            return if after.is_empty() { Ok(()) } else { Err(IpcError::Framing) };
        }
        let (head, after) = after.split_at_checked(size).ok_or(IpcError::Framing)?;
        let message = root_as_message(head).map_err(|error| IpcError::Arrow(error.to_string()))?;
        let body = usize::try_from(message.bodyLength()).map_err(|_| IpcError::Framing)?;
        rest = after.get(body..).ok_or(IpcError::Framing)?;
        let batch = match message.header_type() {
            MessageHeader::RecordBatch => message.header_as_record_batch(),
            MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
            _ => None,
        };
        let Some(batch) = batch else { continue };
        if batch.compression().is_some() {
            return Err(IpcError::Compressed);
        }
        let nodes = batch.nodes().into_iter().flatten().map(|node| node.length());
        for rows in nodes.chain([batch.length()]) {
            let enough = 8 * body as u64 + ROWS_WITHOUT_BYTES;
            if u64::try_from(rows).map_or(true, |rows| rows > enough) {
                return Err(IpcError::Rows { rows, bytes: body, limit: ROWS_WITHOUT_BYTES });
            }
        }
        let buffers = batch.buffers().map_or(0, |buffers| buffers.len()) as i64;
        let mut variadic = batch.variadicBufferCounts().into_iter().flatten();
        if variadic.any(|count| !(0..=buffers).contains(&count)) {
            return Err(IpcError::Framing);
        }
    }
    Ok(())
}

impl From<ArrowError> for IpcError {
    fn from(error: ArrowError) -> Self {
        IpcError::Arrow(error.to_string())
    }
}

impl Serialize for ArrowStream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        bytes::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for ArrowStream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes::deserialize(deserializer).map(ArrowStream)
    }
}

/// Bytes in documents: base64 in texts, themselves elsewhere.
pub(crate) mod bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str(&STANDARD.encode(bytes)),
            false => serializer.serialize_bytes(bytes),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        if !deserializer.is_human_readable() {
            return deserializer.deserialize_byte_buf(Bytes);
        }
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map_err(|error| serde::de::Error::custom(format!("base64: {error}")))
    }
    struct Bytes;

    impl<'de> serde::de::Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}
