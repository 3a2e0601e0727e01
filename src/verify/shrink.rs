//! Smaller counterexamples: fewer rows, simpler values, simpler terms.

use arrow_schema::DataType;

use super::compare::Pair;
use super::fill::{Filling, small};
use crate::expr::Semantics;
use crate::rules::{Plant, replace};
use crate::term::interpret::Value;
use crate::term::{AggregateSpec, RelNode, RelOp, TermId, Terms};

/// The smallest filling that is found by leaving out rows and taking simpler values, one at a time, as long
/// as both terms still differ.
pub(super) fn shrink(pair: &Pair<'_>, filling: Filling, semantics: &Semantics) -> Filling {
    let mut best = filling;
    let fails = |filling: &Filling| pair.compare(filling, semantics).refutes();
    // Each round makes it smaller, so this ends; the bound is for large samples.
    for _ in 0..32 {
        match smaller(pair.terms, &best).into_iter().find(|candidate| fails(candidate)) {
            Some(next) => best = next,
            None => break,
        }
    }
    best
}

/// All fillings that are one step smaller: rows first.
fn smaller(terms: &Terms, filling: &Filling) -> Vec<Filling> {
    let mut all = Vec::new();
    let rows = |filling: &Filling| -> Vec<(usize, usize)> {
        let tables = filling.0.iter().enumerate();
        tables.flat_map(|(table, rows)| (0..rows.len()).map(move |row| (table, row))).collect()
    };
    for (table, row) in rows(filling) {
        let mut fewer = filling.clone();
        fewer.0[table].remove(row);
        all.push(fewer);
    }
    for (table, row) in rows(filling) {
        for column in 0..filling.0[table][row].len() {
            let kind = terms.gets()[table].leaf.schema().field(column).data_type();
            for simple in simpler_values(&filling.0[table][row][column], kind) {
                let mut simpler = filling.clone();
                simpler.0[table][row][column] = simple;
                all.push(simpler);
            }
        }
    }
    all
}

/// Values that are simpler than one, the simplest first.
fn simpler_values(value: &Value, kind: &DataType) -> Vec<Value> {
    match value {
        Value::Null if matches!(kind, DataType::Int64 | DataType::Float64) => {
            [0, 1].map(|simple| small(kind, simple)).to_vec()
        }
        Value::Int(kind, number) => {
            let simple = [0, 1, -1].map(|simple| Value::Int(kind.clone(), simple));
            let at = [0, 1, -1].iter().position(|simple| simple == number).unwrap_or(3);
            simple[..at].to_vec()
        }
        Value::Float(kind, number) => {
            let simple = [0.0, 1.0, -0.0, f64::NAN];
            let at = simple.iter().position(|simple| simple.to_bits() == number.to_bits()).unwrap_or(3);
            simple[..at].iter().map(|simple| Value::Float(kind.clone(), *simple)).collect()
        }
        _ => Vec::new(),
    }
}

/// Terms that are one step simpler: an operator less, or a conjunct, a column or a call less.
pub(super) fn simpler(terms: &mut Terms, root: TermId) -> Vec<TermId> {
    let mut all = Vec::new();
    let mut places: Vec<(TermId, Vec<usize>)> = vec![(root, Vec::new())];
    while let Some((place, path)) = places.pop() {
        for simple in simpler_nodes(terms, place) {
            all.push(replace(terms, root, &path, simple));
        }
        let inputs = terms.term(place).inputs.clone();
        places.extend(inputs.into_iter().enumerate().rev().map(|(at, input)| {
            let mut path = path.clone();
            path.push(at);
            (input, path)
        }));
    }
    all.retain(|simple| *simple != root);
    all
}

fn simpler_nodes(terms: &mut Terms, place: TermId) -> Vec<TermId> {
    let RelNode { op, inputs } = terms.term(place).clone();
    let mut all = Vec::new();
    let outputs = &terms.facts(place).outputs;
    all.extend(inputs.iter().copied().filter(|input| terms.facts(*input).outputs == *outputs));
    match op {
        RelOp::Filter(on) | RelOp::Join(_, on) | RelOp::JoinSet(on) => {
            for fewer in without_each(terms.predicates(on)) {
                let on = terms.intern_predicates(fewer);
                all.push(match op {
                    RelOp::Filter(_) => terms.plant_filter(on, inputs[0]),
                    RelOp::JoinSet(_) => terms.plant_join_set(on, inputs.iter().copied().collect()),
                    RelOp::Join(kind, _) => terms.add(RelNode::new(RelOp::Join(kind, on), inputs.clone())),
                    _ => continue,
                });
            }
        }
        RelOp::Project(projection) => {
            for fewer in without_each(terms.projection(projection)) {
                let projection = terms.intern_projection(fewer);
                all.push(terms.plant_project(projection, inputs[0]));
            }
        }
        RelOp::Aggregate(spec) => {
            let AggregateSpec { group, aggregates } = terms.aggregate(spec).clone();
            let mut specs: Vec<AggregateSpec> = Vec::new();
            specs.extend(without_each(&group).map(|group| AggregateSpec { group, aggregates: aggregates.clone() }));
            specs
                .extend(without_each(&aggregates).map(|aggregates| AggregateSpec { group: group.clone(), aggregates }));
            for spec in specs {
                let spec = terms.intern_aggregate(spec);
                all.push(terms.add(RelNode::new(RelOp::Aggregate(spec), inputs.clone())));
            }
        }
        _ => {}
    }
    all
}

/// A list without each of its items in turn.
fn without_each<T: Clone>(items: &[T]) -> impl Iterator<Item = Vec<T>> + use<T> {
    let items = items.to_vec();
    (0..items.len()).map(move |at| {
        let mut fewer = items.clone();
        fewer.remove(at);
        fewer
    })
}
