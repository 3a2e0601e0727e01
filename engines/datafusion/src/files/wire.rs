//! A file table as bytes, for other processes that see the same files.

use std::sync::Arc;

use leafhold::expr::wire::CodecError;
use leafhold::leaf::TableStatistics;
use serde::{Deserialize, Serialize};

use super::{FileTable, Inner, Version, detect};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileWire {
    path: String,
    version: Version,
    statistics: TableStatistics,
}

impl FileTable {
    /// The path, which version of the file was seen there, and its statistics.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        let Inner { path, version, statistics, .. } = &*self.0;
        let (path, version, statistics) = (path.clone(), version.clone(), statistics.clone());
        serde_json::to_vec(&FileWire { path, version, statistics }).map_err(|error| CodecError(error.to_string()))
    }

    /// The same table, if the same file is here. Nothing but its metadata is read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let file: FileWire =
            serde_json::from_slice(bytes).map_err(|error| CodecError(format!("not a table of files: {error}")))?;
        let FileWire { path, version, statistics } = file;
        let found = Version::of(&path).map_err(|error| CodecError(error.to_string()))?;
        if found != version {
            return Err(CodecError(format!(
                "{path}: the file is another one here, or was changed: it has {found}, the plan was made for {version}"
            )));
        }
        let format = detect(&path).map_err(|error| CodecError(error.to_string()))?;
        let token = version.token(&path);
        Ok(FileTable(Arc::new(Inner { path, format, statistics, version, token })))
    }
}
