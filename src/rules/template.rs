use smallvec::SmallVec;

use super::expression::Expression;
use super::forest::Plant;
use super::observer::RuleObserver;
use super::operator::Operator;
use super::pattern::{Bindings, Slot};
use super::value::Value;
use crate::term::{Alternative, AlternativeInput, AlternativeOp, Required};

/// A relation of the right side.
#[derive(Clone)]
pub(super) enum Template {
    Slot(Slot),
    Node { operator: OperatorOf, parts: Vec<Expression>, inputs: Inputs },
}

/// The operator of a node of the right side.
#[derive(Clone, Copy)]
pub(super) enum OperatorOf {
    This(Operator),
    /// The one that a variable is bound to.
    Slot(Slot),
}

/// The inputs of a node of the right side.
#[derive(Clone)]
pub(super) enum Inputs {
    /// These.
    Fixed(Vec<Template>),
    /// A list as it was matched.
    All(Slot),
    /// A matched list with the matched one replaced.
    Around { list: Slot, place: Slot, with: With },
    /// One relation per relation of a list.
    Each { item: Slot, place: Slot, list: Slot, body: Box<Template> },
}

/// What stands in the place of the matched element of a list.
#[derive(Clone)]
pub(super) enum With {
    Nothing,
    One(Box<Template>),
    /// All relations of another list.
    Spread(Slot),
}

impl Template {
    /// Builds the relation; `None` where a computed part has no value.
    pub fn build<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        bindings: &mut Bindings<P::Id>,
        observer: &mut O,
    ) -> Option<P::Id> {
        let (operator, parts, inputs) = match self {
            Template::Slot(slot) => {
                return match bindings.values[*slot] {
                    Value::Rel(id) => Some(id),
                    _ => None,
                };
            }
            Template::Node { operator, parts, inputs } => (operator, parts, inputs),
        };
        let operator = match operator {
            OperatorOf::This(operator) => *operator,
            OperatorOf::Slot(slot) => match bindings.values[*slot] {
                Value::Operator(operator) => operator,
                _ => return None,
            },
        };
        let inputs = inputs.build(plant, bindings, observer)?;
        let mut values: SmallVec<[Value<P::Id>; 3]> = SmallVec::new();
        for part in parts {
            values.push(part.evaluate(plant, bindings, observer)?);
        }
        Some(plant.plant(operator.build(&values)?, inputs))
    }
}

impl Inputs {
    fn build<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        bindings: &mut Bindings<P::Id>,
        observer: &mut O,
    ) -> Option<SmallVec<[P::Id; 4]>> {
        let rels = |bindings: &Bindings<P::Id>, slot: Slot| match &bindings.values[slot] {
            Value::Rels(rels) => Some(SmallVec::<[P::Id; 4]>::from_slice(rels)),
            _ => None,
        };
        match self {
            Inputs::Fixed(templates) => {
                templates.iter().map(|template| template.build(plant, bindings, observer)).collect()
            }
            Inputs::All(slot) => rels(bindings, *slot),
            Inputs::Around { list, place, with } => {
                let list = rels(bindings, *list)?;
                let Value::Count(Some(place)) = bindings.values[*place] else { return None };
                let middle = match with {
                    With::Nothing => SmallVec::new(),
                    With::One(template) => SmallVec::from_slice(&[template.build(plant, bindings, observer)?]),
                    With::Spread(slot) => rels(bindings, *slot)?,
                };
                let (before, after) = list.split_at_checked(place as usize)?;
                Some(before.iter().copied().chain(middle).chain(after.iter().copied().skip(1)).collect())
            }
            Inputs::Each { item, place, list, body } => {
                let list = rels(bindings, *list)?;
                let mut built = SmallVec::new();
                for (at, rel) in list.into_iter().enumerate() {
                    bindings.values[*item] = Value::Rel(rel);
                    bindings.values[*place] = Value::Count(Some(at as u64));
                    built.push(body.build(plant, bindings, observer)?);
                }
                Some(built)
            }
        }
    }
}

/// A physical operator, without what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhysicalOperator {
    Read,
    Empty,
    Filter,
    Project,
    HashJoin,
    NestedLoopJoin,
    HashAggregate,
    Sort,
    TopK,
    Limit,
    Union,
    Extension,
    MarkJoin,
    Window,
    Unnest,
}

/// A physical right side and what it needs of its inputs.
#[derive(Clone)]
pub(super) struct PhysicalTemplate {
    pub operator: PhysicalOperator,
    pub parts: Vec<Expression>,
    pub inputs: Vec<(PhysicalInput, Expression)>,
}

#[derive(Clone)]
pub(super) enum PhysicalInput {
    /// A relation, or each relation of a list.
    Slot(Slot),
    /// This very operator.
    Inline(PhysicalTemplate),
}

impl PhysicalTemplate {
    pub fn build<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        bindings: &Bindings<P::Id>,
        observer: &mut O,
    ) -> Option<Alternative<P::Id>> {
        let mut values: SmallVec<[Value<P::Id>; 4]> = SmallVec::new();
        for part in &self.parts {
            values.push(part.evaluate(plant, bindings, observer)?);
        }
        let op = self.operator.build(&values)?;
        let mut inputs: SmallVec<[(AlternativeInput<P::Id>, Required); 2]> = SmallVec::new();
        for (input, required) in &self.inputs {
            let Value::Required(required) = required.evaluate(plant, bindings, observer)? else { return None };
            match input {
                PhysicalInput::Inline(template) => {
                    inputs.push((
                        AlternativeInput::Inline(Box::new(template.build(plant, bindings, observer)?)),
                        required,
                    ));
                }
                PhysicalInput::Slot(slot) => match &bindings.values[*slot] {
                    Value::Rel(id) => inputs.push((AlternativeInput::Class(*id), required)),
                    Value::Rels(ids) => inputs.extend(ids.iter().map(|id| (AlternativeInput::Class(*id), required))),
                    _ => return None,
                },
            }
        }
        Some(Alternative { op, inputs })
    }
}

impl PhysicalOperator {
    pub const ALL: [PhysicalOperator; 15] = [
        PhysicalOperator::Read,
        PhysicalOperator::Empty,
        PhysicalOperator::Filter,
        PhysicalOperator::Project,
        PhysicalOperator::HashJoin,
        PhysicalOperator::NestedLoopJoin,
        PhysicalOperator::HashAggregate,
        PhysicalOperator::Sort,
        PhysicalOperator::TopK,
        PhysicalOperator::Limit,
        PhysicalOperator::Union,
        PhysicalOperator::Extension,
        PhysicalOperator::MarkJoin,
        PhysicalOperator::Window,
        PhysicalOperator::Unnest,
    ];

    pub fn name(self) -> &'static str {
        match self {
            PhysicalOperator::Read => "read",
            PhysicalOperator::Empty => "empty",
            PhysicalOperator::Filter => "filter",
            PhysicalOperator::Project => "project",
            PhysicalOperator::HashJoin => "hash-join",
            PhysicalOperator::NestedLoopJoin => "nested-loop-join",
            PhysicalOperator::HashAggregate => "hash-aggregate",
            PhysicalOperator::Sort => "sort",
            PhysicalOperator::TopK => "top-k",
            PhysicalOperator::Limit => "limit",
            PhysicalOperator::Union => "union",
            PhysicalOperator::Extension => "extension",
            PhysicalOperator::MarkJoin => "mark-join",
            PhysicalOperator::Window => "window",
            PhysicalOperator::Unnest => "unnest",
        }
    }

    /// The sorts of what it is given.
    pub fn payload(self) -> &'static [super::Sort] {
        use super::Sort::*;
        match self {
            PhysicalOperator::Read => &[Get],
            PhysicalOperator::Empty => &[ColumnList],
            PhysicalOperator::Filter => &[Predicates],
            PhysicalOperator::Project => &[Projection],
            PhysicalOperator::HashJoin => &[Kind, Keys, Predicates, Side],
            PhysicalOperator::NestedLoopJoin => &[Kind, Predicates],
            PhysicalOperator::HashAggregate => &[Phase, Aggregates],
            PhysicalOperator::Sort => &[SortKeys],
            PhysicalOperator::TopK => &[SortKeys, Count],
            PhysicalOperator::Limit => &[Count, Count],
            PhysicalOperator::Union => &[Union],
            PhysicalOperator::Extension => &[Extension],
            PhysicalOperator::MarkJoin => &[Column, Predicates],
            PhysicalOperator::Window => &[Window],
            PhysicalOperator::Unnest => &[Unnest],
        }
    }

    /// How many inputs it has; `None` for a list.
    pub fn inputs(self) -> Option<usize> {
        match self {
            PhysicalOperator::Read | PhysicalOperator::Empty => Some(0),
            PhysicalOperator::HashJoin | PhysicalOperator::NestedLoopJoin | PhysicalOperator::MarkJoin => Some(2),
            PhysicalOperator::Union | PhysicalOperator::Extension => None,
            _ => Some(1),
        }
    }

    fn build<R>(self, parts: &[Value<R>]) -> Option<AlternativeOp> {
        Some(match (self, parts) {
            (PhysicalOperator::Read, [Value::Get(get)]) => AlternativeOp::Read(*get),
            (PhysicalOperator::Empty, [Value::ColumnList(columns)]) => AlternativeOp::Empty(*columns),
            (PhysicalOperator::Filter, [Value::Predicates(predicates)]) => AlternativeOp::Filter(*predicates),
            (PhysicalOperator::Project, [Value::Projection(projection)]) => AlternativeOp::Project(*projection),
            (
                PhysicalOperator::HashJoin,
                [Value::Kind(kind), Value::Keys(keys), Value::Predicates(residual), Value::Side(build)],
            ) => AlternativeOp::HashJoin { kind: *kind, keys: *keys, residual: *residual, build: *build },
            (PhysicalOperator::NestedLoopJoin, [Value::Kind(kind), Value::Predicates(on)]) => {
                AlternativeOp::NestedLoopJoin { kind: *kind, on: *on }
            }
            (PhysicalOperator::HashAggregate, [Value::Phase(phase), Value::Aggregates(spec)]) => {
                AlternativeOp::HashAggregate { phase: *phase, spec: *spec }
            }
            (PhysicalOperator::Sort, [Value::SortKeys(keys)]) => AlternativeOp::Sort { keys: *keys, fetch: None },
            (PhysicalOperator::TopK, [Value::SortKeys(keys), Value::Count(fetch)]) => {
                AlternativeOp::Sort { keys: *keys, fetch: *fetch }
            }
            (PhysicalOperator::Limit, [Value::Count(Some(offset)), Value::Count(fetch)]) => {
                AlternativeOp::Limit { offset: *offset, fetch: *fetch }
            }
            (PhysicalOperator::Union, [Value::Union(union)]) => AlternativeOp::Union(*union),
            (PhysicalOperator::MarkJoin, [Value::Column(mark), Value::Predicates(on)]) => {
                AlternativeOp::MarkJoin { mark: *mark, on: *on }
            }
            (PhysicalOperator::Window, [Value::Window(window)]) => AlternativeOp::Window(*window),
            (PhysicalOperator::Unnest, [Value::Unnest(spec)]) => AlternativeOp::Unnest(*spec),
            (PhysicalOperator::Extension, [Value::Extension(extension)]) => AlternativeOp::Extension(*extension),
            _ => return None,
        })
    }
}
