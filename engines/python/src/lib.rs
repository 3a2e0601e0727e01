//! The Python package `leafhold`: its native half.
//!
//! What Python sees is in `python/leafhold`; this module offers it expressions, plans, task graphs and
//! kernels. Three rules keep it sound:
//!
//! * Arrow data cross by the C stream interface, never copied;
//! * planning and running happen with the interpreter's lock given away, and no lock of Leafhold's is
//!   held while Python runs;
//! * a future is a Python object behind [`leafhold::leaf::RemoteFuture`]; its release runs on
//!   Leafhold's release queue.

mod arrow;
mod error;
mod expr;
mod future;
mod graph;
mod kernels;
mod lifecycle;
mod origin;
mod report;
mod run;
mod tokenize;
mod work;

use pyo3::prelude::*;

/// The native half of `leafhold`.
#[pymodule]
fn _leafhold(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("SCHEME", leafhold::token::SCHEME)?;
    module.add_class::<expr::PyExpr>()?;
    module.add_class::<future::Handle>()?;
    module.add_class::<graph::PyTaskGraph>()?;
    module.add_class::<kernels::Stop>()?;
    module.add_class::<lifecycle::PyLedger>()?;
    module.add_class::<report::PyReport>()?;
    module.add_class::<run::PyLocalRun>()?;
    module.add_class::<origin::Origin>()?;
    module.add_function(wrap_pyfunction!(future::drain, module)?)?;
    module.add_function(wrap_pyfunction!(future::handle_counts, module)?)?;
    module.add_function(wrap_pyfunction!(future::close, module)?)?;
    module.add_function(wrap_pyfunction!(kernels::run_fragment, module)?)?;
    module.add_function(wrap_pyfunction!(tokenize::tokenize, module)?)?;
    Ok(())
}
