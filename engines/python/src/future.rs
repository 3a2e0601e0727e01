//! Futures of Python engines as leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use leafhold::leaf::{
    self, EngineId, FutureError, FutureErrorKind, FutureHandle, FutureStatus, FutureValue, InstanceId, PartitionData,
    RemoteFuture, release,
};
use pyo3::prelude::*;

use crate::arrow;

/// Set when the interpreter goes away: from then on, nothing here touches Python.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// A future that a Python object speaks for: see `leafhold._futures.LiveFuture`.
struct PyFuture {
    adapter: Option<Py<PyAny>>,
    key: String,
    engine: EngineId,
    instance: Option<InstanceId>,
}

impl PyFuture {
    /// Asks the Python object. `None` when the interpreter is gone.
    fn ask<T>(&self, ask: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Option<PyResult<T>> {
        let adapter = self.adapter.as_ref()?;
        match CLOSED.load(Ordering::Acquire) {
            true => None,
            false => Python::try_attach(|py| ask(adapter.bind(py))),
        }
    }

    fn error(&self, kind: FutureErrorKind, message: impl Into<String>) -> FutureError {
        FutureError { key: self.key.clone(), engine: self.engine.clone(), kind, message: message.into() }
    }

    fn gone(&self) -> FutureError {
        self.error(FutureErrorKind::Lost, "the Python interpreter has ended")
    }
}

impl RemoteFuture for PyFuture {
    fn key(&self) -> &str {
        &self.key
    }

    fn status(&self) -> FutureStatus {
        let status = self.ask(|adapter| {
            let (status, rows, bytes): (String, Option<u64>, Option<u64>) =
                adapter.call_method0("status")?.extract()?;
            Ok(match status.as_str() {
                "pending" => FutureStatus::Pending,
                "finished" => FutureStatus::Finished { rows, bytes },
                "failed" => FutureStatus::Failed,
                "cancelled" => FutureStatus::Cancelled,
                _ => FutureStatus::Lost,
            })
        });
        match status {
            Some(Ok(status)) => status,
            Some(Err(error)) => {
                unraisable(error);
                FutureStatus::Lost
            }
            None => FutureStatus::Lost,
        }
    }

    fn engine(&self) -> EngineId {
        self.engine.clone()
    }

    fn instance(&self) -> Option<InstanceId> {
        self.instance
    }

    fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
        let callback = Callback(parking_lot::Mutex::new(Some(done)));
        // A callback that is dropped unheard is the caller's to notice.
        if let Some(Err(error)) = self.ask(|adapter| adapter.call_method1("on_done", (callback,)).map(drop)) {
            unraisable(error);
        }
    }

    fn data(&self) -> Result<PartitionData, FutureError> {
        match self.value()? {
            FutureValue::Table(data) => Ok(data),
            other => {
                Err(self.error(FutureErrorKind::Failed, format!("its value is {}, not a table", other.describe())))
            }
        }
    }

    fn value(&self) -> Result<FutureValue, FutureError> {
        let value = self.ask(|adapter| {
            let value = adapter.call_method0("value").and_then(|value| read_value(&value));
            Ok(value.map_err(|error| failure(adapter.py(), &error, &self.engine, &self.key)))
        });
        match value {
            Some(Ok(value)) => value,
            Some(Err(error)) => Err(self.error(FutureErrorKind::Failed, error.to_string())),
            None => Err(self.gone()),
        }
    }

    fn release(&self) {
        if let Some(Err(error)) = self.ask(|adapter| adapter.call_method0("release").map(drop)) {
            unraisable(error);
        }
    }
}

impl Drop for PyFuture {
    /// On the release queue's thread, which has no interpreter's lock. Without an interpreter, the object
    /// is left to the end of the process.
    fn drop(&mut self) {
        let Some(adapter) = self.adapter.take() else { return };
        let mut adapter = Some(adapter);
        if !CLOSED.load(Ordering::Acquire) {
            Python::try_attach(|_| drop(adapter.take()));
        }
        std::mem::forget(adapter);
    }
}

/// Finds futures of documents: a Python callable.
pub struct Resolver(pub Py<PyAny>);

impl leaf::FutureResolver for Resolver {
    fn resolve(&self, engine: &EngineId, key: &str) -> Result<FutureHandle, FutureError> {
        let found = Python::try_attach(|py| {
            let found = self.0.call1(py, (engine.to_string(), key));
            let found = found.and_then(|handle| Ok(handle.bind(py).cast::<Handle>()?.get().0.clone()));
            found.map_err(|error| failure(py, &error, engine, key))
        });
        let gone = || FutureError {
            key: key.to_owned(),
            engine: engine.clone(),
            kind: FutureErrorKind::Lost,
            message: "the Python interpreter has ended".to_owned(),
        };
        found.unwrap_or_else(|| Err(gone()))
    }
}

/// What an exception says of a future.
pub fn failure(py: Python<'_>, error: &PyErr, engine: &EngineId, key: &str) -> FutureError {
    let value = error.value(py);
    let kind = value.getattr("kind").and_then(|kind| kind.extract::<String>());
    let kind = match kind.as_deref() {
        Ok("cancelled") => FutureErrorKind::Cancelled,
        Ok("lost" | "foreign") => FutureErrorKind::Lost,
        _ => FutureErrorKind::Failed,
    };
    let message = value.getattr("reason").and_then(|reason| reason.extract::<String>());
    let message = message.unwrap_or_else(|_| error.to_string());
    FutureError { key: key.to_owned(), engine: engine.clone(), kind, message }
}

/// What the Python side says of a value: a tagged tuple, see `leafhold._values.describe`.
fn read_value(value: &Bound<'_, PyAny>) -> PyResult<FutureValue> {
    let (kind, content): (String, Bound<'_, PyAny>) = value.extract()?;
    Ok(match kind.as_str() {
        "table" => FutureValue::Table(Arc::new(arrow::read(&content)?.1)),
        "future" => FutureValue::Future(content.cast::<Handle>()?.get().0.clone()),
        "list" => FutureValue::List(content.try_iter()?.map(|item| read_value(&item?)).collect::<PyResult<_>>()?),
        "map" => {
            let entry = |entry: PyResult<Bound<'_, PyAny>>| {
                let (name, value): (String, Bound<'_, PyAny>) = entry?.extract()?;
                Ok((name, read_value(&value)?))
            };
            FutureValue::Map(content.try_iter()?.map(entry).collect::<PyResult<_>>()?)
        }
        _ => FutureValue::Other(content.extract()?),
    })
}

/// What the Python object calls when its future is done.
#[pyclass(frozen, module = "leafhold._leafhold")]
struct Callback(parking_lot::Mutex<Option<Box<dyn FnOnce() + Send>>>);

#[pymethods]
impl Callback {
    fn __call__(&self, py: Python<'_>) {
        // It takes locks of Leafhold's: others hold them while they wait for the interpreter.
        let done = self.0.lock().take();
        py.detach(|| {
            if let Some(done) = done {
                done();
            }
        });
    }
}

/// A strong handle to live data: while one exists, the data is not released.
#[pyclass(frozen, module = "leafhold._leafhold", name = "FutureHandle")]
pub struct Handle(pub FutureHandle);

#[pymethods]
impl Handle {
    /// Takes over a future that a Python object speaks for.
    #[new]
    fn new(py: Python<'_>, adapter: Bound<'_, PyAny>) -> PyResult<Self> {
        let engine: String = adapter.getattr("engine")?.extract()?;
        let future = PyFuture {
            key: adapter.getattr("key")?.extract()?,
            engine: EngineId(engine.into()),
            instance: adapter.getattr("instance")?.extract::<Option<u64>>()?.map(InstanceId),
            adapter: Some(adapter.unbind()),
        };
        Ok(Handle(py.detach(|| FutureHandle::new(future))))
    }

    /// The engine's name for the data.
    #[getter]
    fn key(&self) -> &str {
        self.0.key()
    }

    /// The engine that can resolve it.
    #[getter]
    fn engine(&self) -> String {
        self.0.engine().to_string()
    }

    /// Which live instance it is, within this session.
    #[getter]
    fn generation(&self) -> String {
        self.0.generation().to_string()
    }
}

/// Waits until every release requested so far has been carried out.
#[pyfunction]
pub fn drain(py: Python<'_>) {
    py.detach(release::drain);
}

/// How many live futures this process has taken over, and how many it has let go.
#[pyfunction]
pub fn handle_counts() -> (u64, u64) {
    let counts = leaf::handle_counts();
    (counts.created, counts.released)
}

/// The interpreter is about to end: carries out what is due, and touches Python no more.
#[pyfunction]
pub fn close(py: Python<'_>) {
    drain(py);
    CLOSED.store(true, Ordering::Release);
}

/// Whether the interpreter goes away.
pub fn is_closed() -> bool {
    CLOSED.load(Ordering::Acquire)
}

fn unraisable(error: PyErr) {
    Python::try_attach(|py| error.write_unraisable(py, None));
}
