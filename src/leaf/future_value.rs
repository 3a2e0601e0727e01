use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{Fault, FutureHandle, PartitionData};

/// What a future's computation gave: a table, or something that holds tables and further futures.
#[derive(Clone, Debug)]
pub enum FutureValue {
    /// Rows.
    Table(PartitionData),
    /// Another future.
    Future(FutureHandle),
    /// Values in order.
    List(Vec<FutureValue>),
    /// Named values in order: a map or a struct.
    Map(Vec<(String, FutureValue)>),
    /// Something that holds no rows: what it is, in words.
    Other(String),
}

/// What a leaf does with futures whose value is a future, or holds some (law L4).
///
/// `Await` and `Adopt` read the same rows: those of all tables that the value holds, directly and behind
/// futures, however deep, in order. They differ in how long the inner futures live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NestedFutures {
    /// The inner futures live until their rows have been read, and the outer ones as long as that.
    #[default]
    Await,
    /// The inner futures live as long as the result: those that a run has read go with its
    /// [`Outcome`](crate::run::Outcome), those that `persist` has read with the last of the futures that
    /// it made.
    Adopt,
    /// A future inside a future's value is an error that names it.
    Reject,
}

impl FutureValue {
    /// The batches of a table.
    pub fn table(batches: Vec<RecordBatch>) -> Self {
        FutureValue::Table(Arc::new(batches))
    }

    /// What it is, in a few words, for errors.
    pub fn describe(&self) -> String {
        match self {
            FutureValue::Table(_) => "a table".to_owned(),
            FutureValue::Future(handle) => format!("the future {:?}", handle.key()),
            FutureValue::List(items) => format!("a list of {}", items.len()),
            FutureValue::Map(entries) => format!("a map of {}", entries.len()),
            FutureValue::Other(what) => what.clone(),
        }
    }

    /// The futures in it, at any depth of lists and maps, in order.
    pub fn futures(&self) -> Vec<&FutureHandle> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(value) = open.pop() {
            match value {
                FutureValue::Future(handle) => found.push(handle),
                FutureValue::List(items) => open.extend(items.iter().rev()),
                FutureValue::Map(entries) => open.extend(entries.iter().rev().map(|(_, value)| value)),
                FutureValue::Table(_) | FutureValue::Other(_) => {}
            }
        }
        found
    }

    /// Exact rows and bytes in memory, where the whole value is here: futures inside it are not.
    pub(super) fn sizes(&self) -> Option<(u64, u64)> {
        let (mut rows, mut bytes) = (0, 0);
        let mut open = vec![self];
        while let Some(value) = open.pop() {
            match value {
                FutureValue::Table(data) => {
                    rows += data.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
                    bytes += data.iter().map(|batch| batch.get_array_memory_size() as u64).sum::<u64>();
                }
                FutureValue::List(items) => open.extend(items),
                FutureValue::Map(entries) => open.extend(entries.iter().map(|(_, value)| value)),
                FutureValue::Future(_) | FutureValue::Other(_) => return None,
            }
        }
        Some((rows, bytes))
    }
}

/// What a computation may give to become a future's value: tables in any of their usual forms, futures,
/// lists of either, and results of all that, nested as runtimes nest them (a joined task gives
/// `Result<Result<_, E>, JoinError>`).
pub trait FutureOutput {
    /// The value, or why there is none.
    ///
    /// # Errors
    /// What the computation gave instead of a value.
    fn into_value(self) -> Result<FutureValue, Fault>;
}

impl FutureOutput for FutureValue {
    fn into_value(self) -> Result<FutureValue, Fault> {
        Ok(self)
    }
}

impl FutureOutput for PartitionData {
    fn into_value(self) -> Result<FutureValue, Fault> {
        Ok(FutureValue::Table(self))
    }
}

impl FutureOutput for RecordBatch {
    fn into_value(self) -> Result<FutureValue, Fault> {
        Ok(FutureValue::table(vec![self]))
    }
}

impl FutureOutput for FutureHandle {
    fn into_value(self) -> Result<FutureValue, Fault> {
        Ok(FutureValue::Future(self))
    }
}

impl FutureOutput for Vec<RecordBatch> {
    fn into_value(self) -> Result<FutureValue, Fault> {
        Ok(FutureValue::table(self))
    }
}

impl FutureOutput for Vec<FutureHandle> {
    fn into_value(self) -> Result<FutureValue, Fault> {
        Ok(FutureValue::List(self.into_iter().map(FutureValue::Future).collect()))
    }
}

impl FutureOutput for Vec<FutureValue> {
    fn into_value(self) -> Result<FutureValue, Fault> {
        Ok(FutureValue::List(self))
    }
}

impl<T: FutureOutput, E: Into<Fault>> FutureOutput for Result<T, E> {
    fn into_value(self) -> Result<FutureValue, Fault> {
        self.map_err(Into::into)?.into_value()
    }
}
