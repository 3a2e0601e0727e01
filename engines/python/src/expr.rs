//! Expressions, as Python's frames hold them.

use std::sync::Arc;

use leafhold::explain::{PlanOutline, PlanText, caps_hit, expr_text, rules_fired};
use leafhold::expr::wire::{NoCodec, ReadContext};
use leafhold::expr::{Expr, Op};
use leafhold::leaf::{FromDelayed, Leaf, NestedFutures, Values};
use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::{Plan, Planner};
use leafhold::run::ExecutorOptions;
use leafhold_datafusion::{Catalog, EngineFunctions, Session};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrow;
use crate::error::{self, Raise};
use crate::future::{Handle, Resolver};
use crate::graph::PyTaskGraph;
use crate::origin::Origin;
use crate::run::{PyLocalRun, PyObserver};
use crate::work;

/// An immutable expression, with strong handles to the futures below it.
#[pyclass(frozen, module = "leafhold._leafhold", name = "Expr")]
pub struct PyExpr(pub Expr);

#[pymethods]
impl PyExpr {
    /// A leaf over live futures, one per partition, that promise data of `schema`; and what makes them
    /// again when they are lost.
    #[staticmethod]
    #[pyo3(signature = (name, schema, handles, nested, origin=None))]
    fn from_delayed(
        py: Python<'_>,
        name: String,
        schema: &Bound<'_, PyAny>,
        handles: Vec<Bound<'_, Handle>>,
        nested: &str,
        origin: Option<Bound<'_, Origin>>,
    ) -> PyResult<Self> {
        let schema = arrow::read_schema(schema)?;
        let handles: Vec<_> = handles.iter().map(|handle| handle.get().0.clone()).collect();
        let nested = match nested {
            "await" => NestedFutures::Await,
            "adopt" => NestedFutures::Adopt,
            "reject" => NestedFutures::Reject,
            other => {
                let message = format!("nested={other:?} is not one of \"await\", \"adopt\" and \"reject\"");
                return Err(Raise::new(py, "PlanError", message).into_error());
            }
        };
        let leaf = FromDelayed::new(name, schema, handles).map_err(|error| error::delayed(py, &error))?;
        let leaf = leaf.with_nested(nested);
        leaf_expr(
            py,
            Leaf::FromDelayed(match origin {
                Some(origin) => leaf.with_origin(origin.get().0.clone()),
                None => leaf,
            }),
        )
    }

    /// A leaf of Arrow data at hand, as one partition. Its statistics and its token are taken here.
    #[staticmethod]
    fn from_arrow(py: Python<'_>, name: String, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (schema, batches) = arrow::read(data)?;
        leaf_expr(py, Leaf::Values(py.detach(|| Values::new(name, schema, vec![batches]))))
    }

    /// A query over expressions by name.
    #[staticmethod]
    fn sql(py: Python<'_>, query: &str, tables: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut catalog = Catalog::new();
        for (name, expr) in tables {
            catalog.add_expr(name.extract::<String>()?, expr.cast::<PyExpr>()?.get().0.clone());
        }
        let session = Session::new(catalog);
        let frame = py.detach(|| session.frame(query)).map_err(|error| error::sql(py, error))?;
        Ok(PyExpr(frame.expr().clone()))
    }

    /// The document from which [`from_json`](Self::from_json) makes it again, with the same token in this
    /// session.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| self.0.to_json(&NoCodec)).map_err(|error| error::wire(py, &error))
    }

    /// Reads what [`to_json`](Self::to_json) wrote. `resolve` is called with engine and key of a future that
    /// nothing in this process holds.
    #[staticmethod]
    fn from_json(py: Python<'_>, document: &str, resolve: Py<PyAny>) -> PyResult<Self> {
        let resolver = Resolver(resolve);
        let context = ReadContext::new(&EngineFunctions).with_resolver(&resolver);
        let expr = py.detach(|| Expr::from_json(document, &context));
        expr.map(PyExpr).map_err(|error| error::wire(py, &error))
    }

    /// The identity, 64 hexadecimal digits.
    #[getter]
    fn token(&self) -> String {
        self.0.token().to_string()
    }

    /// The columns, as a `pyarrow.Schema`.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        arrow::schema(py, self.0.schema())
    }

    /// What was written, as text.
    fn text(&self, py: Python<'_>) -> String {
        py.detach(|| expr_text(&self.0))
    }

    /// The plan, as text.
    fn plan_text(&self, py: Python<'_>) -> PyResult<String> {
        let plan = self.plan(py)?;
        let (fired, caps) = (rules_fired(&plan), caps_hit(&plan));
        Ok(format!("{}; rules fired: {fired}\n; caps hit: {caps}\n", PlanText::new(&plan)))
    }

    /// The futures below, as (leaf, partition, handle).
    fn futures(&self) -> Vec<(String, usize, Handle)> {
        let mut futures = Vec::new();
        for expr in self.0.post_order() {
            if let Op::Leaf(leaf) = expr.op() {
                let handles = leaf.futures().iter().enumerate();
                futures.extend(handles.map(|(at, handle)| (leaf.name().to_owned(), at, Handle(handle.clone()))));
            }
        }
        futures
    }

    /// Plans it and starts it on threads of this process. `observers` are called with JSON, see
    /// [`PyObserver`]; `work` has those that watch where tasks run, by name.
    #[pyo3(signature = (threads, retries, memory_limit, on_submit=None, on_event=None, on_finish=None, work=Vec::new()))]
    #[expect(clippy::too_many_arguments, reason = "it is called by name, from one place")]
    fn start(
        &self,
        py: Python<'_>,
        threads: usize,
        retries: u32,
        memory_limit: Option<u64>,
        on_submit: Option<Py<PyAny>>,
        on_event: Option<Py<PyAny>>,
        on_finish: Option<Py<PyAny>>,
        work: Vec<(String, Py<PyAny>)>,
    ) -> PyResult<PyLocalRun> {
        let (graph, plan) = self.lowered(py)?;
        let plan = Arc::new(plan);
        let mut options = ExecutorOptions::default().with_retries(retries).with_failures_retried();
        options.memory_limit = memory_limit;
        let (observers, requests) = work::observers(work);
        options.work_observers = requests;
        if on_submit.is_some() || on_event.is_some() || on_finish.is_some() {
            options =
                options.with_observer(Arc::new(PyObserver { on_submit, on_event, on_finish, plan: plan.clone() }));
        }
        PyLocalRun::start(py, graph, plan, threads, observers, options)
    }

    /// Plans it and makes tasks of the plan. What may not be shared between runs (it calls `now()` or
    /// `random()`) gets the run's nonce into its key, and so does all of a run that shares nothing.
    #[pyo3(signature = (nonce, alone=false))]
    fn lower(&self, py: Python<'_>, nonce: &str, alone: bool) -> PyResult<PyTaskGraph> {
        let (graph, plan) = self.lowered(py)?;
        PyTaskGraph::new(py, graph, plan, nonce, alone)
    }
}

impl PyExpr {
    fn plan(&self, py: Python<'_>) -> PyResult<Plan> {
        let planned = py.detach(|| error::contained(|| Planner::new(Arc::new(EngineFunctions)).plan(&self.0)));
        let plan = planned.map_err(|message| error::panicked(&message))?;
        plan.map_err(|error| Raise::new(py, "PlanError", error).into_error())
    }

    /// The tasks, and what the report of their run says of the plan.
    fn lowered(&self, py: Python<'_>) -> PyResult<(TaskGraph, PlanOutline)> {
        let plan = self.plan(py)?;
        let lowered = py.detach(|| lower(&plan).map(|graph| (graph, PlanOutline::new(&plan))));
        lowered.map_err(|error| error::lower(py, &error))
    }
}

fn leaf_expr(py: Python<'_>, leaf: Leaf) -> PyResult<PyExpr> {
    Expr::leaf(leaf).map(PyExpr).map_err(|error| error::expr(py, &error))
}
