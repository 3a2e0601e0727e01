use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::conform::conform;
use super::{
    EngineId, FutureError, FutureErrorKind, FutureHandle, FutureStatus, FutureValue, Generation, NestedFutures,
    PartitionData, ReadError, Reading,
};

/// The rows of a partition, as its leaf promised them.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The rows, in order.
    pub data: PartitionData,
    /// Futures that were found inside, and that the result has to keep ([`NestedFutures::Adopt`]).
    pub adopted: Vec<FutureHandle>,
}

/// How far the reading of a partition has come.
#[derive(Debug)]
pub enum ReadStep {
    /// This future has to be done first; then [`PartitionReader::advance`] goes on.
    Waits(FutureHandle),
    /// There are the rows, or none will come.
    Done(Result<Delivered, ReadError>),
}

/// Reads one partition of a leaf: its future, the futures in that one's value, and so on (law L4), checks
/// the schema of every table (law L5), and has data that were lost made again where the leaf's origin can
/// (law L1b). It never blocks: it says what it waits for.
///
/// Until it is done it holds every future on the way: the outer ones live until the inner ones are read.
///
/// ```
/// use leafhold::leaf::{FromDelayed, ready, value};
/// # use arrow_array::{Int64Array, RecordBatch};
/// # let batch = RecordBatch::try_from_iter([("a", std::sync::Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
/// let inner = value("inner", vec![batch.clone()]);
/// let outer = ready("outer", vec![inner.clone(), inner]);
/// let leaf = FromDelayed::new("numbers", batch.schema(), vec![outer])?;
/// let rows = leaf.reader(0).expect("there is a partition 0").wait()?.data;
/// assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 4);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct PartitionReader {
    partition: usize,
    schema: SchemaRef,
    reading: Reading,
    /// What is still to be read, last first.
    open: Vec<Open>,
    /// The futures whose values are being read, outermost first.
    path: Vec<FutureHandle>,
    on_path: HashSet<Generation>,
    tables: Vec<PartitionData>,
    /// All futures that were found inside others.
    inner: Vec<FutureHandle>,
    /// The future that was waited for last.
    waited: Option<FutureHandle>,
    /// The future whose engine was asked last.
    asked: Option<FutureHandle>,
    recoveries: usize,
}

enum Open {
    Value(FutureValue),
    Future(FutureHandle),
    /// The value of the last future of the path has been read.
    Leave,
}

/// How often one reading has lost data made again: an engine that keeps losing them is not worth more.
const MOST_RECOVERIES: usize = 3;

impl PartitionReader {
    /// A reader of a future that promises data of `schema`, as partition `partition` of its leaf.
    pub fn new(handle: FutureHandle, partition: usize, schema: SchemaRef, reading: Reading) -> Self {
        PartitionReader {
            partition,
            schema,
            reading,
            open: vec![Open::Future(handle)],
            path: Vec::new(),
            on_path: HashSet::new(),
            tables: Vec::new(),
            inner: Vec::new(),
            waited: None,
            asked: None,
            recoveries: 0,
        }
    }

    /// Reads on, as far as that goes. Engines' code runs in here. Not to be called again after `Done`.
    pub fn advance(&mut self) -> ReadStep {
        loop {
            let step = match self.open.pop() {
                None => return ReadStep::Done(Ok(self.delivered())),
                Some(Open::Leave) => {
                    self.path.pop().map(|future| self.on_path.remove(&future.generation()));
                    Ok(())
                }
                Some(Open::Value(value)) => self.open_value(value),
                Some(Open::Future(handle)) => {
                    self.asked = Some(handle.clone());
                    // Whoever comes back while it is pending still has been told wrongly that it is done; its
                    // engine says what that means.
                    if self.waited.as_ref() != Some(&handle) && handle.status() == FutureStatus::Pending {
                        self.waited = Some(handle.clone());
                        self.open.push(Open::Future(handle.clone()));
                        return ReadStep::Waits(handle);
                    }
                    self.open_future(handle)
                }
            };
            if let Err(error) = step {
                return ReadStep::Done(Err(error));
            }
        }
    }

    /// Reads all of it, and waits on this thread for what is pending.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn wait(mut self) -> Result<Delivered, ReadError> {
        loop {
            match self.advance() {
                ReadStep::Waits(handle) => handle.wait_done(),
                ReadStep::Done(result) => return result,
            }
        }
    }

    /// The error of an engine that panicked in `advance`.
    pub(crate) fn panicked(&self, message: &str) -> ReadError {
        let asked = self.asked.as_ref();
        let engine = asked.map_or_else(EngineId::local, |future| future.engine().clone());
        let key = asked.map_or_else(String::new, |future| future.key().to_owned());
        let message = format!("the engine panicked: {message}");
        let source = FutureError { key, engine, kind: FutureErrorKind::Failed, message };
        ReadError::Future { within: self.keys(), source }
    }

    fn open_future(&mut self, handle: FutureHandle) -> Result<(), ReadError> {
        if self.on_path.contains(&handle.generation()) {
            let around = self.path.iter().skip_while(|outer| **outer != handle).chain([&handle]);
            let keys = around.map(|future| future.key().to_owned()).collect();
            return Err(ReadError::Cycle { engine: handle.engine().clone(), keys });
        }
        let value = match handle.value() {
            Ok(value) => value,
            Err(error) => return self.recover(&handle, error),
        };
        if self.reading.nested == NestedFutures::Reject && !value.futures().is_empty() {
            let (key, engine) = (handle.key().to_owned(), handle.engine().clone());
            return Err(ReadError::Rejected { key, engine, found: value.describe() });
        }
        self.on_path.insert(handle.generation());
        self.path.push(handle);
        self.open.extend([Open::Leave, Open::Value(value)]);
        Ok(())
    }

    fn open_value(&mut self, value: FutureValue) -> Result<(), ReadError> {
        match value {
            FutureValue::Table(data) => {
                let (schema, cast) = (&self.schema, self.reading.cast);
                let data = conform(schema, cast, data).map_err(|(found, promised)| {
                    let key = self.path.last().map_or("", |future| future.key()).to_owned();
                    ReadError::Schema { key, found, promised }
                })?;
                self.tables.push(data);
            }
            FutureValue::Future(handle) => {
                self.inner.push(handle.clone());
                self.open.push(Open::Future(handle));
            }
            FutureValue::List(items) => self.open.extend(items.into_iter().rev().map(Open::Value)),
            FutureValue::Map(entries) => {
                self.open.extend(entries.into_iter().rev().map(|(_, value)| Open::Value(value)));
            }
            FutureValue::Other(found) => {
                let mut within = self.keys();
                let key = within.pop().unwrap_or_default();
                let engine = self.path.last().map(|future| future.engine().clone());
                let engine = engine.unwrap_or_else(EngineId::local);
                return Err(ReadError::NoTable { within, key, engine, found });
            }
        }
        Ok(())
    }

    /// Goes on with the data made again, where they are lost and the leaf knows how.
    fn recover(&mut self, lost: &FutureHandle, error: FutureError) -> Result<(), ReadError> {
        let origin = self.reading.origin.as_ref().filter(|_| {
            error.kind == FutureErrorKind::Lost && self.path.is_empty() && self.recoveries < MOST_RECOVERIES
        });
        let Some(origin) = origin else { return Err(ReadError::Future { within: self.keys(), source: error }) };
        tracing::warn!(partition = self.partition, "{error}; its data are made again");
        let again = origin.recover(self.partition, lost).map_err(|source| {
            let within = Vec::new();
            ReadError::Future { within, source }
        })?;
        self.recoveries += 1;
        self.open.push(Open::Future(again));
        Ok(())
    }

    fn keys(&self) -> Vec<String> {
        self.path.iter().map(|future| future.key().to_owned()).collect()
    }

    fn delivered(&mut self) -> Delivered {
        let data = match self.tables.len() {
            1 => self.tables.remove(0),
            _ => Arc::new(self.tables.iter().flat_map(|table| table.iter().cloned()).collect()),
        };
        let inner = std::mem::take(&mut self.inner);
        let adopted = match self.reading.nested {
            NestedFutures::Adopt => inner,
            NestedFutures::Await | NestedFutures::Reject => Vec::new(),
        };
        Delivered { data, adopted }
    }
}
