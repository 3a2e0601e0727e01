//! Errors of the planner as exceptions of `leafhold.errors`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use leafhold::expr::ExprError;
use leafhold::expr::wire::WireError;
use leafhold::leaf::{DelayedError, FutureError, FutureErrorKind, ReadError};
use leafhold::lower::LowerError;
use leafhold::run::{FragmentError, KernelError, RunCause};
use leafhold_datafusion::SqlError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// An exception in the making: its class in `leafhold.errors`, and its attributes.
pub struct Raise<'py> {
    py: Python<'py>,
    class: &'static str,
    message: String,
    attributes: Bound<'py, PyDict>,
}

impl<'py> Raise<'py> {
    /// An exception of this class with this message.
    pub fn new(py: Python<'py>, class: &'static str, message: impl ToString) -> Self {
        Raise { py, class, message: message.to_string(), attributes: PyDict::new(py) }
    }

    /// Adds an attribute.
    pub fn with(self, name: &str, value: impl IntoPyObject<'py>) -> PyResult<Self> {
        self.attributes.set_item(name, value)?;
        Ok(self)
    }

    /// The exception, or whatever went wrong while making it.
    pub fn into_error(self) -> PyErr {
        let class = self.py.import("leafhold.errors").and_then(|errors| errors.getattr(self.class));
        match class.and_then(|class| class.call((self.message,), Some(&self.attributes))) {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    }
}

fn finish(raise: PyResult<Raise<'_>>) -> PyErr {
    raise.map_or_else(|error| error, Raise::into_error)
}

/// What is wrong with a query's text.
pub fn sql(py: Python<'_>, error: SqlError) -> PyErr {
    let place = match &error {
        SqlError::Syntax { place, .. }
        | SqlError::UnknownTable { place, .. }
        | SqlError::UnknownColumn { place, .. }
        | SqlError::Invalid { place, .. } => place.as_ref().map(|place| (place.line, place.column)),
        _ => None,
    };
    let raise = Raise::new(py, "SqlError", &error);
    finish(
        raise
            .with("line", place.map(|place| place.0))
            .and_then(|raise| raise.with("column", place.map(|place| place.1))),
    )
}

/// What is wrong with an expression.
pub fn expr(py: Python<'_>, error: &ExprError) -> PyErr {
    match error {
        ExprError::Delayed(error) => delayed(py, error),
        error => Raise::new(py, "PlanError", error).into_error(),
    }
}

/// What is wrong with the futures of a leaf.
pub fn delayed(py: Python<'_>, error: &DelayedError) -> PyErr {
    match error {
        DelayedError::MixedEngines { name, key, engine, .. } => {
            let raise = Raise::new(py, "ForeignFutureError", error).with("leaf", name);
            finish(raise.and_then(|raise| raise.with("key", key)).and_then(|raise| raise.with("engine", engine)))
        }
        error => Raise::new(py, "PlanError", error).into_error(),
    }
}

/// Why no tasks can be made of a plan.
pub fn lower(py: Python<'_>, error: &LowerError) -> PyErr {
    Raise::new(py, "PlanError", error).into_error()
}

/// Why a run on this machine gave no rows. Python puts the report inside.
pub fn run(py: Python<'_>, cause: &RunCause) -> PyErr {
    finish(self::cause(py, cause))
}

fn cause<'py>(py: Python<'py>, cause: &RunCause) -> PyResult<Raise<'py>> {
    match cause {
        RunCause::Future { leaf, partition, source, .. } => {
            future(py, cause, source)?.with("leaf", leaf)?.with("partition", partition)
        }
        RunCause::Value { leaf, partition, source } => {
            let class = match source {
                ReadError::Rejected { .. } | ReadError::Cycle { .. } => "NestedFutureError",
                _ => "SchemaError",
            };
            Raise::new(py, class, cause).with("leaf", leaf)?.with("partition", partition)
        }
        RunCause::Schema { leaf, partition, key, .. } => {
            Raise::new(py, "SchemaError", cause).with("leaf", leaf)?.with("partition", partition)?.with("key", key)
        }
        RunCause::Cancelled => Ok(Raise::new(py, "RunCancelledError", cause)),
        cause => Ok(Raise::new(py, "ComputeError", cause)),
    }
}

fn future<'py>(py: Python<'py>, message: impl ToString, error: &FutureError) -> PyResult<Raise<'py>> {
    let class = match error.kind {
        FutureErrorKind::Failed => "FutureFailedError",
        FutureErrorKind::Cancelled => "FutureCancelledError",
        FutureErrorKind::Lost => "FutureLostError",
    };
    Raise::new(py, class, message).with("key", &error.key)?.with("engine", error.engine.to_string())
}

/// Why a future gave no data.
pub fn future_error(py: Python<'_>, error: &FutureError) -> PyErr {
    finish(future(py, error, error))
}

/// Why a fragment gave no rows. Where an error was raised is a note of the exception, so that its traceback has it: from
/// Python 3.11 on, as there are none before.
pub fn fragment(py: Python<'_>, label: &str, error: FragmentError) -> PyErr {
    let (error, trace) = match error {
        FragmentError::Kernel(error) => {
            let (error, trace) = error.split_trace();
            (FragmentError::Kernel(error), trace)
        }
        error => (error, None),
    };
    if let FragmentError::Kernel(KernelError::Cancelled) = error {
        return Raise::new(py, "RunCancelledError", format!("{label}: it was told to stop")).into_error();
    }
    let raised = Raise::new(py, "ComputeError", format!("{label}: {error}")).into_error();
    if let Some(trace) = trace
        && let Ok(add_note) = raised.value(py).getattr("add_note")
        && let Err(error) = add_note.call1((trace,))
    {
        return error;
    }
    raised
}

/// Why something cannot be written, or read back.
pub fn wire(py: Python<'_>, error: &WireError) -> PyErr {
    match error {
        WireError::Future { leaf, partition, source } => {
            let raise = future(py, error, source).and_then(|raise| raise.with("leaf", leaf));
            finish(raise.and_then(|raise| raise.with("partition", partition)))
        }
        WireError::LocalFuture { leaf, partition, key } => {
            let raise = Raise::new(py, "SerializationError", error).with("leaf", leaf);
            finish(raise.and_then(|raise| raise.with("partition", partition)).and_then(|raise| raise.with("key", key)))
        }
        error => Raise::new(py, "SerializationError", error).into_error(),
    }
}

/// Runs code that may panic: Python is to see an exception that it can catch.
pub fn contained<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
    })
}

/// A panic, as an exception.
pub fn panicked(message: &str) -> PyErr {
    PyRuntimeError::new_err(format!("leafhold panicked, which is a bug: {message}"))
}
