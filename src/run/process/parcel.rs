//! What an attempt reads, on its way to a worker process.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;

use super::message::{SourceMessage, write_rows};
use crate::leaf::{ArrowStream, IpcError, PartitionData};
use crate::run::Attempt;

/// The inputs of an attempt: what the process keeps of earlier ones is only named.
pub(super) struct Parcel {
    /// By slot and source.
    pub(super) sources: Vec<Vec<SourceMessage>>,
    /// The streams of those that are sent, in order.
    pub(super) streams: Vec<ArrowStream>,
}

/// Rows that several tasks read, and that a process keeps after the first of them, until the driver's are gone: with the
/// last reader, or to a file.
#[derive(Default)]
pub(super) struct KeptRows {
    /// By where the driver's rows are. The address stays theirs as long as they are known weakly.
    kept: HashMap<usize, Kept>,
    last: u64,
}

struct Kept {
    number: u64,
    rows: Weak<Vec<RecordBatch>>,
}

fn address(rows: &PartitionData) -> usize {
    Arc::as_ptr(rows) as usize
}

impl KeptRows {
    /// Forgets what no task will read any more, and tells its numbers, in order.
    pub(super) fn gone(&mut self) -> Vec<u64> {
        let gone = self.kept.extract_if(|_, kept| kept.rows.strong_count() == 0);
        let mut gone: Vec<u64> = gone.map(|(_, kept)| kept.number).collect();
        gone.sort_unstable();
        gone
    }

    /// The inputs of an attempt. From here on, the process has those that others will read, too.
    pub(super) fn parcel(&mut self, attempt: &Attempt<'_>) -> Result<Parcel, IpcError> {
        let before = self.last;
        let parcel = self.pack(attempt);
        if parcel.is_err() {
            // Nothing of it is sent.
            self.kept.retain(|_, kept| kept.number <= before);
        }
        parcel
    }

    fn pack(&mut self, attempt: &Attempt<'_>) -> Result<Parcel, IpcError> {
        let mut streams = Vec::new();
        let mut sources = Vec::with_capacity(attempt.inputs.len());
        for (slot, data) in attempt.inputs.iter().enumerate() {
            let mut of_slot = Vec::with_capacity(data.len());
            for (source, rows) in data.iter().enumerate() {
                if let Some(kept) = self.kept.get(&address(rows)) {
                    of_slot.push(SourceMessage::Kept(kept.number));
                    continue;
                }
                let written = write_rows(rows)?;
                let count = written.len();
                streams.extend(written);
                of_slot.push(match attempt.shared.binary_search(&(slot, source)).is_ok() {
                    true => {
                        self.last += 1;
                        let kept = Kept { number: self.last, rows: Arc::downgrade(rows) };
                        self.kept.insert(address(rows), kept);
                        SourceMessage::Keep { number: self.last, streams: count }
                    }
                    false => SourceMessage::Sent(count),
                });
            }
            sources.push(of_slot);
        }
        Ok(Parcel { sources, streams })
    }
}
