use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use serde::{Deserialize, Serialize};

use super::super::builder::{GraphBuilder, TaskInput, TaskInputs};
use super::super::tokens::task_token;
use super::super::{
    Alias, DataInput, Fragment, FragmentOp, FutureInput, FutureLeaf, LeafInput, Source, Task, TaskGraph, TaskId,
};
use super::fragment::FragmentWire;
use crate::expr::wire::{
    BatchesWire, Codec, FORMAT, Kind, ReadContext, Reading, SchemaWire, WireError, expect, from_json, record, to_json,
};
use crate::leaf::{self, FutureHandle, FutureRecord, Generation, NestedFutures};
use crate::token::{Token, Tokenizer, tokenize_batch};

/// A task graph as a document: see [the module](super). It is plain data for any format of serde's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TasksDocument {
    leafhold: u64,
    kind: Kind,
    schema: SchemaWire,
    fragments: Vec<FragmentWire>,
    leaves: Vec<PromiseWire>,
    futures: Vec<FutureRecord>,
    data: Vec<DataWire>,
    /// Producers before their consumers.
    tasks: Vec<TaskWire>,
    outputs: Vec<usize>,
    /// Task, operator, and node of the plan.
    aliases: Vec<(u32, u32, u32)>,
}

/// What a leaf promised of its futures.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PromiseWire {
    name: String,
    schema: SchemaWire,
    #[serde(default)]
    nested: NestedFutures,
    #[serde(default)]
    cast: bool,
}

/// A partition of data at hand.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataWire {
    token: Token,
    /// The token of the batches themselves.
    content: Token,
    batches: BatchesWire,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskWire {
    fragment: usize,
    inputs: Vec<Vec<SourceWire>>,
    partition: usize,
    stage: usize,
    token: Token,
    priority: i64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SourceWire {
    Task { task: usize, port: usize },
    Future { leaf: usize, partition: usize, future: usize },
    Data(usize),
}

impl TaskGraph {
    /// The graph as a JSON document.
    ///
    /// # Errors
    /// When something in it cannot be written: a future of this process, what the codec refuses.
    pub fn to_json(&self, codec: &dyn Codec) -> Result<String, WireError> {
        to_json(Kind::Tasks, &TasksDocument::new(self, codec)?)
    }

    /// The graph of a JSON document.
    ///
    /// # Errors
    /// See [`WireError`]; the document may be anything.
    pub fn from_json(document: &str, context: &ReadContext<'_>) -> Result<TaskGraph, WireError> {
        from_json::<TasksDocument>(Kind::Tasks, document.as_bytes())?.read(context)
    }
}

/// Things of a document, each once.
struct Table<K, W> {
    at: HashMap<K, usize>,
    items: Vec<W>,
}

impl<K: Hash + Eq, W> Table<K, W> {
    fn new() -> Self {
        Table { at: HashMap::new(), items: Vec::new() }
    }

    fn index(&mut self, key: K, make: impl FnOnce() -> Result<W, WireError>) -> Result<usize, WireError> {
        if let Some(at) = self.at.get(&key) {
            return Ok(*at);
        }
        self.items.push(make()?);
        self.at.insert(key, self.items.len() - 1);
        Ok(self.items.len() - 1)
    }
}

impl TasksDocument {
    /// The document of a graph. O(tasks and edges).
    ///
    /// # Errors
    /// When something in it cannot be written: a future of this process, what the codec refuses.
    pub fn new(graph: &TaskGraph, codec: &dyn Codec) -> Result<Self, WireError> {
        let mut fragments = Table::new();
        let mut leaves = Table::new();
        let mut futures = Table::new();
        let mut data = Table::new();
        let mut tasks = Vec::with_capacity(graph.len());
        for (id, task) in graph.ids().zip(graph.tasks()) {
            let fragment = fragments.index(task.fragment.token, || FragmentWire::of(&task.fragment, codec))?;
            let mut source = |source: Source<'_>| {
                Ok(match source {
                    Source::Task { task, port } => SourceWire::Task { task: task.index(), port },
                    Source::Future(FutureInput { handle, leaf, partition }) => SourceWire::Future {
                        future: futures.index(handle.generation(), || record(handle, &leaf.name, *partition))?,
                        leaf: leaves.index(Arc::as_ptr(leaf), || Ok(PromiseWire::of(leaf)))?,
                        partition: *partition,
                    },
                    Source::Data(DataInput { data: batches, token }) => {
                        SourceWire::Data(data.index((Arc::as_ptr(batches), *token), || {
                            let content = content(batches);
                            Ok(DataWire { token: *token, content, batches: BatchesWire::of(batches, "data at hand")? })
                        })?)
                    }
                })
            };
            let inputs = graph.slots(id).map(|slot| slot.map(&mut source).collect::<Result<_, WireError>>());
            tasks.push(TaskWire {
                fragment,
                inputs: inputs.collect::<Result<_, _>>()?,
                partition: task.partition,
                stage: task.stage,
                token: task.token,
                priority: task.priority,
            });
        }
        Ok(TasksDocument {
            leafhold: FORMAT,
            kind: Kind::Tasks,
            schema: SchemaWire::of(&graph.schema),
            fragments: fragments.items,
            leaves: leaves.items,
            futures: futures.items,
            data: data.items,
            tasks,
            outputs: graph.outputs.iter().map(|output| output.index()).collect(),
            aliases: {
                let aliases = graph.aliases.iter();
                aliases.map(|alias| (alias.task.index() as u32, alias.operator, alias.plan_node)).collect()
            },
        })
    }

    /// The graph. Its tasks have the tokens that they had, except where futures had to be resolved again.
    ///
    /// # Errors
    /// See [`WireError`].
    pub fn read(self, context: &ReadContext<'_>) -> Result<TaskGraph, WireError> {
        expect(self.leafhold, self.kind, Kind::Tasks)?;
        let reading = Reading::new(context);
        let schema = self.schema.read("the result")?;
        let fragments = self.fragments.into_iter().map(|fragment| fragment.read(&reading).map(Arc::new));
        let mut tasks = Reader {
            fragments: fragments.collect::<Result<_, _>>()?,
            leaves: self.leaves.into_iter().map(PromiseWire::read).collect::<Result<_, WireError>>()?,
            data: self.data.into_iter().enumerate().map(read_data).collect::<Result<_, _>>()?,
            futures: self.futures,
            reading: &reading,
            recorded: Vec::new(),
            generations: HashMap::new(),
            stages: HashMap::new(),
            tasks: self.tasks.len(),
            inputs: TaskInputs::default(),
            graph: GraphBuilder::default(),
        };
        for task in self.tasks {
            tasks.task(task)?;
        }
        let graph = tasks.graph;
        let output = |output: usize| match output < graph.len() {
            true => Ok(TaskId::new(output)),
            false => Err(WireError::invalid("the result", format!("there is no task {output}"))),
        };
        let outputs = self.outputs.into_iter().map(output).collect::<Result<_, _>>()?;
        let alias = |(task, operator, plan_node): (u32, u32, u32)| {
            let task = TaskId::from(task);
            let operators = graph.get(task).map_or(0, |task| task.fragment.nodes.len());
            match (operator as usize) < operators {
                true => Ok(Alias { task, operator, plan_node }),
                false => Err(WireError::invalid(
                    "the aliases",
                    format!("there is no operator {operator} of task {}", task.index()),
                )),
            }
        };
        let aliases = self.aliases.into_iter().map(alias).collect::<Result<_, _>>()?;
        Ok(graph.finish(outputs, schema, aliases))
    }
}

impl PromiseWire {
    fn of(leaf: &FutureLeaf) -> Self {
        let (nested, cast) = (leaf.reading.nested, leaf.reading.cast);
        PromiseWire { name: leaf.name.to_string(), schema: SchemaWire::of(&leaf.schema), nested, cast }
    }

    fn read(self) -> Result<Arc<FutureLeaf>, WireError> {
        let schema = self.schema.read(&format!("leaf `{}`", self.name))?;
        let reading = leaf::Reading { nested: self.nested, cast: self.cast, origin: None };
        Ok(Arc::new(FutureLeaf { name: self.name.into(), schema, reading }))
    }
}

/// The identity of batches by their content.
fn content(batches: &[RecordBatch]) -> Token {
    let mut tokenizer = Tokenizer::new("data");
    tokenizer.put_sequence(batches.len());
    batches.iter().for_each(|batch| tokenize_batch(batch, &mut tokenizer));
    tokenizer.finish()
}

fn read_data((at, data): (usize, DataWire)) -> Result<DataInput, WireError> {
    let place = format!("data {at}");
    let batches = data.batches.read_any(&place)?;
    match content(&batches) == data.content {
        true => Ok(DataInput { data: Arc::new(batches), token: data.token }),
        false => Err(WireError::Altered { what: place }),
    }
}

/// Puts a graph together, task by task.
struct Reader<'a> {
    fragments: Vec<Arc<Fragment>>,
    leaves: Vec<Arc<FutureLeaf>>,
    futures: Vec<FutureRecord>,
    data: Vec<DataInput>,
    reading: &'a Reading<'a>,
    /// The token of each task, by the document's own futures.
    recorded: Vec<Token>,
    /// The document's generation of each live one.
    generations: HashMap<Generation, Generation>,
    /// The fragment of each stage.
    stages: HashMap<usize, usize>,
    /// How many tasks there will be.
    tasks: usize,
    inputs: TaskInputs,
    graph: GraphBuilder,
}

impl Reader<'_> {
    fn task(&mut self, task: TaskWire) -> Result<(), WireError> {
        let place = format!("task {}", self.recorded.len());
        let invalid = |message: String| WireError::invalid(&place, message);
        let missing = || invalid(format!("there is no fragment {}", task.fragment));
        let fragment = self.fragments.get(task.fragment).cloned().ok_or_else(missing)?;
        // Whoever runs the graph has a place for each number up to the largest one.
        if task.stage >= self.tasks {
            return Err(invalid(format!("there is no stage {} among {} tasks", task.stage, self.tasks)));
        }
        if *self.stages.entry(task.stage).or_insert(task.fragment) != task.fragment {
            return Err(invalid(format!("stage {} has two fragments", task.stage)));
        }
        fragment.check_partition(task.partition).map_err(&invalid)?;
        if task.inputs.len() != fragment.inputs {
            let (found, expected) = (task.inputs.len(), fragment.inputs);
            return Err(invalid(format!("{found} slots instead of {expected}")));
        }
        self.inputs.clear();
        for sources in &task.inputs {
            for source in sources {
                let source = self.source(*source, &place)?;
                self.inputs.push(source);
            }
            self.inputs.end_slot();
        }
        self.check_widths(&fragment).map_err(&invalid)?;
        let generation = |handle: &FutureHandle| self.generations[&handle.generation()];
        let recorded = |task: TaskId| self.recorded[task.index()];
        if task_token(&fragment, task.partition, self.inputs.slots(), recorded, generation) != task.token {
            return Err(WireError::Altered { what: place });
        }
        let producer = |task: TaskId| self.graph[task].token;
        let slots = self.inputs.slots();
        let token = task_token(&fragment, task.partition, slots, producer, FutureHandle::generation);
        let edges = task.inputs.iter().map(Vec::len).sum();
        self.graph.reserve(1, edges).map_err(|error| invalid(error.to_string()))?;
        let TaskWire { partition, stage, priority, .. } = task;
        self.graph.push(Task { fragment, partition, stage, token, priority }, &mut self.inputs);
        self.recorded.push(task.token);
        Ok(())
    }

    fn source(&mut self, source: SourceWire, place: &str) -> Result<TaskInput, WireError> {
        let missing = |what: &str, at: usize| WireError::invalid(place, format!("there is no {what} {at} to read"));
        Ok(match source {
            SourceWire::Task { task, port } => {
                let producer = self.graph.get(TaskId::new(task.min(u32::MAX as usize)));
                let producer = producer.ok_or_else(|| missing("earlier task", task))?;
                if port >= producer.fragment.output.ports() {
                    return Err(missing(&format!("port of task {task} of number"), port));
                }
                TaskInput::Task { task: TaskId::new(task), port }
            }
            SourceWire::Future { leaf, partition, future } => {
                let leaf = self.leaves.get(leaf).ok_or_else(|| missing("leaf", leaf))?;
                let record = self.futures.get(future).ok_or_else(|| missing("future", future))?;
                let handle = self.reading.future(record, &leaf.name, partition)?;
                self.generations.insert(handle.generation(), record.generation);
                TaskInput::Leaf(LeafInput::Future(FutureInput { handle, leaf: leaf.clone(), partition }))
            }
            SourceWire::Data(at) => {
                let data = self.data.get(at).cloned().ok_or_else(|| missing("data", at))?;
                TaskInput::Leaf(LeafInput::Data(data))
            }
        })
    }

    /// Whether every source of a slot has the columns that the fragment reads of it.
    fn check_widths(&self, fragment: &Fragment) -> Result<(), String> {
        let width = |schema: &Schema| schema.fields().len();
        for node in &fragment.nodes {
            let (slot, columns) = match &node.op {
                FragmentOp::Input { slot, columns } => (*slot, columns.as_deref()),
                FragmentOp::MergeInput { slot, .. } => (*slot, None),
                FragmentOp::Scan { .. } | FragmentOp::Empty | FragmentOp::Compute { .. } => continue,
            };
            let fits = |found: usize| match columns {
                Some(columns) => columns.iter().all(|column| *column < found),
                None => width(&node.schema) == found,
            };
            let fit = |source: Source<'_>| match source {
                Source::Task { task, .. } => {
                    self.graph[task].fragment.nodes.last().is_some_and(|root| fits(width(&root.schema)))
                }
                Source::Future(future) => fits(width(&future.leaf.schema)),
                Source::Data(input) => input.data.iter().all(|batch| fits(batch.num_columns())),
            };
            if !self.inputs.slots().nth(slot).into_iter().flatten().all(fit) {
                return Err(format!("slot {slot} reads columns that its sources do not have"));
            }
        }
        Ok(())
    }
}
