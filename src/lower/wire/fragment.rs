use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

use super::super::stages::label;
use super::super::tokens::fragment_token;
use super::super::{Fragment, FragmentNode, FragmentOp, FragmentOutput};
use super::check::{check_ends, check_node};
use crate::expr::ScalarType;
use crate::expr::wire::{
    Codec, FORMAT, Kind, OpaqueWire, ReadContext, Reading, ScalarReader, SchemaWire, SortKeyWire, WireError, expect,
    from_json, to_json,
};
use crate::optimize::wire::{PhysicalScope, PhysicalWire};
use crate::term::{AggregatePhase, Side};
use crate::token::Token;

/// A fragment as a document: see [the module](super). It is plain data for any format of serde's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FragmentDocument {
    leafhold: u64,
    kind: Kind,
    fragment: FragmentWire,
}

/// A fragment inside a document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FragmentWire {
    token: Token,
    /// How many input slots there are.
    inputs: usize,
    output: FragmentOutput,
    nodes: Vec<NodeWire>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeWire {
    op: OpWire,
    inputs: Vec<usize>,
    schema: SchemaWire,
    plan_node: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OpWire {
    Input { slot: usize, columns: Option<Vec<usize>> },
    MergeInput { slot: usize, keys: Vec<SortKeyWire<usize>>, fetch: Option<u64> },
    Scan { source: OpaqueWire, columns: Vec<usize> },
    Empty,
    Compute { op: PhysicalWire<usize>, argument_schema: Option<SchemaWire> },
}

impl Fragment {
    /// The fragment as bytes: a JSON document, for one worker or all of a cluster.
    ///
    /// # Errors
    /// When something in it cannot be written: what the codec refuses.
    pub fn to_bytes(&self, codec: &dyn Codec) -> Result<Vec<u8>, WireError> {
        to_json(Kind::Fragment, &FragmentDocument::new(self, codec)?).map(String::into_bytes)
    }

    /// The fragment of some bytes. Its token is that of the fragment that was written.
    ///
    /// # Errors
    /// See [`WireError`]; the bytes may be anything.
    pub fn from_bytes(bytes: &[u8], context: &ReadContext<'_>) -> Result<Fragment, WireError> {
        from_json::<FragmentDocument>(Kind::Fragment, bytes)?.read(context)
    }
}

impl FragmentDocument {
    /// The document of a fragment.
    ///
    /// # Errors
    /// When something in it cannot be written: what the codec refuses.
    pub fn new(fragment: &Fragment, codec: &dyn Codec) -> Result<Self, WireError> {
        let fragment = FragmentWire::of(fragment, codec)?;
        Ok(FragmentDocument { leafhold: FORMAT, kind: Kind::Fragment, fragment })
    }

    /// The fragment.
    ///
    /// # Errors
    /// See [`WireError`].
    pub fn read(self, context: &ReadContext<'_>) -> Result<Fragment, WireError> {
        expect(self.leafhold, self.kind, Kind::Fragment)?;
        self.fragment.read(&Reading::new(context))
    }
}

impl FragmentWire {
    pub(super) fn of(fragment: &Fragment, codec: &dyn Codec) -> Result<Self, WireError> {
        let mut nodes = Vec::with_capacity(fragment.nodes.len());
        for (at, node) in fragment.nodes.iter().enumerate() {
            check_node(at, node, &fragment.nodes[..at], fragment.inputs)?;
            nodes.push(NodeWire {
                op: OpWire::of(&node.op, at, codec)?,
                inputs: node.inputs.clone(),
                schema: SchemaWire::of(&node.schema),
                plan_node: node.plan_node,
            });
        }
        check_ends(&fragment.nodes, fragment.inputs, &fragment.output)?;
        Ok(FragmentWire { token: fragment.token, inputs: fragment.inputs, output: fragment.output.clone(), nodes })
    }

    pub(super) fn read(self, reading: &Reading<'_>) -> Result<Fragment, WireError> {
        let mut nodes: Vec<FragmentNode> = Vec::new();
        for (at, NodeWire { op, inputs, schema, plan_node }) in self.nodes.into_iter().enumerate() {
            let place = format!("node {at} of the fragment");
            let schema = schema.read(&place)?;
            let missing = |input: &usize| WireError::invalid(&place, format!("input {input} is no earlier node"));
            let below = inputs.iter().map(|input| nodes.get(*input).map(|node| &node.schema).ok_or(missing(input)));
            let below = below.collect::<Result<Vec<_>, _>>()?;
            let op = op.read(&place, &below, &schema, reading)?;
            let node = FragmentNode { op, inputs, schema, plan_node };
            check_node(at, &node, &nodes, self.inputs)?;
            nodes.push(node);
        }
        check_ends(&nodes, self.inputs, &self.output)?;
        let token = fragment_token(&nodes, &self.output);
        if token != self.token {
            return Err(WireError::Altered { what: "the fragment".to_owned() });
        }
        let label = label(&nodes, &self.output);
        Ok(Fragment { nodes, output: self.output, inputs: self.inputs, token, label })
    }
}

impl OpWire {
    fn of(op: &FragmentOp, at: usize, codec: &dyn Codec) -> Result<OpWire, WireError> {
        let place = &format!("node {at} of the fragment");
        Ok(match op {
            FragmentOp::Input { slot, columns } => OpWire::Input { slot: *slot, columns: columns.clone() },
            FragmentOp::MergeInput { slot, keys, fetch } => {
                let keys = keys.iter().map(|key| SortKeyWire::of(key, place, &mut |position| *position));
                OpWire::MergeInput { slot: *slot, keys: keys.collect::<Result<_, _>>()?, fetch: *fetch }
            }
            FragmentOp::Scan { source, columns } => {
                OpWire::Scan { source: OpaqueWire::scan(source, place, codec)?, columns: columns.clone() }
            }
            FragmentOp::Empty => OpWire::Empty,
            FragmentOp::Compute { op, argument_schema } => OpWire::Compute {
                op: PhysicalWire::of(op, place, codec, |position| *position)?,
                argument_schema: argument_schema.as_ref().map(SchemaWire::of),
            },
        })
    }

    fn read(
        self,
        place: &str,
        inputs: &[&SchemaRef],
        own: &SchemaRef,
        reading: &Reading<'_>,
    ) -> Result<FragmentOp, WireError> {
        Ok(match self {
            OpWire::Input { slot, columns } => FragmentOp::Input { slot, columns },
            OpWire::MergeInput { slot, keys, fetch } => {
                let reader = ScalarReader { reading, place, typed: false, outer: false };
                let keys =
                    keys.into_iter().map(|key| key.read(&reader, &mut |position| column(position, [own], place)));
                FragmentOp::MergeInput { slot, keys: keys.collect::<Result<_, _>>()?, fetch }
            }
            OpWire::Scan { source, columns } => FragmentOp::Scan { source: source.read_scan(place, reading)?, columns },
            OpWire::Empty => FragmentOp::Empty,
            OpWire::Compute { op, argument_schema } => {
                let argument_schema = argument_schema.map(|schema| schema.read(place)).transpose()?;
                let scope = Scope { place, inputs, arguments: argument_schema.as_ref() };
                FragmentOp::Compute { op: op.read(place, reading, &scope)?, argument_schema }
            }
        })
    }
}

/// The column at a position of some schemas, one after the other.
fn column<'a>(
    position: usize,
    schemas: impl IntoIterator<Item = &'a SchemaRef>,
    place: &str,
) -> Result<(usize, ScalarType), WireError> {
    let mut fields = schemas.into_iter().flat_map(|schema| schema.fields().iter());
    match fields.nth(position) {
        Some(field) => Ok((position, ScalarType::new(field.data_type().clone(), field.is_nullable()))),
        None => Err(WireError::invalid(place, format!("column {position} is not there"))),
    }
}

/// Columns by position in the inputs' schemas.
struct Scope<'a> {
    place: &'a str,
    inputs: &'a [&'a SchemaRef],
    arguments: Option<&'a SchemaRef>,
}

impl PhysicalScope<usize, usize> for Scope<'_> {
    fn column(&self, position: usize) -> Result<(usize, ScalarType), WireError> {
        column(position, self.inputs.iter().copied(), self.place)
    }

    fn side(&self, side: Side, position: usize) -> Result<(usize, ScalarType), WireError> {
        let input = match side {
            Side::Left => self.inputs.first(),
            Side::Right => self.inputs.get(1),
        };
        column(position, input.copied(), self.place)
    }

    fn argument(&self, phase: AggregatePhase, position: usize) -> Result<(usize, ScalarType), WireError> {
        match phase {
            AggregatePhase::Single | AggregatePhase::Partial => self.column(position),
            AggregatePhase::Combine | AggregatePhase::Final => column(position, self.arguments, self.place),
        }
    }
}
