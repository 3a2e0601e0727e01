//! Task graphs, as Python's executors read them.

use std::sync::Arc;

use leafhold::explain::PlanOutline;
use leafhold::expr::wire::NoCodec;
use leafhold::leaf::NestedFutures;
use leafhold::lower::{DataInput, FutureInput, FutureLeaf, Source, TaskGraph, TaskId};
use leafhold::token::{Token, Tokenizer};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::future::Handle;
use crate::lifecycle::PyLedger;
use crate::origin::Origin;
use crate::{arrow, error};

/// The tasks of a plan. It owns the futures that they read.
#[pyclass(frozen, module = "leafhold._leafhold", name = "TaskGraph")]
pub struct PyTaskGraph {
    graph: TaskGraph,
    names: Vec<TaskName>,
    fragments: Vec<Py<PyBytes>>,
    plan: Arc<PlanOutline>,
}

/// What a task is called on a cluster.
struct TaskName {
    key: String,
    /// Whether it must not be shared with another run.
    single: bool,
    /// Which of the graph's fragments it runs.
    fragment: usize,
}

impl PyTaskGraph {
    pub fn new(py: Python<'_>, graph: TaskGraph, plan: PlanOutline, nonce: &str, alone: bool) -> PyResult<Self> {
        let mut fragments: Vec<Py<PyBytes>> = Vec::new();
        let mut by_token = std::collections::HashMap::new();
        let mut names: Vec<TaskName> = Vec::with_capacity(graph.len());
        // Lowering adds a task after those that it reads.
        for (id, task) in graph.ids().zip(graph.tasks()) {
            let known = by_token.get(&task.fragment.token).copied();
            let (fragment, single) = match known {
                Some(known) => known,
                None => {
                    let bytes = task.fragment.to_bytes(&NoCodec).map_err(|error| error::wire(py, &error))?;
                    fragments.push(PyBytes::new(py, &bytes).unbind());
                    *by_token
                        .entry(task.fragment.token)
                        .or_insert((fragments.len() - 1, !task.fragment.is_deterministic()))
                }
            };
            let single = single || alone;
            let context = context(&graph, id, &names, single.then_some(nonce));
            let key = format!("leafhold-{}-{}", task.token, context.short());
            names.push(TaskName { key, single, fragment });
        }
        Ok(PyTaskGraph { graph, names, fragments, plan: Arc::new(plan) })
    }
}

#[pymethods]
impl PyTaskGraph {
    /// The schema of the result.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        arrow::schema(py, &self.graph.schema)
    }

    /// The fragments, as bytes.
    #[getter]
    fn fragments(&self, py: Python<'_>) -> Vec<Py<PyBytes>> {
        self.fragments.iter().map(|bytes| bytes.clone_ref(py)).collect()
    }

    /// The tasks whose port 0 is the result, in partition order.
    #[getter]
    fn outputs(&self) -> Vec<usize> {
        self.graph.outputs.iter().map(|output| output.index()).collect()
    }

    /// What the tasks are called, in their order.
    #[getter]
    fn keys(&self) -> Vec<&str> {
        self.names.iter().map(|name| &*name.key).collect()
    }

    /// The driver's book of a run of these tasks.
    fn ledger(&self, retries: u32) -> PyResult<PyLedger> {
        PyLedger::new(&self.graph, self.plan.clone(), retries)
    }

    /// The tasks, producers first: dicts of `key`, `fragment` (index), `partition`, `ports`, `single`,
    /// `label`, `stage`, `token` and `inputs`: for each slot its sources, each a tuple `("task", index, port)`,
    /// `("future", leaf, partition, schema, nested, handle, origin)` or `("data", table)`.
    fn tasks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let tasks = PyList::empty(py);
        for ((id, task), name) in self.graph.ids().zip(self.graph.tasks()).zip(&self.names) {
            let inputs = PyList::empty(py);
            for sources in self.graph.slots(id) {
                let slot = PyList::empty(py);
                for source in sources {
                    slot.append(self.source(py, source)?)?;
                }
                inputs.append(slot)?;
            }
            let entry = PyDict::new(py);
            entry.set_item("key", &name.key)?;
            entry.set_item("single", name.single)?;
            entry.set_item("fragment", name.fragment)?;
            entry.set_item("partition", task.partition)?;
            entry.set_item("ports", task.fragment.output.ports())?;
            entry.set_item("label", &task.fragment.label)?;
            entry.set_item("stage", task.stage)?;
            entry.set_item("token", task.token.to_string())?;
            entry.set_item("inputs", inputs)?;
            tasks.append(entry)?;
        }
        Ok(tasks)
    }
}

impl PyTaskGraph {
    fn source<'py>(&self, py: Python<'py>, source: Source<'_>) -> PyResult<Bound<'py, PyAny>> {
        let tuple = match source {
            Source::Task { task, port } => ("task", task.index(), port).into_pyobject(py)?,
            Source::Future(FutureInput { handle, leaf, partition }) => {
                let FutureLeaf { name, schema, reading } = &**leaf;
                let nested = match reading.nested {
                    NestedFutures::Await => "await",
                    NestedFutures::Adopt => "adopt",
                    NestedFutures::Reject => "reject",
                };
                let (schema, origin) = (arrow::schema(py, schema)?, reading.origin.clone().map(Origin));
                ("future", &**name, *partition, schema, nested, Handle(handle.clone()), origin).into_pyobject(py)?
            }
            Source::Data(DataInput { data, .. }) => {
                let schema = match data.first() {
                    Some(first) => first.schema(),
                    None => self.graph.schema.clone(),
                };
                ("data", arrow::table(py, &schema, data)?).into_pyobject(py)?
            }
        };
        Ok(tuple.into_any())
    }
}

/// What a task's name says beyond its token: how its leaves are called, which tasks it reads by name, and
/// the run, when it belongs to one.
fn context(graph: &TaskGraph, task: TaskId, names: &[TaskName], nonce: Option<&str>) -> Token {
    let mut tokenizer = Tokenizer::new("dask-task");
    for source in graph.sources(task) {
        match source {
            Source::Task { task, .. } => tokenizer.put_str(&names[task.index()].key),
            Source::Future(future) => tokenizer.put(&(&*future.leaf.name, future.partition)),
            Source::Data(_) => tokenizer.put_unit(),
        }
    }
    tokenizer.put(&nonce);
    tokenizer.finish()
}
