//! What makes lost rows of a persisted frame again (law L1b).

use std::fmt;
use std::sync::Arc;

use leafhold::expr::{Expr, Op};
use leafhold::leaf::{self, FutureError, FutureErrorKind, FutureHandle};
use pyo3::prelude::*;

use crate::expr::PyExpr;
use crate::future::{Handle, failure};

/// The expression that a frame was persisted from, with the futures below it; and further futures that
/// live as long as the persisted frame.
struct PyOrigin {
    expr: Option<Expr>,
    keep: Vec<FutureHandle>,
    /// Called with the expression, a partition, and the future that has lost its rows; gives the handle of a new one.
    recover: Py<PyAny>,
}

impl fmt::Debug for PyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PyOrigin").field("expr", &self.expr).field("keep", &self.keep).finish_non_exhaustive()
    }
}

impl leaf::Origin for PyOrigin {
    fn recover(&self, partition: usize, lost: &FutureHandle) -> Result<FutureHandle, FutureError> {
        let recovered = Python::try_attach(|py| {
            let expr = self.expr.clone().map(PyExpr);
            let handle = self.recover.call1(py, (expr, partition, Handle(lost.clone())));
            let handle = handle.and_then(|handle| Ok(handle.bind(py).cast::<Handle>()?.get().0.clone()));
            handle.map_err(|error| failure(py, &error, lost.engine(), lost.key()))
        });
        recovered.unwrap_or_else(|| {
            let (key, engine) = (lost.key().to_owned(), lost.engine().clone());
            let message = "the Python interpreter has ended".to_owned();
            Err(FutureError { key, engine, kind: FutureErrorKind::Lost, message })
        })
    }

    fn futures(&self) -> Vec<FutureHandle> {
        let mut futures = self.keep.clone();
        for expr in self.expr.iter().flat_map(Expr::post_order) {
            if let Op::Leaf(leaf) = expr.op() {
                futures.extend(leaf.futures().iter().cloned());
            }
        }
        futures
    }
}

/// What makes lost rows again.
#[pyclass(frozen, module = "leafhold._leafhold")]
pub struct Origin(pub Arc<dyn leaf::Origin>);

#[pymethods]
impl Origin {
    /// `recover` is called with `expr`, a partition and its lost future; `keep` live as long as this.
    #[new]
    fn new(expr: Option<Bound<'_, PyExpr>>, keep: Vec<Bound<'_, Handle>>, recover: Py<PyAny>) -> Self {
        let keep = keep.iter().map(|handle| handle.get().0.clone()).collect();
        Origin(Arc::new(PyOrigin { expr: expr.map(|expr| expr.get().0.clone()), keep, recover }))
    }

    /// A future of the same rows as a partition whose future has lost them.
    fn recover(&self, py: Python<'_>, partition: usize, lost: &Bound<'_, Handle>) -> PyResult<Handle> {
        let lost = lost.get().0.clone();
        let recovered = py.detach(|| self.0.recover(partition, &lost));
        recovered.map(Handle).map_err(|error| crate::error::future_error(py, &error))
    }
}
