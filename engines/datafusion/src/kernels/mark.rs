//! Mark joins of three values. DataFusion's mark says whether a pair is there; further ones say whether a pair is there of
//! which nobody knows. Where values must be equal, each of these finds its pairs by a hash table.

use std::sync::Arc;

use arrow_schema::{DataType, SchemaRef};
use datafusion::common::{JoinType, NullEquality, Result, ScalarValue};
use datafusion::logical_expr::Operator as Op;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal, case, is_null};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use leafhold::expr::{BinaryOp, Scalar, ScalarOp};

use super::join::join_filter;
use super::operators::gathered;
use super::scalar::physical;
use super::shared::SharedExec;
use super::watch::Setting;

type Operator = Arc<dyn ExecutionPlan>;
type Physical = Arc<dyn PhysicalExpr>;

/// The left columns and whether the condition is true of a right row; null where it is true of none and,
/// if it can be `nullable`, null of one.
pub(super) fn mark_join(
    condition: Option<&Scalar<usize>>,
    nullable: bool,
    left: Operator,
    right: Operator,
    setting: &Setting,
) -> Result<Operator> {
    // Each mark's join reads it.
    let right: Operator = if nullable { Arc::new(SharedExec::new(gathered(right))) } else { gathered(right) };
    let right = setting.compact(right);
    let lefts = left.schema().fields().len();
    let sides = Sides { left: left.schema(), right: right.schema(), lefts, setting };
    let Some(condition) = condition else { return sides.marked(left, right, Vec::new(), None) };
    let Divided { keys, decided, rest } = sides.divided(condition)?;
    let residual = (!rest.is_empty()).then(|| Scalar::all(rest));
    let unknown = Scalar::new(ScalarOp::IsNull, [condition.clone()]);
    let mut joined = sides.marked(left, right.clone(), keys.clone(), residual.as_ref())?;
    if !nullable {
        return Ok(joined);
    }
    if keys.is_empty() {
        joined = sides.marked(joined, right, Vec::new(), Some(&unknown))?;
        return three_values(joined, lefts);
    }
    // Nobody knows of a pair if a key is null on either side, or if the keys are equal and the rest is null: and then, if
    // nothing else about it is false.
    let open = || keys.iter().zip(&decided).filter(|(_, decided)| !**decided).map(|(key, _)| key.clone());
    let (of_left, of_right): (Vec<Physical>, Vec<Physical>) = open().unzip();
    if let Some(null) = some_null(&of_left, &sides.left)? {
        joined = sides.marked(joined, right.clone(), vec![(null, one())], Some(&unknown))?;
    }
    if let Some(null) = some_null(&of_right, &sides.right)? {
        joined = sides.marked(joined, right.clone(), vec![(one(), null)], Some(&unknown))?;
    }
    if let Some(residual) = residual {
        let unknown = Scalar::new(ScalarOp::IsNull, [residual]);
        joined = sides.marked(joined, right, keys, Some(&unknown))?;
    }
    three_values(joined, lefts)
}

/// What a mark join is between.
struct Sides<'a> {
    left: SchemaRef,
    right: SchemaRef,
    lefts: usize,
    setting: &'a Setting,
}

/// What must be equal of a left and a right row.
type Keys = Vec<(Physical, Physical)>;

/// A condition's conjuncts.
struct Divided {
    /// Values of the sides that must be equal,
    keys: Keys,
    /// of which some must be known to be so: where one is null, they are not.
    decided: Vec<bool>,
    /// All others.
    rest: Vec<Scalar<usize>>,
}

impl Sides<'_> {
    fn divided(&self, condition: &Scalar<usize>) -> Result<Divided> {
        let mut divided = Divided { keys: Vec::new(), decided: Vec::new(), rest: Vec::new() };
        for conjunct in condition.clone().conjuncts() {
            let decided = conjunct.op == ScalarOp::IsTrue;
            match self.key(if decided { &conjunct.args[0] } else { &conjunct })? {
                Some(key) => {
                    divided.keys.push(key);
                    divided.decided.push(decided);
                }
                None => divided.rest.push(conjunct),
            }
        }
        Ok(divided)
    }

    fn key(&self, conjunct: &Scalar<usize>) -> Result<Option<(Physical, Physical)>> {
        let ScalarOp::Binary(BinaryOp::Eq) = conjunct.op else { return Ok(None) };
        let [a, b] = &conjunct.args[..] else { return Ok(None) };
        let only = |scalar: &Scalar<usize>, left: bool| {
            let (mut any, mut only) = (false, true);
            scalar.for_each_column(&mut |column| {
                any = true;
                only &= (*column < self.lefts) == left;
            });
            any && only
        };
        let (of_left, of_right) = match (only(a, true) && only(b, false), only(b, true) && only(a, false)) {
            (true, _) => (a, b),
            (_, true) => (b, a),
            _ => return Ok(None),
        };
        let of_right =
            of_right.try_map(&mut |column| Ok::<_, datafusion::common::DataFusionError>(column - self.lefts))?;
        let started = self.setting.started;
        let (of_left, of_right) = (physical(of_left, &self.left, started)?, physical(&of_right, &self.right, started)?);
        let kind = of_left.data_type(&self.left)?;
        // Floats are looked up by their bits, of which there are two zeros.
        let looked_up = kind == of_right.data_type(&self.right)? && !kind.is_floating() && kind != DataType::Null;
        Ok(looked_up.then_some((of_left, of_right)))
    }

    /// One more column after those of `joined`, which begin with the left ones: whether a right row has these equal, and
    /// fulfils a condition on the columns of both sides.
    fn marked(
        &self,
        joined: Operator,
        right: Operator,
        keys: Keys,
        condition: Option<&Scalar<usize>>,
    ) -> Result<Operator> {
        let columns = joined.schema();
        // Marks of earlier joins stand between.
        let between = columns.fields().len() - self.lefts;
        let filter = match condition {
            Some(condition) => {
                let moved = condition.try_map(&mut |column| {
                    Ok::<_, datafusion::common::DataFusionError>(match *column < self.lefts {
                        true => *column,
                        false => *column + between,
                    })
                })?;
                Some(join_filter(&moved, &columns, &self.right, true, self.setting)?)
            }
            None => None,
        };
        if keys.is_empty() {
            return Ok(Arc::new(NestedLoopJoinExec::try_new(right, joined, filter, &JoinType::RightMark, None)?));
        }
        let on = keys.into_iter().map(|(left, right)| (self.setting.watch.expr(right), left)).collect();
        Ok(Arc::new(HashJoinExec::try_new(
            right,
            joined,
            on,
            filter,
            &JoinType::RightMark,
            None,
            PartitionMode::CollectLeft,
            NullEquality::NullEqualsNothing,
            false,
        )?))
    }
}

fn one() -> Physical {
    Arc::new(Literal::new(ScalarValue::Int8(Some(1))))
}

/// 1 where one of the values is null, and null where none is; nothing if none can be.
fn some_null(values: &[Physical], schema: &SchemaRef) -> Result<Option<Physical>> {
    let mut any: Option<Physical> = None;
    for value in values {
        if value.nullable(schema)? {
            let null = is_null(value.clone())?;
            any = Some(match any {
                Some(any) => Arc::new(BinaryExpr::new(any, Op::Or, null)),
                None => null,
            });
        }
    }
    any.map(|any| case(None, vec![(any, one())], None)).transpose()
}

/// The first columns, and the marks after them as one: true, unknown, or false.
fn three_values(joined: Operator, lefts: usize) -> Result<Operator> {
    let schema = joined.schema();
    let column = |at: usize| -> Physical { Arc::new(Column::new(schema.field(at).name(), at)) };
    let truth = |value: Option<bool>| -> Physical { Arc::new(Literal::new(ScalarValue::Boolean(value))) };
    let unknown = (lefts + 1..schema.fields().len()).map(|at| (column(at), truth(None)));
    let arms = std::iter::once((column(lefts), truth(Some(true)))).chain(unknown);
    let mark = case(None, arms.collect(), Some(truth(Some(false))))?;
    let columns = (0..lefts).map(column).chain([mark]).enumerate();
    let columns = columns.map(|(at, column)| (column, format!("c{at}")));
    Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), joined)?))
}
