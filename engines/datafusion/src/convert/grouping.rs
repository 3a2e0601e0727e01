//! Grouping sets of SQL: `rollup`, `cube`, `grouping sets`, and `grouping(..)`.
//!
//! DataFusion gives such an aggregate a column more, `__grouping_id`: a bit for each key, which is set in the rows of a set
//! that leaves the key out, and above these the number of the set among equal ones. Its analyzer has put arithmetic on that
//! column in the place of `grouping(..)`. Here both are `grouping` of keys. Which of several equal sets a row is of nothing
//! can tell: the arithmetic looks at the keys' bits alone, and SQL cannot name the column.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Aggregate, Expr as DfExpr, GroupingSet, Operator, Projection};
use leafhold::expr::{Expr, GroupingSets, Literal, Name, Scalar, col, grouping};

use super::aggregate::{calls_of, keys_of};
use super::names::Names;
use super::relation::{Converter, project};
use super::scalar::scalar;
use super::scope::Scope;
use super::{Stop, invalid};
use crate::EngineFunctions;

/// DataFusion's column of the set that a row is of.
const ID: &str = Aggregate::INTERNAL_GROUPING_ID;

/// More sets than this go over the rows once, in DataFusion's own way: here each set is an aggregate by itself.
const MOST_SETS: usize = 256;

impl Converter {
    /// The aggregate with all of DataFusion's columns.
    pub(super) fn grouping_sets(&mut self, aggregate: &Aggregate, sets: &GroupingSet) -> Result<Expr, Stop> {
        let keys = sets.distinct_expr().len();
        let everything: Vec<usize> = (0..keys).collect();
        let expr = self.sets(aggregate, sets, if keys == 0 { &[] } else { std::slice::from_ref(&everything) })?;
        let mut columns: Vec<(Name, Scalar)> = Vec::with_capacity(expr.schema().fields().len() + 1);
        for field in expr.schema().fields() {
            columns.push((field.name().as_str().into(), col(field.name().as_str())));
        }
        let kind = aggregate.schema.field(keys).data_type().clone();
        let (name, bits) = match keys {
            0 => {
                let zero = ScalarValue::new_zero(&kind).and_then(|zero| zero.to_array_of_size(1)).map_err(invalid)?;
                let mut names = Names::default();
                columns.iter().for_each(|(name, _)| names.reserve(name));
                (names.unique(ID, None), Scalar::literal(Literal::new(zero)))
            }
            _ => columns.pop().map(|(name, bits)| (name, bits.cast(kind))).ok_or(Stop::Opaque)?,
        };
        columns.insert(keys, (name, bits));
        Ok(expr.project(columns, &EngineFunctions)?)
    }

    /// A projection over the aggregate, with `grouping` where the analyzer has put its arithmetic.
    pub(super) fn projected_sets(
        &mut self,
        projection: &Projection,
        aggregate: &Aggregate,
        sets: &GroupingSet,
    ) -> Result<Expr, Stop> {
        let keys = sets.distinct_expr().len();
        let mut asked: Vec<Vec<usize>> = Vec::new();
        for of in projection.expr.iter().filter_map(|expr| asked_keys(expr, keys)) {
            if !asked.contains(&of) {
                asked.push(of);
            }
        }
        let input = self.sets(aggregate, sets, &asked)?;
        let given = input.schema().clone();
        // Columns are found by their place in DataFusion's schema, in which the identity has one.
        let mut places: Vec<_> = given.fields().iter().cloned().collect();
        places.insert(keys, Arc::new(Field::new(ID, DataType::Null, true)));
        let scope = Scope::new([(&*aggregate.schema, Arc::new(Schema::new(places)))]);
        let first = given.fields().len() - asked.len();
        project(projection, input, &mut |expr| {
            let place = asked_keys(expr, keys).and_then(|of| asked.iter().position(|known| *known == of));
            match place {
                Some(at) => Ok(col(given.field(first + at).name().as_str())),
                None if expr.column_refs().iter().any(|column| column.name == ID) => Err(Stop::Opaque),
                None => scalar(expr, &scope),
            }
        })
    }

    /// The aggregate: its keys, its calls, and `grouping` of keys.
    fn sets(&mut self, aggregate: &Aggregate, sets: &GroupingSet, asked: &[Vec<usize>]) -> Result<Expr, Stop> {
        let keys = sets.distinct_expr();
        let sets = positions(sets, &keys)?;
        if sets.sets().len() > MOST_SETS {
            return Err(Stop::Opaque);
        }
        let input = self.relation(&aggregate.input)?;
        let scope = self.scope([(&**aggregate.input.schema(), input.schema().clone())]);
        let mut names = Names::default();
        let group = keys_of(aggregate, &keys, &scope, &mut names)?;
        // `grouping` finds its keys by what they are.
        let twice = |at: usize| group[..at].iter().any(|(_, known)| *known == group[at].1);
        if !asked.is_empty() && (0..group.len()).any(twice) {
            return Err(Stop::Opaque);
        }
        let mut calls = calls_of(aggregate, &scope, &mut names)?;
        for of in asked {
            let keys = of.iter().map(|key| group.get(*key).map(|(_, key)| key.clone()));
            let keys = keys.collect::<Option<Vec<_>>>().ok_or(Stop::Opaque)?;
            calls.push((names.unique("grouping", None), grouping(keys)));
        }
        Ok(input.aggregate_sets(group, sets, calls, &EngineFunctions)?)
    }
}

/// The sets by the positions of their keys. A key that a set names twice is in it once.
fn positions(sets: &GroupingSet, keys: &[&DfExpr]) -> Result<GroupingSets, Stop> {
    let sets = match sets {
        GroupingSet::Rollup(keys) => return Ok(GroupingSets::rollup(keys.len())),
        GroupingSet::Cube(keys) if keys.len() <= 12 => return Ok(GroupingSets::cube(keys.len())),
        GroupingSet::Cube(_) => return Err(Stop::Opaque),
        GroupingSet::GroupingSets(sets) => sets,
    };
    let set = |set: &Vec<DfExpr>| -> Result<Vec<usize>, Stop> {
        let mut places = Vec::with_capacity(set.len());
        for key in set {
            let place = keys.iter().position(|known| *known == key).ok_or(Stop::Opaque)?;
            if !places.contains(&place) {
                places.push(place);
            }
        }
        Ok(places)
    };
    Ok(GroupingSets::new(sets.iter().map(set).collect::<Result<Vec<_>, _>>()?))
}

/// The keys, by position, of the `grouping(..)` that the analyzer has written as this, of so many keys.
fn asked_keys(expr: &DfExpr, keys: usize) -> Option<Vec<usize>> {
    let cast = match expr {
        DfExpr::Alias(alias) => return asked_keys(&alias.expr, keys),
        DfExpr::Cast(cast) if *cast.field.data_type() == DataType::Int32 => cast,
        _ => return None,
    };
    let everything = 1u64.checked_shl(u32::try_from(keys).ok()?).map_or(u64::MAX, |bit| bit - 1);
    if masked(&cast.expr) == Some(everything) {
        return Some((0..keys).collect());
    }
    // One term for each argument, the last argument first; each has its key's bit in the argument's place.
    let mut terms = Vec::new();
    let mut rest = &*cast.expr;
    while let Some((left, right)) = binary(rest, Operator::BitwiseOr) {
        terms.push(right);
        rest = left;
    }
    terms.push(rest);
    let key = |(at, term): (usize, &DfExpr)| {
        let argument = u64::try_from(at).ok()?;
        let (bit, place) = if let Some((bit, by)) = binary(term, Operator::BitwiseShiftLeft) {
            (bit, argument.checked_sub(number(by)?)?)
        } else if let Some((bit, by)) = binary(term, Operator::BitwiseShiftRight) {
            (bit, argument.checked_add(number(by)?)?)
        } else {
            (term, argument)
        };
        let place = u32::try_from(place).ok()?;
        (masked(bit)? == 1u64.checked_shl(place)?).then_some(())?;
        keys.checked_sub(1)?.checked_sub(usize::try_from(place).ok()?)
    };
    let last_first = terms.into_iter().rev().enumerate().map(key).collect::<Option<Vec<_>>>()?;
    Some(last_first.into_iter().rev().collect())
}

fn binary(expr: &DfExpr, op: Operator) -> Option<(&DfExpr, &DfExpr)> {
    match expr {
        DfExpr::BinaryExpr(binary) if binary.op == op => Some((&binary.left, &binary.right)),
        _ => None,
    }
}

/// The bits of the set's identity that an expression takes.
fn masked(expr: &DfExpr) -> Option<u64> {
    let (id, mask) = binary(expr, Operator::BitwiseAnd)?;
    if matches!(id, DfExpr::Column(column) if column.name == ID) { number(mask) } else { None }
}

fn number(expr: &DfExpr) -> Option<u64> {
    match expr {
        DfExpr::Literal(value, _) => match value.cast_to(&DataType::UInt64) {
            Ok(ScalarValue::UInt64(number)) => number,
            _ => None,
        },
        _ => None,
    }
}
