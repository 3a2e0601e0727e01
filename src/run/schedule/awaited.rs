use std::sync::Arc;

use arrow_schema::SchemaRef;

use crate::leaf::{FutureErrorKind, FutureHandle, Generation, NestedFutures, PartitionReader, ReadError};
use crate::lower::{FutureInput, FutureLeaf};
use crate::run::store::Rows;
use crate::run::{RunCause, TaskState};

/// What makes two reads of futures one: the same instance, promised and read alike, and made again by the same origin.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct ReadKey {
    generation: Generation,
    schema: SchemaRef,
    nested: NestedFutures,
    cast: bool,
    origin: Option<usize>,
}

/// A future that tasks wait for, and its rows when they have come.
pub(in crate::run) struct Awaited {
    pub(in crate::run) handle: Option<FutureHandle>,
    pub(super) place: Place,
    /// Until it has come to its end; a worker has it while it reads on.
    pub(in crate::run) reader: Option<PartitionReader>,
    pub(in crate::run) rows: Option<Rows>,
}

/// Where a future stands in its leaf, for errors.
#[derive(Clone)]
pub(in crate::run) struct Place {
    leaf: Arc<str>,
    partition: usize,
    future: Generation,
}

impl Awaited {
    /// What the reader of a future waits for.
    pub(super) fn of(input: &FutureInput) -> (ReadKey, Awaited) {
        let FutureInput { handle, leaf, partition } = input;
        let FutureLeaf { name, schema, reading } = &**leaf;
        let key = ReadKey {
            generation: handle.generation(),
            schema: schema.clone(),
            nested: reading.nested,
            cast: reading.cast,
            origin: reading.origin.as_ref().map(|origin| Arc::as_ptr(origin).cast::<()>() as usize),
        };
        let awaited = Awaited {
            handle: Some(handle.clone()),
            place: Place { leaf: name.clone(), partition: *partition, future: handle.generation() },
            reader: Some(PartitionReader::new(handle.clone(), *partition, schema.clone(), reading.clone())),
            rows: None,
        };
        (key, awaited)
    }
}

impl Place {
    /// How the tasks end that read this future, and why.
    pub(in crate::run) fn failure(&self, error: ReadError) -> (TaskState, RunCause) {
        let (leaf, partition) = (self.leaf.to_string(), self.partition);
        let lost = matches!(&error, ReadError::Future { source, .. } if source.kind == FutureErrorKind::Lost);
        let cause = match error {
            ReadError::Future { within, source } => {
                RunCause::Future { leaf, partition, future: self.future, within, source }
            }
            ReadError::Schema { key, found, promised } => RunCause::Schema { leaf, partition, key, found, promised },
            source => RunCause::Value { leaf, partition, source },
        };
        (if lost { TaskState::Lost } else { TaskState::Failed }, cause)
    }
}
