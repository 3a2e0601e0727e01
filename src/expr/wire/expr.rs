use std::collections::HashMap;

use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

use super::super::{Expr, ExprError, JoinKind, Name, Node, Op, Scalar, ScalarType};
use super::document::{Kind, expect, from_json, to_json};
use super::{CallWire, Codec, LeafWire, OpaqueWire, ReadContext, Reading, ScalarReader, SortKeyWire, Steps, WireError};
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
    Join { join: String, on: Vec<Steps<String>> },
    Aggregate { group: Vec<(String, Steps<String>)>, aggregates: Vec<(String, CallWire<String>)> },
    Sort(Vec<SortKeyWire<String>>),
    Limit { offset: u64, fetch: Option<u64> },
    Distinct,
    Union,
    Barrier { name: String, barrier: OpaqueWire },
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
            Op::Join { kind, on } => {
                let on = on.iter().map(|conjunct| Steps::of(conjunct, place, &mut name_of));
                OpWire::Join { join: kind.name().to_owned(), on: on.collect::<Result<_, _>>()? }
            }
            Op::Aggregate { group, aggregates } => {
                let calls = aggregates
                    .iter()
                    .map(|(name, call)| Ok((name.to_string(), CallWire::of(call, place, &mut name_of)?)));
                OpWire::Aggregate { group: named(group, place)?, aggregates: calls.collect::<Result<_, _>>()? }
            }
            Op::Sort(keys) => {
                let keys = keys.iter().map(|key| SortKeyWire::of(key, place, &mut name_of));
                OpWire::Sort(keys.collect::<Result<_, _>>()?)
            }
            Op::Limit { offset, fetch } => OpWire::Limit { offset: *offset, fetch: *fetch },
            Op::Distinct => OpWire::Distinct,
            Op::Union => OpWire::Union,
            Op::Barrier(barrier) => OpWire::Barrier {
                name: barrier.name().to_owned(),
                barrier: OpaqueWire::barrier(barrier, place, codec)?,
            },
        })
    }

    fn read(self, node: usize, inputs: Vec<Expr>, reading: &Reading<'_>) -> Result<Expr, WireError> {
        let place = &format!("node {node}");
        let functions = reading.functions();
        let expected = match &self {
            OpWire::Leaf(_) => 0,
            OpWire::Join { .. } => 2,
            OpWire::Union | OpWire::Barrier { .. } => inputs.len(),
            OpWire::Project(_)
            | OpWire::Filter(_)
            | OpWire::Aggregate { .. }
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
                let on = on.into_iter().map(|conjunct| scope.scalar(conjunct)).collect::<Result<Vec<_>, _>>()?;
                let mut inputs = inputs.into_iter();
                match (inputs.next(), inputs.next()) {
                    (Some(left), Some(right)) => left.join(right, kind, on, functions),
                    _ => return Err(WireError::invalid(place, "a join has two inputs")),
                }
            }
            OpWire::Aggregate { group, aggregates } => {
                let group = scope.named(group)?;
                let call = |(name, call): (String, CallWire<String>)| {
                    let call = call.read(&scope.reader(), &mut |name| scope.column(name))?;
                    Ok((Name::from(name), call))
                };
                let aggregates = aggregates.into_iter().map(call).collect::<Result<Vec<_>, WireError>>()?;
                one(inputs).aggregate(group, aggregates, functions)
            }
            OpWire::Sort(keys) => {
                let keys = keys.into_iter().map(|key| key.read(&scope.reader(), &mut |name| scope.column(name)));
                let keys = keys.collect::<Result<Vec<_>, _>>()?;
                one(inputs).sort(keys, functions)
            }
            OpWire::Limit { offset, fetch } => Ok(one(inputs).limit(offset, fetch)),
            OpWire::Distinct => Ok(one(inputs).distinct()),
            OpWire::Union => Expr::union(inputs),
            OpWire::Barrier { name, barrier } => Expr::barrier(barrier.read_barrier(&name, place, reading)?, inputs),
        };
        built.map_err(refused)
    }
}

fn named(columns: &[(Name, Scalar)], place: &str) -> Result<Vec<(String, Steps<String>)>, WireError> {
    let column = |(name, scalar): &(Name, Scalar)| Ok((name.to_string(), Steps::of(scalar, place, &mut name_of)?));
    columns.iter().map(column).collect()
}

/// The input of an operator that has one: the number of inputs was checked.
fn one(mut inputs: Vec<Expr>) -> Expr {
    inputs.swap_remove(0)
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
        ScalarReader { reading: self.reading, place: self.place, typed: true }
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

    fn named(&self, columns: Vec<(String, Steps<String>)>) -> Result<Vec<(Name, Scalar)>, WireError> {
        columns.into_iter().map(|(name, steps)| Ok((name.into(), self.scalar(steps)?))).collect()
    }
}
