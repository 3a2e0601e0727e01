//! Projections: chains of them become one, and plain columns none.

use std::collections::HashMap;

use arrow_schema::{Schema, SchemaRef};
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::{Resolved, Resolver};
use crate::expr::{Expr, Name, Places, Scalar, ScalarOp, Volatility};
use crate::term::{ColumnId, ColumnSet, Extent, RelNode, RelOp, ScalarId, TermId};

/// A node's resolution, while its users are resolved.
#[derive(Clone)]
pub(super) enum State {
    /// The term gives all columns.
    Settled(Resolved),
    /// A projection over a term, to which the next projection may add.
    Open(Projection),
    /// A filter over a term, to which the next filter adds: a chain of them is one, made once.
    Filtered(Resolved, Vec<ScalarId>),
}

#[derive(Clone)]
pub(super) struct Projection {
    input: TermId,
    /// What each name means, over the columns of the input.
    output: Vec<(Name, ScalarId)>,
    /// The types of the output, by position.
    schema: SchemaRef,
}

impl Resolver<'_> {
    pub(super) fn project(&mut self, expr: &Expr, columns: &[(Name, Scalar)], input: State) -> Projection {
        let below = match input {
            State::Open(below) if self.may_merge(columns, &below) => below,
            other => {
                let Resolved { root, output } = self.settled(other);
                let output = output.into_iter().map(|(name, column)| (name, self.terms.column_scalar(column)));
                Projection { input: root, output: output.collect(), schema: expr.schema().clone() }
            }
        };
        let places = Places::new(below.output.len(), |at| &*below.output[at].0);
        let output = columns.iter().enumerate().map(|(at, (name, scalar))| {
            let of = |column: &Name| places.find(column, at).map_or(ScalarId(0), |place| below.output[place].1);
            (name.clone(), self.composed(scalar, &of))
        });
        Projection { input: below.input, output: output.collect(), schema: expr.schema().clone() }
    }

    /// Whether a projection may compute from what the one below computes from. What is volatile is drawn
    /// once per row, however often it is used.
    fn may_merge(&self, columns: &[(Name, Scalar)], below: &Projection) -> bool {
        let volatile = |scalar: ScalarId| self.terms.scalar_facts(scalar).volatility == Volatility::Volatile;
        if below.output.iter().any(|(_, scalar)| volatile(*scalar)) {
            return false;
        }
        let places = Places::new(below.output.len(), |at| &*below.output[at].0);
        columns.iter().enumerate().all(|(at, (_, scalar))| {
            let of = |name: &Name| {
                let place = places.find(name, at);
                place.map_or(Extent::LEAF, |place| self.terms.scalar_facts(below.output[place].1).extent)
            };
            extent(scalar, &|_| Extent::LEAF).may_become(extent(scalar, &of))
        })
    }

    /// A scalar with its names replaced by scalars.
    fn composed(&mut self, scalar: &Scalar, of: &impl Fn(&Name) -> ScalarId) -> ScalarId {
        if let ScalarOp::Outer(outer) = &scalar.op
            && let Some(column) = self.bound(&outer.name)
        {
            return self.terms.column_scalar(column);
        }
        match scalar.op.try_map(&mut |name| Err(of(name))) {
            Err(known) => known,
            Ok(op) => {
                let args: SmallVec<[ScalarId; 3]> = scalar.args.iter().map(|arg| self.composed(arg, of)).collect();
                self.terms.scalar(op, args)
            }
        }
    }

    /// The state with every name a column of the term.
    pub(super) fn settled(&mut self, state: State) -> Resolved {
        let Projection { input, output, schema } = match state {
            State::Settled(resolved) => return resolved,
            State::Filtered(Resolved { root, output }, conjuncts) => {
                return Resolved { root: self.terms.filter(root, conjuncts), output };
            }
            State::Open(projection) => projection,
        };
        let (names, scalars): (Vec<_>, Vec<_>) = output.into_iter().unzip();
        let (root, ids) = self.compute(&schema, input, scalars, &ColumnSet::new());
        Resolved { root, output: names.into_iter().zip(ids).collect() }
    }

    /// Makes columns of scalars, which are the first fields of a schema: plain columns are themselves, the
    /// others are computed by a projection that keeps what it reads. `visible` are columns that names still mean.
    pub(super) fn compute(
        &mut self,
        schema: &Schema,
        input: TermId,
        scalars: Vec<ScalarId>,
        visible: &ColumnSet,
    ) -> (TermId, Vec<ColumnId>) {
        let mut made: Vec<(ColumnId, ScalarId)> = Vec::new();
        let mut known: HashMap<ScalarId, ColumnId, FxBuildHasher> = HashMap::default();
        let given = self.terms.facts(input).outputs.clone();
        let ids: Vec<_> = scalars
            .into_iter()
            .zip(schema.fields())
            .map(|(scalar, field)| {
                // An outer reference is no column of the input.
                let plain = self.terms.as_column(scalar).filter(|column| given.contains(*column));
                match plain.or_else(|| known.get(&scalar).copied()) {
                    Some(column) => column,
                    None => {
                        let (data_type, nullable) = (field.data_type().clone(), field.is_nullable());
                        let column = self.terms.add_column(field.name(), data_type, nullable);
                        if self.terms.scalar_facts(scalar).volatility != Volatility::Volatile {
                            known.insert(scalar, column);
                        }
                        made.push((column, scalar));
                        column
                    }
                }
            })
            .collect();
        if made.is_empty() {
            return (input, ids);
        }
        let mut visible = visible.clone();
        ids.iter().for_each(|column| visible.insert(*column));
        made.iter().for_each(|(column, _)| self.computed.insert(*column));
        let mut columns = made;
        for column in given.iter() {
            if visible.contains(column) || !self.computed.contains(column) {
                columns.push((column, self.terms.column_scalar(column)));
            }
        }
        let projection = self.terms.intern_projection(columns);
        (self.terms.add(RelNode::new(RelOp::Project(projection), [input])), ids)
    }

    /// As `compute`, for columns of which no schema tells the types.
    pub(super) fn compute_typed(&mut self, input: TermId, scalars: &[(Name, ScalarId)]) -> (TermId, Vec<ColumnId>) {
        let mut made = Vec::new();
        let mut ids = Vec::with_capacity(scalars.len());
        for (name, scalar) in scalars {
            let plain = self.terms.as_column(*scalar);
            ids.push(match plain.filter(|column| self.terms.facts(input).outputs.contains(*column)) {
                Some(column) => column,
                None => {
                    let facts = self.terms.scalar_facts(*scalar).clone();
                    let column = self.terms.add_column(name, facts.data_type, facts.nullable);
                    made.push((column, *scalar));
                    column
                }
            });
        }
        if made.is_empty() {
            return (input, ids);
        }
        for column in self.terms.facts(input).outputs.clone().iter() {
            made.push((column, self.terms.column_scalar(column)));
        }
        let projection = self.terms.intern_projection(made);
        (self.terms.add(RelNode::new(RelOp::Project(projection), [input])), ids)
    }

    /// A projection to exactly the visible columns, for operators that count rows by all columns.
    pub(super) fn exactly(&mut self, input: &Resolved) -> TermId {
        let visible: ColumnSet = input.output.iter().map(|(_, column)| *column).collect();
        self.terms.exactly(input.root, &visible)
    }
}

/// How large a scalar is when its names are as large as that.
fn extent(scalar: &Scalar, of: &impl Fn(&Name) -> Extent) -> Extent {
    match &scalar.op {
        ScalarOp::Column(name) => of(name),
        _ => Extent::over(scalar.args.iter().map(|arg| extent(arg, of))),
    }
}
