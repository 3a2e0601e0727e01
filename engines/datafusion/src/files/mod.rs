//! Parquet and CSV files as tables.

mod csv;
mod error;
mod parquet;
mod quotes;
mod sample;
mod wire;

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use leafhold::leaf::{ColumnBounds, Leaf, Scan, ScanSource, TableStatistics};
use leafhold::token::{Token, Tokenizer};
use serde::{Deserialize, Serialize};

use self::csv::Csv;
use self::parquet::Parquet;
pub use error::FileError;

#[derive(Clone)]
enum Format {
    Parquet(Parquet),
    Csv(Csv),
}

impl Format {
    fn schema(&self) -> &SchemaRef {
        match self {
            Format::Parquet(parquet) => parquet.schema(),
            Format::Csv(csv) => csv.schema(),
        }
    }
}

/// A file that fragments scan, partition by partition.
#[derive(Clone)]
pub(crate) struct FileTable(Arc<Inner>);

struct Inner {
    path: String,
    format: Format,
    statistics: TableStatistics,
    version: Version,
    token: Token,
}

/// Which version of a file it is, as far as one can tell without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    /// Its size.
    bytes: u64,
    /// When it was changed, in whole seconds since 1970, and nanoseconds.
    changed: (u64, u32),
}

impl Version {
    fn of(path: &str) -> Result<Self, FileError> {
        let metadata = open(path)?.metadata().map_err(|error| unreadable(path, &error))?;
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let changed = changed.map_or((0, 0), |time| (time.as_secs(), time.subsec_nanos()));
        Ok(Version { bytes: metadata.len(), changed })
    }

    /// The token of this version of the file.
    fn token(&self, path: &str) -> Token {
        let (seconds, nanos) = self.changed;
        let changed = u128::from(seconds) * 1_000_000_000 + u128::from(nanos);
        let mut tokenizer = Tokenizer::new("file");
        tokenizer.put_str(path);
        tokenizer.put_u64(self.bytes);
        tokenizer.put_bytes(&changed.to_le_bytes());
        tokenizer.finish()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = self.changed;
        write!(f, "{} bytes of time stamp {seconds}.{nanos:09}", self.bytes)
    }
}

/// A file as a leaf: `.csv` and `.tsv` are text with a line of names, Parquet is known by its first bytes.
///
/// A Parquet file has a partition per row group, up to 16; a text file has one. Only its metadata and a
/// sample of its first rows are read here.
///
/// # Errors
/// When the file is missing, is not what it should be, or has no columns or two of one name. The error names the path.
pub fn table(name: &str, path: impl AsRef<Path>) -> Result<Leaf, FileError> {
    let path = path.as_ref().to_string_lossy().into_owned();
    let format = detect(&path)?;
    distinct(&path, format.schema())?;
    let statistics = match &format {
        Format::Parquet(parquet) => parquet.statistics(&path)?,
        Format::Csv(csv) => csv.statistics(&path)?,
    };
    let version = Version::of(&path)?;
    let token = version.token(&path);
    let inner = Inner { path, format, statistics, version, token };
    Ok(Leaf::Scan(Scan::new(name, Arc::new(FileTable(Arc::new(inner))))))
}

/// Makes sure that a name means one column.
fn distinct(path: &str, schema: &SchemaRef) -> Result<(), FileError> {
    let mut names = HashSet::new();
    match schema.fields().iter().find(|field| !names.insert(field.name())) {
        Some(field) => Err(FileError::TwoColumns { path: path.to_owned(), column: field.name().clone() }),
        None => Ok(()),
    }
}

fn detect(path: &str) -> Result<Format, FileError> {
    let mut magic = [0; 4];
    let is_parquet = open(path)?.read_exact(&mut magic).is_ok() && &magic == b"PAR1";
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "parquet" | "pq" => Ok(Format::Parquet(Parquet::open(path)?)),
        _ if is_parquet => Ok(Format::Parquet(Parquet::open(path)?)),
        "tsv" => Ok(Format::Csv(Csv::open(path, b'\t')?)),
        _ => Ok(Format::Csv(Csv::open(path, b',')?)),
    }
}

fn open(path: &str) -> Result<File, FileError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            Err(FileError::Open { path: path.to_owned(), reason: "is a folder; give one file".to_owned() })
        }
        Ok(_) => Ok(file),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> FileError {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    FileError::Open { path: path.to_owned(), reason }
}

impl FileTable {
    /// Some columns, by position and in this order, of a partition.
    pub fn read(
        &self,
        partition: usize,
        columns: &[usize],
    ) -> Result<Box<dyn Iterator<Item = Result<RecordBatch, FileError>> + Send>, FileError> {
        Ok(match &self.0.format {
            Format::Parquet(parquet) => Box::new(parquet.read(&self.0.path, partition, columns)?),
            Format::Csv(csv) => Box::new(csv.read(&self.0.path, columns)?),
        })
    }

    /// The columns.
    pub fn schema_ref(&self) -> &SchemaRef {
        self.0.format.schema()
    }
}

impl fmt::Debug for FileTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileTable({:?})", self.0.path)
    }
}

impl ScanSource for FileTable {
    fn token(&self) -> Token {
        self.0.token
    }

    fn schema(&self) -> SchemaRef {
        self.schema_ref().clone()
    }

    fn partitions(&self) -> usize {
        match &self.0.format {
            Format::Parquet(parquet) => parquet.partitions.len(),
            Format::Csv(_) => 1,
        }
    }

    fn statistics(&self) -> &TableStatistics {
        &self.0.statistics
    }

    fn bounds(&self, partition: usize, column: usize) -> ColumnBounds {
        match &self.0.format {
            Format::Parquet(parquet) => parquet.bounds(partition, column),
            Format::Csv(_) => ColumnBounds::default(),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
