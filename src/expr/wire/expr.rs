use std::collections::HashMap;

use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

use super::super::{
    ApplyKind, Expr, ExprError, GroupingSets, JoinKind, Name, Node, NullLists, Op, Repartitioning, Scalar, ScalarType,
};
use super::document::{Kind, expect, from_json, to_json};
use super::{
    CallWire, Codec, ExtensionWire, LeafWire, ReadContext, Reading, ScalarReader, SortKeyWire, Steps, WindowCallWire,
    WindowWire, WireError,
};
use crate::token::Token;

/// An expression as a document: see [the module](super). It is plain data for any format of serde's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExprDocument {
    leafhold: u64,
    kind: Kind,
    token: Token,
    shape: Token,
    /// Inputs before the nodes that use them; the last one is the root.
    nodes: Vec<NodeWire>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeWire {
    op: OpWire,
    /// Indices of earlier nodes.
    inputs: Vec<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OpWire {
    Leaf(LeafWire),
    Project(Vec<(String, Steps<String>)>),
    Filter(Steps<String>),
    Join {
        join: String,
        on: Vec<Steps<String>>,
    },
    MarkJoin {
        mark: String,
        on: Vec<Steps<String>>,
    },
    Aggregate {
        group: Vec<(String, Steps<String>)>,
        /// Positions of the keys of each grouping set; absent for all keys, once.
        #[serde(default)]
        sets: Option<Vec<Vec<usize>>>,
        aggregates: Vec<(String, CallWire<String>)>,
    },
    Window {
        window: WindowWire<String>,
        calls: Vec<(String, WindowCallWire<String>)>,
    },
    Sort(Vec<SortKeyWire<String>>),
    Limit {
        offset: u64,
        fetch: Option<u64>,
    },
    Distinct,
    Union,
    Repartition(RepartitionWire),
    Unnest {
        column: String,
        nulls: NullLists,
    },
    Apply {
        apply: ApplyWire,
        on: Vec<Steps<String>>,
    },
    Extension(ExtensionWire),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RepartitionWire {
    Hash(Vec<String>, usize),
    RoundRobin(usize),
}

/// What an apply makes; the name is that of the column it adds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ApplyWire {
    Inner,
    Left,
    Semi,
    Anti,
    Mark(String),
    Scalar(String),
}

impl Expr {
    /// The expression as a JSON document.
    ///
    /// # Errors
    /// When something in it cannot be written: a future of this process, what the codec refuses.
    pub fn to_json(&self, codec: &dyn Codec) -> Result<String, WireError> {
        to_json(Kind::Expr, &ExprDocument::new(self, codec)?)
    }

    /// The expression of a JSON document.
    ///
    /// # Errors
    /// See [`WireError`]; the document may be anything.
    pub fn from_json(document: &str, context: &ReadContext<'_>) -> Result<Expr, WireError> {
        from_json::<ExprDocument>(Kind::Expr, document.as_bytes())?.read(context)
    }
}

impl ExprDocument {
    /// The document of an expression. O(nodes), no recursion.
    ///
    /// # Errors
    /// When something in it cannot be written: a future of this process, what the codec refuses.
    pub fn new(expr: &Expr, codec: &dyn Codec) -> Result<Self, WireError> {
        let mut at: HashMap<*const Node, usize> = HashMap::new();
        let mut nodes = Vec::new();
        for node in expr.post_order() {
            let op = OpWire::of(node.op(), nodes.len(), codec)?;
            let inputs = node.inputs().iter().map(|input| at[&std::ptr::from_ref(&**input)]).collect();
            at.insert(std::ptr::from_ref(&*node), nodes.len());
            nodes.push(NodeWire { op, inputs });
        }
        Ok(ExprDocument { leafhold: super::FORMAT, kind: Kind::Expr, token: expr.token(), shape: expr.shape(), nodes })
    }

    /// The expression, built anew through the checked constructors. O(nodes), no recursion.
    ///
    /// Its token is that of the expression that was written, unless futures had to be resolved again.
    ///
    /// # Errors
    /// See [`WireError`].
    pub fn read(self, context: &ReadContext<'_>) -> Result<Expr, WireError> {
        expect(self.leafhold, self.kind, Kind::Expr)?;
        let reading = Reading::new(context);
        let mut read: Vec<Expr> = Vec::new();
        for (node, NodeWire { op, inputs }) in self.nodes.into_iter().enumerate() {
            let input = |at: &usize| {
                let missing = || WireError::invalid(format!("node {node}"), format!("input {at} is no earlier node"));
                read.get(*at).cloned().ok_or_else(missing)
            };
            let inputs = inputs.iter().map(input).collect::<Result<Vec<_>, _>>()?;
            read.push(op.read(node, inputs, &reading)?);
        }
        let expr = read.pop().ok_or_else(|| WireError::invalid("the document", "there is no node"))?;
        // Data and operators are what they were; and if the futures are, so is everything.
        match expr.shape() == self.shape && (expr.token() == self.token || !reading.same_session()) {
            true => Ok(expr),
            false => Err(WireError::Altered { what: "the expression".to_owned() }),
        }
    }
}

fn name_of(name: &Name) -> String {
    name.to_string()
}

impl OpWire {
    fn of(op: &Op, node: usize, codec: &dyn Codec) -> Result<OpWire, WireError> {
        let place = &format!("node {node}");
        Ok(match op {
            Op::Leaf(leaf) => OpWire::Leaf(LeafWire::of(leaf, codec)?),
            Op::Project(columns) => OpWire::Project(named(columns, place)?),
            Op::Filter(predicate) => OpWire::Filter(Steps::of(predicate, place, &mut name_of)?),
            Op::Join { kind, on } => OpWire::Join { join: kind.name().to_owned(), on: conjuncts(on, place)? },
            Op::MarkJoin { mark, on } => OpWire::MarkJoin { mark: mark.to_string(), on: conjuncts(on, place)? },
            Op::Aggregate { group, sets, aggregates } => {
                let calls = aggregates
                    .iter()
                    .map(|(name, call)| Ok((name.to_string(), CallWire::of(call, place, &mut name_of)?)));
                let sets = sets.as_ref().map(|sets| sets.sets().to_vec());
                OpWire::Aggregate { group: named(group, place)?, sets, aggregates: calls.collect::<Result<_, _>>()? }
            }
            Op::Window { window, calls } => {
                let window = WindowWire::of(window, place, &mut name_of)?;
                let calls = calls
                    .iter()
                    .map(|(name, call)| Ok((name.to_string(), WindowCallWire::of(call, place, &mut name_of)?)));
                OpWire::Window { window, calls: calls.collect::<Result<_, WireError>>()? }
            }
            Op::Sort(keys) => {
                let keys = keys.iter().map(|key| SortKeyWire::of(key, place, &mut name_of));
                OpWire::Sort(keys.collect::<Result<_, _>>()?)
            }
            Op::Limit { offset, fetch } => OpWire::Limit { offset: *offset, fetch: *fetch },
            Op::Distinct => OpWire::Distinct,
            Op::Union => OpWire::Union,
            Op::Repartition(to) => OpWire::Repartition(match to {
                Repartitioning::Hash(columns, partitions) => {
                    RepartitionWire::Hash(columns.iter().map(name_of).collect(), *partitions)
                }
                Repartitioning::RoundRobin(partitions) => RepartitionWire::RoundRobin(*partitions),
            }),
            Op::Unnest { column, nulls } => OpWire::Unnest { column: column.to_string(), nulls: *nulls },
            Op::Apply { kind, on } => {
                let apply = match kind {
                    ApplyKind::Inner => ApplyWire::Inner,
                    ApplyKind::Left => ApplyWire::Left,
                    ApplyKind::Semi => ApplyWire::Semi,
                    ApplyKind::Anti => ApplyWire::Anti,
                    ApplyKind::Mark(name) => ApplyWire::Mark(name.to_string()),
                    ApplyKind::Scalar(name) => ApplyWire::Scalar(name.to_string()),
                };
                OpWire::Apply { apply, on: conjuncts(on, place)? }
            }
            Op::Extension(extension) => OpWire::Extension(ExtensionWire::of(extension, place, codec)?),
        })
    }

    fn read(self, node: usize, inputs: Vec<Expr>, reading: &Reading<'_>) -> Result<Expr, WireError> {
        let place = &format!("node {node}");
        let functions = reading.functions();
        let expected = match &self {
            OpWire::Leaf(_) => 0,
            OpWire::Join { .. } | OpWire::MarkJoin { .. } | OpWire::Apply { .. } => 2,
            OpWire::Union | OpWire::Extension(_) => inputs.len(),
            OpWire::Project(_)
            | OpWire::Filter(_)
            | OpWire::Aggregate { .. }
            | OpWire::Window { .. }
            | OpWire::Repartition(_)
            | OpWire::Unnest { .. }
            | OpWire::Sort(_)
            | OpWire::Limit { .. }
            | OpWire::Distinct => 1,
        };
        if inputs.len() != expected {
            let message = format!("{} inputs instead of {expected}", inputs.len());
            return Err(WireError::invalid(place, message));
        }
        let schemas = inputs.iter().map(|input| input.schema().clone()).collect();
        let scope = Scope { reading, place, node, schemas };
        let refused = |source: ExprError| WireError::Expr { node, source };
        let built = match self {
            OpWire::Leaf(leaf) => Expr::leaf(leaf.read(reading)?),
            OpWire::Project(columns) => {
                let columns = scope.named(columns)?;
                one(inputs).project(columns, functions)
            }
            OpWire::Filter(predicate) => {
                let predicate = scope.scalar(predicate)?;
                one(inputs).filter(predicate, functions)
            }
            OpWire::Join { join, on } => {
                let kind = JoinKind::from_name(&join)
                    .ok_or_else(|| WireError::invalid(place, format!("no join is called {join:?}")))?;
                let (left, right) = two(inputs);
                left.join(right, kind, scope.conjuncts(on)?, functions)
            }
            OpWire::MarkJoin { mark, on } => {
                let (left, right) = two(inputs);
                left.mark_join(right, mark, scope.conjuncts(on)?, functions)
            }
            OpWire::Aggregate { group, sets, aggregates } => {
                let group = scope.named(group)?;
                let call = |(name, call): (String, CallWire<String>)| {
                    let call = call.read(&scope.reader(), &mut |name| scope.column(name))?;
                    Ok((Name::from(name), call))
                };
                let aggregates = aggregates.into_iter().map(call).collect::<Result<Vec<_>, WireError>>()?;
                match sets {
                    Some(sets) => one(inputs).aggregate_sets(group, GroupingSets::new(sets), aggregates, functions),
                    None => one(inputs).aggregate(group, aggregates, functions),
                }
            }
            OpWire::Window { window, calls } => {
                let window = window.read(&scope.reader(), &mut |name| scope.column(name))?;
                let call = |(name, call): (String, WindowCallWire<String>)| {
                    let call = call.read(&scope.reader(), &mut |name| scope.column(name))?;
                    Ok((Name::from(name), call))
                };
                let calls = calls.into_iter().map(call).collect::<Result<Vec<_>, WireError>>()?;
                one(inputs).window(window, calls, functions)
            }
            OpWire::Sort(keys) => {
                let keys = keys.into_iter().map(|key| key.read(&scope.reader(), &mut |name| scope.column(name)));
                let keys = keys.collect::<Result<Vec<_>, _>>()?;
                one(inputs).sort(keys, functions)
            }
            OpWire::Limit { offset, fetch } => Ok(one(inputs).limit(offset, fetch)),
            OpWire::Distinct => Ok(one(inputs).distinct()),
            OpWire::Union => Expr::union(inputs),
            OpWire::Repartition(to) => one(inputs).repartition(match to {
                RepartitionWire::Hash(columns, partitions) => {
                    Repartitioning::Hash(columns.into_iter().map(Name::from).collect(), partitions)
                }
                RepartitionWire::RoundRobin(partitions) => Repartitioning::RoundRobin(partitions),
            }),
            OpWire::Unnest { column, nulls } => one(inputs).unnest(column, nulls),
            OpWire::Apply { apply, on } => {
                let kind = match apply {
                    ApplyWire::Inner => ApplyKind::Inner,
                    ApplyWire::Left => ApplyKind::Left,
                    ApplyWire::Semi => ApplyKind::Semi,
                    ApplyWire::Anti => ApplyKind::Anti,
                    ApplyWire::Mark(name) => ApplyKind::Mark(name.into()),
                    ApplyWire::Scalar(name) => ApplyKind::Scalar(name.into()),
                };
                let (left, right) = two(inputs);
                left.apply(right, kind, scope.conjuncts(on)?, functions)
            }
            OpWire::Extension(extension) => Expr::extension(extension.read(place, reading)?, inputs),
        };
        built.map_err(refused)
    }
}

fn named(columns: &[(Name, Scalar)], place: &str) -> Result<Vec<(String, Steps<String>)>, WireError> {
    let column = |(name, scalar): &(Name, Scalar)| Ok((name.to_string(), Steps::of(scalar, place, &mut name_of)?));
    columns.iter().map(column).collect()
}

fn conjuncts(on: &[Scalar], place: &str) -> Result<Vec<Steps<String>>, WireError> {
    on.iter().map(|conjunct| Steps::of(conjunct, place, &mut name_of)).collect()
}

/// The input of an operator that has one: the number of inputs was checked.
fn one(mut inputs: Vec<Expr>) -> Expr {
    inputs.swap_remove(0)
}

/// The inputs of an operator that has two: the number of inputs was checked.
fn two(mut inputs: Vec<Expr>) -> (Expr, Expr) {
    let right = inputs.swap_remove(1);
    (inputs.swap_remove(0), right)
}

/// What the scalars of a node may read.
struct Scope<'a> {
    reading: &'a Reading<'a>,
    place: &'a str,
    node: usize,
    schemas: Vec<SchemaRef>,
}

impl Scope<'_> {
    fn reader(&self) -> ScalarReader<'_> {
        ScalarReader { reading: self.reading, place: self.place, typed: true, outer: true }
    }

    fn column(&self, name: String) -> Result<(Name, ScalarType), WireError> {
        let fields = || self.schemas.iter().flat_map(|schema| schema.fields().iter());
        match fields().find(|field| *field.name() == name) {
            Some(field) => Ok((name.into(), ScalarType::new(field.data_type().clone(), field.is_nullable()))),
            None => {
                let source = ExprError::unknown_column(&name, fields().map(|field| field.name().as_str()));
                Err(WireError::Expr { node: self.node, source })
            }
        }
    }

    fn scalar(&self, steps: Steps<String>) -> Result<Scalar, WireError> {
        self.reader().read(steps, &mut |name| self.column(name)).map(|(scalar, _)| scalar)
    }

    fn conjuncts(&self, on: Vec<Steps<String>>) -> Result<Vec<Scalar>, WireError> {
        on.into_iter().map(|conjunct| self.scalar(conjunct)).collect()
    }

    fn named(&self, columns: Vec<(String, Steps<String>)>) -> Result<Vec<(Name, Scalar)>, WireError> {
        columns.into_iter().map(|(name, steps)| Ok((name.into(), self.scalar(steps)?))).collect()
    }
}
