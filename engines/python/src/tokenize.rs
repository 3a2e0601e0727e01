//! Tokens of Python objects.
//!
//! Scalars and containers are read here, in one pass and without recursion on their depth; for everything
//! else `leafhold._tokenize.normalize` says of what it is made.

use std::collections::HashMap;

use leafhold::token::{Determinism, Token, Tokenizer, tokenize_batch};
use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
};

use crate::arrow;
use crate::error::Raise;
use crate::expr::PyExpr;

/// Keys and elements of sets are hashable, so they nest as deep as somebody wrote them.
const KEY_DEPTH: usize = 200;

/// The token of an object. With `ensure`, what has no content is a `NotDeterministicError`.
#[pyfunction]
pub fn tokenize(object: &Bound<'_, PyAny>, ensure: bool) -> PyResult<String> {
    let mut walk = Walk::new(ensure, 0);
    walk.all(object)?;
    Ok(walk.tokenizer.finish().to_string())
}

/// What is still to be done.
enum Work<'py> {
    /// A value, which the container of that number holds at this place.
    Value { value: Bound<'py, PyAny>, container: usize, at: usize },
    /// An entry of a map, after its key's token.
    Entry { key: Token, value: Bound<'py, PyAny>, container: usize, at: usize },
    /// All of a container has been read.
    Leave { address: usize },
}

/// A container that has been entered: where it stands, and what its places are called.
struct Container<'py> {
    parent: usize,
    at: usize,
    steps: Steps<'py>,
}

enum Steps<'py> {
    Root,
    Indices,
    Keys(Vec<Bound<'py, PyAny>>),
    Parts(String),
}

struct Walk<'py> {
    tokenizer: Tokenizer,
    ensure: bool,
    depth: usize,
    containers: Vec<Container<'py>>,
    /// Containers on the way to the value at hand, and how deep they are: a list may hold itself.
    open: HashMap<usize, usize>,
    work: Vec<Work<'py>>,
}

impl<'py> Walk<'py> {
    fn new(ensure: bool, depth: usize) -> Self {
        Walk {
            tokenizer: Tokenizer::new("python"),
            ensure,
            depth,
            containers: vec![Container { parent: 0, at: 0, steps: Steps::Root }],
            open: HashMap::new(),
            work: Vec::new(),
        }
    }

    fn all(&mut self, object: &Bound<'py, PyAny>) -> PyResult<()> {
        self.work.push(Work::Value { value: object.clone(), container: 0, at: 0 });
        while let Some(work) = self.work.pop() {
            match work {
                Work::Value { value, container, at } => self.value(&value, container, at)?,
                Work::Entry { key, value, container, at } => {
                    self.tokenizer.put_token(key);
                    self.value(&value, container, at)?;
                }
                Work::Leave { address } => {
                    self.open.remove(&address);
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Bound<'py, PyAny>, container: usize, at: usize) -> PyResult<()> {
        if let Ok(text) = value.cast_exact::<PyString>() {
            return self.text(text);
        }
        if value.is_exact_instance_of::<PyInt>() {
            return self.integer(value);
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.tokenizer.put_f64(number.value());
            return Ok(());
        }
        if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.tokenizer.put_tuple(tuple.len());
            let items: Vec<_> = tuple.iter().collect();
            self.enter(items, container, at, Steps::Indices);
            return Ok(());
        }
        if value.is_none() {
            self.tokenizer.put_none();
            return Ok(());
        }
        if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.tokenizer.put_bool(truth.is_true());
            return Ok(());
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            if self.closes_circle(value) {
                return Ok(());
            }
            self.tokenizer.put_sequence(list.len());
            let items: Vec<_> = list.iter().collect();
            self.enter(items, container, at, Steps::Indices);
            return Ok(());
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            return self.map(dict, container, at);
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.tokenizer.put_bytes(bytes.as_bytes());
            return Ok(());
        }
        if let Ok(bytes) = value.cast_exact::<PyByteArray>() {
            self.tokenizer.put_record("bytearray");
            self.tokenizer.put_bytes(&bytes.to_vec());
            return Ok(());
        }
        if value.is_exact_instance_of::<PySet>() || value.is_exact_instance_of::<PyFrozenSet>() {
            let name = if value.is_exact_instance_of::<PySet>() { "set" } else { "frozenset" };
            let items = value.try_iter()?.collect::<PyResult<Vec<_>>>()?;
            let mut tokens = items.iter().map(|item| self.key(item, container, at)).collect::<PyResult<Vec<_>>>()?;
            tokens.sort_unstable();
            self.tokenizer.put_record(name);
            self.tokenizer.put_sequence(tokens.len());
            tokens.into_iter().for_each(|token| self.tokenizer.put_token(token));
            return Ok(());
        }
        if let Ok(expr) = value.cast::<PyExpr>() {
            let expr = &expr.get().0;
            if expr.determinism() == Determinism::Identity {
                self.identity(value, container, at)?;
            }
            self.tokenizer.put_token(expr.token());
            return Ok(());
        }
        self.object(value, container, at)
    }

    /// Puts what a container holds on the list of what is to be done.
    fn enter(&mut self, items: Vec<Bound<'py, PyAny>>, parent: usize, at: usize, steps: Steps<'py>) {
        if items.is_empty() {
            return;
        }
        let container = self.containers.len();
        self.containers.push(Container { parent, at, steps });
        let items = items.into_iter().enumerate().rev();
        self.work.extend(items.map(|(at, value)| Work::Value { value, container, at }));
    }

    /// Whether a container is inside itself: then it is named by how far up it is. Otherwise it is open
    /// until all that it holds has been read.
    fn closes_circle(&mut self, value: &Bound<'py, PyAny>) -> bool {
        let address = value.as_ptr() as usize;
        let depth = self.open.len();
        if let Some(known) = self.open.get(&address) {
            self.tokenizer.put_record("circle");
            self.tokenizer.put_u64((depth - known) as u64);
            return true;
        }
        self.open.insert(address, depth);
        self.work.push(Work::Leave { address });
        false
    }

    fn text(&mut self, text: &Bound<'py, PyString>) -> PyResult<()> {
        match text.to_str() {
            Ok(text) => self.tokenizer.put_str(text),
            // Half of a surrogate pair is no Unicode, and still some text.
            Err(_) => {
                let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
                self.tokenizer.put_record("surrogates");
                self.tokenizer.put_bytes(bytes.extract()?);
            }
        }
        Ok(())
    }

    fn integer(&mut self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        match value.extract::<i64>() {
            Ok(number) => self.tokenizer.put_i64(number),
            Err(_) => {
                let digits = value.call_method1("__format__", ("x",))?;
                self.tokenizer.put_record("int");
                self.tokenizer.put_str(digits.cast::<PyString>()?.to_str()?);
            }
        }
        Ok(())
    }

    /// A map in the order of its keys' tokens: the order in which entries were added is no content.
    fn map(&mut self, dict: &Bound<'py, PyDict>, parent: usize, at: usize) -> PyResult<()> {
        if self.closes_circle(dict) {
            return Ok(());
        }
        let mut entries = Vec::with_capacity(dict.len());
        for (key, value) in dict {
            entries.push((self.key(&key, parent, at)?, key, value));
        }
        entries.sort_unstable_by_key(|entry| entry.0);
        self.tokenizer.put_map(entries.len());
        let container = self.containers.len();
        let keys = entries.iter().map(|entry| entry.1.clone()).collect();
        self.containers.push(Container { parent, at, steps: Steps::Keys(keys) });
        let entries = entries.into_iter().enumerate().rev();
        self.work.extend(entries.map(|(at, (key, _, value))| Work::Entry { key, value, container, at }));
        Ok(())
    }

    /// The token of a key, or of an element of a set, on its own.
    fn key(&mut self, key: &Bound<'py, PyAny>, container: usize, at: usize) -> PyResult<Token> {
        if self.depth >= KEY_DEPTH {
            return Err(PyRecursionError::new_err("keys inside keys, too deep for a token"));
        }
        let mut walk = Walk::new(false, self.depth + 1);
        walk.all(key)?;
        if walk.tokenizer.determinism() == Determinism::Identity {
            self.identity(key, container, at)?;
        }
        Ok(walk.tokenizer.finish())
    }

    fn object(&mut self, value: &Bound<'py, PyAny>, container: usize, at: usize) -> PyResult<()> {
        if self.closes_circle(value) {
            return Ok(());
        }
        let normal = normalizer(value.py())?.call1((value,))?;
        let (kind, name, content): (String, String, Bound<'py, PyAny>) = normal.extract()?;
        self.tokenizer.put_record(&name);
        match kind.as_str() {
            "arrow" => {
                let (schema, batches) = arrow::read(&content)?;
                let tokenizer = &mut self.tokenizer;
                value.py().detach(|| {
                    tokenizer.put(&*schema);
                    tokenizer.put_sequence(batches.len());
                    batches.iter().for_each(|batch| tokenize_batch(batch, tokenizer));
                });
            }
            "identity" => {
                self.identity(value, container, at)?;
                self.enter(vec![content], container, at, Steps::Parts(name));
            }
            _ => {
                let parts = content.cast::<PyTuple>()?;
                self.tokenizer.put_tuple(parts.len());
                self.enter(parts.iter().collect(), container, at, Steps::Parts(name));
            }
        }
        Ok(())
    }

    /// Something below is an instance and no content.
    fn identity(&mut self, value: &Bound<'py, PyAny>, container: usize, at: usize) -> PyResult<()> {
        self.tokenizer.set_determinism(Determinism::Identity);
        if !self.ensure {
            return Ok(());
        }
        let path = self.path(container, at)?;
        let kind = value.get_type().fully_qualified_name()?;
        let message = format!(
            "{path}: an object of type {kind} stands for itself and not for its content; give it a method \
             `__leafhold_tokenize__` that returns what it is made of"
        );
        Err(Raise::new(value.py(), "NotDeterministicError", message).with("path", path)?.into_error())
    }

    /// Such as `$[0]['lock']`.
    fn path(&self, mut container: usize, mut at: usize) -> PyResult<String> {
        let mut steps = Vec::new();
        while container != 0 {
            let found = &self.containers[container];
            steps.push(match &found.steps {
                Steps::Root => String::new(),
                Steps::Indices => format!("[{at}]"),
                Steps::Keys(keys) => format!("[{}]", keys[at].repr()?),
                Steps::Parts(name) => format!(".<{name}>[{at}]"),
            });
            (container, at) = (found.parent, found.at);
        }
        steps.push("$".to_owned());
        steps.reverse();
        Ok(steps.concat())
    }
}

fn normalizer(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static NORMALIZE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let normalize = NORMALIZE
        .get_or_try_init(py, || Ok::<_, PyErr>(py.import("leafhold._tokenize")?.getattr("normalize")?.unbind()))?;
    Ok(normalize.bind(py))
}
