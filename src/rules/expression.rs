use smallvec::SmallVec;

use super::forest::Plant;
use super::observer::RuleObserver;
use super::pattern::{Bindings, Slot};
use super::registry::{Args, Body};
use super::value::{Given, Value};
use crate::term::{Facts, Required};

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
    /// A matched list of conjuncts with the matched one replaced or, for `None`, left out.
    Conjuncts {
        list: Slot,
        place: Slot,
        with: Option<Box<Expression>>,
    },
    /// `(hashed-by list)`; rows that agree on no column are all rows.
    HashedBy(Box<Expression>),
}

impl Expression {
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
            Expression::Conjuncts { list, place, with } => {
                let with = match with {
                    Some(with) => Some(with.evaluate(plant, bindings, observer)?),
                    None => None,
                };
                let (Value::Predicates(list), Value::Count(Some(place))) =
                    (&bindings.values[*list], &bindings.values[*place])
                else {
                    return None;
                };
                let mut conjuncts = plant.terms().predicates(*list).to_vec();
                match with {
                    Some(Value::Scalar(scalar)) => *conjuncts.get_mut(*place as usize)? = scalar,
                    Some(_) => return None,
                    None => drop(conjuncts.remove(*place as usize)),
                }
                Some(Value::Predicates(plant.terms_mut().intern_predicates(conjuncts)))
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
