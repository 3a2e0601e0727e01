use smallvec::SmallVec;

use super::forest::Plant;
use super::observer::RuleObserver;
use super::pattern::{Bindings, Slot};
use super::registry::{Args, Body};
use super::scalar_match::Segment;
use super::scalar_operator::ScalarOperator;
use super::value::{Given, Value};
use crate::expr::{Literal, ScalarOp, ScalarType, infer_op};
use crate::term::{ColumnId, Facts, Required, ScalarId, Terms};

/// The operator of a scalar of the right side.
#[derive(Clone, Copy)]
pub(super) enum ScalarOperatorOf {
    This(ScalarOperator),
    /// The one that a variable is bound to.
    Slot(Slot),
}

/// A computed part of a rule: a guard, a `let`, or what an operator of the right side is given.
#[derive(Clone)]
pub(super) enum Expression {
    Slot(Slot),
    Constant(Given),
    /// A function, by its name and what it does.
    Call(&'static str, Body, Vec<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    /// A matched list of conjuncts with others in the place of the matched ones.
    Around(Around),
    /// A constant scalar.
    Literal(Literal),
    /// A scalar of an operator over operands.
    Scalar(ScalarOperatorOf, Vec<Operand>),
    /// A conversion to a type.
    Cast {
        safe: bool,
        to: Box<Expression>,
        operand: Box<Expression>,
    },
    /// A call of an engine's function; no value where the engine has none for these arguments.
    Engine {
        function: String,
        args: Vec<Operand>,
    },
    /// `(hashed-by list)`; rows that agree on no column are all rows.
    HashedBy(Box<Expression>),
}

/// An operand of a scalar of the right side, or several.
#[derive(Clone)]
pub(super) enum Operand {
    One(Expression),
    Matched(Around),
}

/// A matched list with others in the place of the matched elements.
#[derive(Clone)]
pub(super) struct Around {
    pub list: Slot,
    pub segment: Segment,
    pub places: SmallVec<[Slot; 2]>,
    pub with: Vec<Expression>,
}

impl Around {
    /// The scalars of the list; what is new stands where the first matched element stood.
    fn elements<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        bindings: &Bindings<P::Id>,
        observer: &mut O,
    ) -> Option<Vec<ScalarId>> {
        let with = self.with.iter().map(|part| part.scalar(plant, bindings, observer)).collect::<Option<Vec<_>>>()?;
        let operands: &[ScalarId] = match &bindings.values[self.list] {
            Value::Predicates(list) => plant.terms().predicates(*list),
            Value::Scalar(whole) => &plant.terms().node(*whole).args,
            _ => return None,
        };
        let (mut elements, mut new) = (Vec::with_capacity(operands.len()), Some(with));
        for (at, element) in self.segment.elements(operands).enumerate() {
            let here = Value::Count(Some(at as u64));
            match self.places.iter().any(|place| bindings.values[*place] == here) {
                true => elements.extend(new.take().into_iter().flatten()),
                false => elements.extend_from_slice(element),
            }
        }
        Some(elements)
    }
}

impl Expression {
    /// The value of a part that is a scalar.
    fn scalar<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        bindings: &Bindings<P::Id>,
        observer: &mut O,
    ) -> Option<ScalarId> {
        match self.evaluate(plant, bindings, observer)? {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The value; `None` where a part has none.
    pub fn evaluate<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        bindings: &Bindings<P::Id>,
        observer: &mut O,
    ) -> Option<Value<P::Id>> {
        let is_true =
            |plant: &mut P, observer: &mut O, part: &Expression| match part.evaluate(plant, bindings, observer)? {
                Value::Bool(value) => Some(value),
                _ => None,
            };
        let all = |plant: &mut P, observer: &mut O, operands: &[Operand]| {
            let mut scalars = Vec::new();
            for operand in operands {
                match operand {
                    Operand::One(one) => scalars.push(one.scalar(plant, bindings, observer)?),
                    Operand::Matched(around) => scalars.extend(around.elements(plant, bindings, observer)?),
                }
            }
            Some(scalars)
        };
        match self {
            Expression::Slot(slot) => Some(bindings.values[*slot].clone()),
            Expression::Constant(value) => Some(value.lift()),
            Expression::Not(part) => Some(Value::Bool(!is_true(plant, observer, part)?)),
            Expression::And(parts) => {
                for part in parts {
                    if !is_true(plant, observer, part)? {
                        return Some(Value::Bool(false));
                    }
                }
                Some(Value::Bool(true))
            }
            Expression::Or(parts) => {
                for part in parts {
                    if is_true(plant, observer, part)? {
                        return Some(Value::Bool(true));
                    }
                }
                Some(Value::Bool(false))
            }
            Expression::Call(name, body, args) => {
                let mut values: SmallVec<[Value<P::Id>; 4]> = SmallVec::new();
                for arg in args {
                    values.push(arg.evaluate(plant, bindings, observer)?);
                }
                let gives = call(*body, plant, &values);
                observer.called(name, &values, gives.as_ref());
                Some(gives?.lift())
            }
            Expression::Around(around) => {
                let elements = around.elements(plant, bindings, observer)?;
                Some(Value::Predicates(plant.terms_mut().intern_predicates(elements)))
            }
            Expression::Literal(literal) => Some(Value::Scalar(plant.terms_mut().literal(literal.clone()))),
            Expression::Scalar(operator, operands) => {
                let operands = all(plant, observer, operands)?;
                let operator = match operator {
                    ScalarOperatorOf::This(operator) => *operator,
                    ScalarOperatorOf::Slot(slot) => match bindings.values[*slot] {
                        Value::ScalarOperator(operator) => operator,
                        _ => return None,
                    },
                };
                make_scalar(plant.terms_mut(), operator.op()?, operands).map(Value::Scalar)
            }
            Expression::Cast { safe, to, operand } => {
                let operand = operand.scalar(plant, bindings, observer)?;
                let Value::Type(to) = to.evaluate(plant, bindings, observer)? else { return None };
                let op = ScalarOp::Cast { to, safe: *safe };
                make_scalar(plant.terms_mut(), op, vec![operand]).map(Value::Scalar)
            }
            Expression::Engine { function, args } => {
                let args = all(plant, observer, args)?;
                let terms = plant.terms();
                let types: Vec<_> = args.iter().map(|arg| terms.scalar_facts(*arg).data_type.clone()).collect();
                let function = terms.functions().function(function, &types)?;
                make_scalar(plant.terms_mut(), ScalarOp::Call(function.into()), args).map(Value::Scalar)
            }
            Expression::HashedBy(list) => match list.evaluate(plant, bindings, observer)? {
                Value::ColumnList(list) => Some(Value::Required(match plant.terms().columns_of(list).is_empty() {
                    true => Required::Single,
                    false => Required::Hashed(list),
                })),
                _ => None,
            },
        }
    }
}

/// A scalar; `None` where its operands do not go together, such as a text and a sum. A `case` without arms is its
/// `else`.
fn make_scalar(terms: &mut Terms, op: ScalarOp<ColumnId>, operands: Vec<ScalarId>) -> Option<ScalarId> {
    if let ScalarOp::Case { operand, otherwise: true } = op
        && operands.len() == 1 + usize::from(operand)
    {
        return operands.last().copied();
    }
    let types: Vec<ScalarType> = operands
        .iter()
        .map(|operand| {
            let facts = terms.scalar_facts(*operand);
            ScalarType::new(facts.data_type.clone(), facts.nullable)
        })
        .collect();
    infer_op(&op, &types, &**terms.functions()).ok()?;
    Some(terms.scalar(op, operands))
}

fn call<P: Plant>(body: Body, plant: &mut P, values: &[Value<P::Id>]) -> Option<Given> {
    match body {
        Body::Fact(fact) => {
            let args: SmallVec<[Value<&Facts>; 4]> =
                values.iter().map(|value| value.map(|id| plant.facts(*id))).collect();
            fact(plant.terms(), Args(&args))
        }
        Body::Make(make) => {
            // The arena changes under the call, so facts of relations are copied first.
            let mut facts: Vec<Facts> = Vec::new();
            for value in values {
                match value {
                    Value::Rel(id) => facts.push(plant.facts(*id).clone()),
                    Value::Rels(ids) => facts.extend(ids.iter().map(|id| plant.facts(*id).clone())),
                    _ => {}
                }
            }
            let mut next = facts.iter();
            let mut args: SmallVec<[Value<&Facts>; 4]> = SmallVec::new();
            for value in values {
                args.push(match value {
                    Value::Rel(_) => Value::Rel(next.next()?),
                    Value::Rels(ids) => Value::Rels(next.by_ref().take(ids.len()).collect()),
                    // The rest holds no relation, so nothing asks for facts.
                    other => other.map(|_| &facts[0]),
                });
            }
            make(plant.terms_mut(), Args(&args))
        }
    }
}
