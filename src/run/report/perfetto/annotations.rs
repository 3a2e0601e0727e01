use serde_json::Value;

use super::fields::debug_annotation::{ARRAY_VALUES, BOOL, DICT_ENTRIES, DOUBLE, INT, NAME, NAME_IID, STRING, UINT};
use super::fields::track_event::DEBUG_ANNOTATIONS;
use super::proto::{Proto, short_varint};
use crate::run::report::recorded_event::RecordedEvent;
use crate::run::report::times::nanos;
use crate::run::work::Observed;
use crate::run::{RunReport, TaskAttempt, TaskError};

/// The names of annotations, which are interned by their numbers.
#[derive(Clone, Copy)]
pub(super) enum Name {
    Stage = 1,
    Attempt,
    Task,
    Partition,
    Queued,
    Transfer,
    Rows,
    BytesIn,
    BytesOut,
    PeakMemory,
    PeakExecutionMemory,
    SpilledBytes,
    Observed,
    Critical,
    Error,
    Trace,
    Tasks,
    Workers,
    PeakBytes,
    FlowsLeftOut,
}

impl Name {
    /// All of them with their texts, by number.
    pub(super) const ALL: [(Name, &str); 20] = [
        (Name::Stage, "stage"),
        (Name::Attempt, "attempt"),
        (Name::Task, "task"),
        (Name::Partition, "partition"),
        (Name::Queued, "queued_ns"),
        (Name::Transfer, "transfer_ns"),
        (Name::Rows, "rows"),
        (Name::BytesIn, "bytes_in"),
        (Name::BytesOut, "bytes_out"),
        (Name::PeakMemory, "peak_memory"),
        (Name::PeakExecutionMemory, "peak_execution_memory"),
        (Name::SpilledBytes, "spilled_bytes"),
        (Name::Observed, "observed"),
        (Name::Critical, "critical"),
        (Name::Error, "error"),
        (Name::Trace, "trace"),
        (Name::Tasks, "tasks"),
        (Name::Workers, "workers"),
        (Name::PeakBytes, "peak_bytes"),
        (Name::FlowsLeftOut, "flows_left_out"),
    ];
}

/// Annotations of an event.
impl Proto<'_> {
    pub(super) fn run(&mut self, report: &RunReport) {
        self.number(Name::Tasks, report.tasks.len() as u64);
        self.number(Name::Workers, report.workers as u64);
        if let Some(bytes) = report.peak_bytes {
            self.number(Name::PeakBytes, bytes);
        }
        self.amount(Name::SpilledBytes, report.spilled_bytes);
        self.amount(Name::FlowsLeftOut, report.flows.left_out);
    }

    /// What is known of a task beyond its time. What is nothing is left out.
    #[inline]
    pub(super) fn task(&mut self, event: RecordedEvent<'_>, critical: bool) {
        self.which(event);
        let record = event.record;
        self.amount(Name::Queued, nanos(record.queued()));
        self.amount(Name::Transfer, nanos(event.transfer()));
        self.amount(Name::Rows, record.rows);
        self.amount(Name::BytesIn, record.bytes_in);
        self.amount(Name::BytesOut, record.bytes_out);
        if let Some(bytes) = event.peak_memory() {
            self.number(Name::PeakMemory, bytes);
        }
        if let Some(bytes) = event.peak_execution_memory() {
            self.number(Name::PeakExecutionMemory, bytes);
        }
        self.amount(Name::SpilledBytes, event.spilled_bytes());
        event.observed().into_iter().for_each(|observed| self.observed(observed));
        if critical {
            self.annotation(Name::Critical, |value| _ = value.uint(BOOL, 1));
        }
        if let Some(error) = event.error() {
            self.error(error);
        }
    }

    /// What is known of an earlier attempt.
    pub(super) fn tried(&mut self, event: RecordedEvent<'_>, attempt: &TaskAttempt) {
        self.which(event);
        self.observed(&attempt.observed);
        self.error(&attempt.error);
    }

    /// Which task it is of its stage.
    #[inline]
    fn which(&mut self, event: RecordedEvent<'_>) {
        self.number(Name::Task, event.task as u64);
        self.number(Name::Partition, event.partition() as u64);
    }

    fn error(&mut self, error: &TaskError) {
        self.annotation(Name::Error, |value| _ = value.text(STRING, &error.to_string()));
        if let Some(trace) = &error.trace {
            self.annotation(Name::Trace, |value| _ = value.text(STRING, trace));
        }
    }

    #[inline]
    fn observed(&mut self, observed: &Observed) {
        if !observed.is_empty() {
            self.annotation(Name::Observed, |value| {
                observed.iter().for_each(|(name, said)| value.entry(name, said));
            });
        }
    }

    /// A number, unless it is nothing.
    #[inline]
    fn amount(&mut self, name: Name, number: u64) {
        if number > 0 {
            self.number(name, number);
        }
    }

    #[inline(always)]
    pub(super) fn number(&mut self, name: Name, number: u64) {
        match short_varint(number) {
            // There are several for each task: the whole message is put at once.
            Some((bytes, length)) => {
                const HEAD: [u32; 5] = [DEBUG_ANNOTATIONS << 3 | 2, 3, NAME_IID << 3, 0, UINT << 3];
                let head = HEAD.iter().rev().fold(0, |head, byte| head << 8 | u128::from(*byte));
                let message = head + ((length as u128) << 8) + ((name as u128) << 24) + (u128::from(bytes) << 40);
                self.put(message.to_le_bytes(), HEAD.len() + length);
            }
            None => self.annotation(name, |value| _ = value.uint(UINT, number)),
        }
    }

    fn annotation(&mut self, name: Name, value: impl FnOnce(&mut Proto<'_>)) {
        self.message(DEBUG_ANNOTATIONS, |annotation| value(annotation.uint(NAME_IID, name as u64)));
    }

    /// What somebody said under a name of their own.
    fn entry(&mut self, name: &str, said: &Value) {
        self.message(DICT_ENTRIES, |entry| entry.text(NAME, name).json(said));
    }

    /// What Perfetto has no value for is text: `null`, and lists and objects with nothing in them.
    fn json(&mut self, said: &Value) {
        match said {
            Value::Bool(said) => _ = self.uint(BOOL, u64::from(*said)),
            Value::String(said) => _ = self.text(STRING, said),
            Value::Array(items) if !items.is_empty() => {
                items.iter().for_each(|item| _ = self.message(ARRAY_VALUES, |value| value.json(item)));
            }
            Value::Object(fields) if !fields.is_empty() => {
                fields.iter().for_each(|(name, said)| self.entry(name, said));
            }
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => _ = self.uint(UINT, number),
                (_, Some(number), _) => _ = self.uint(INT, number as u64),
                (.., number) => _ = self.double(DOUBLE, number.unwrap_or(f64::NAN)),
            },
            Value::Null | Value::Array(_) | Value::Object(_) => _ = self.text(STRING, &said.to_string()),
        }
    }
}
