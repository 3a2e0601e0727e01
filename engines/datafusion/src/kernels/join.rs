//! Joins. DataFusion's build side is the left one: to build from the right, sides are swapped. Inputs of
//! equally many partitions lie alike; otherwise the build side is gathered first.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use datafusion::common::{JoinSide, JoinType, NullEquality, Result, exec_err};
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use leafhold::expr::{JoinKind, Scalar, ScalarOp};
use leafhold::term::Side;

use super::operators::gathered;
use super::scalar::physical;
use super::watch::Setting;

type Input = Arc<dyn ExecutionPlan>;

pub(super) fn hash_join(
    kind: JoinKind,
    keys: &[(Scalar<usize>, Scalar<usize>)],
    residual: Option<&Scalar<usize>>,
    build: Side,
    left: Input,
    right: Input,
    setting: &Setting,
) -> Result<Input> {
    let single_key = keys.len() == 1 && residual.is_none();
    if kind == JoinKind::NullAwareAnti && !single_key {
        return null_aware_by_pairs(keys, residual, left, right, setting);
    }
    let swap = build == Side::Right && kind != JoinKind::NullAwareAnti;
    let (left_schema, right_schema) = (left.schema(), right.schema());
    let mut on = Vec::with_capacity(keys.len());
    for (of_left, of_right) in keys {
        let (of_left, of_right) =
            (physical(of_left, &left_schema, setting.started)?, physical(of_right, &right_schema, setting.started)?);
        let (of_build, of_probe) = if swap { (of_right, of_left) } else { (of_left, of_right) };
        on.push((setting.watch.expr(of_build), of_probe));
    }
    let (kind_here, null_aware) = (join_type(kind), kind == JoinKind::NullAwareAnti);
    let filter = match residual {
        Some(scalar) => Some(join_filter(scalar, &left_schema, &right_schema, swap, setting)?),
        // Of pairs that only tell which rows have one, nothing may be given for long.
        None if !kind.gives_right() && !null_aware => always(setting),
        None => None,
    };
    let (first, second, join_type, projection) = match swap {
        false => (left, right, kind_here, None),
        true => {
            let back = kind.gives_right().then(|| swapped_back(&left_schema, &right_schema));
            (right, left, kind_here.swap(), back)
        }
    };
    let partitions = |input: &Input| input.output_partitioning().partition_count();
    let mode = match partitions(&first) > 1 && partitions(&first) == partitions(&second) && !null_aware {
        true => PartitionMode::Partitioned,
        false => PartitionMode::CollectLeft,
    };
    let first = if mode == PartitionMode::Partitioned { first } else { gathered(first) };
    // Whether the other side holds a null is known when all of it was seen.
    let second = if null_aware { gathered(second) } else { second };
    Ok(Arc::new(HashJoinExec::try_new(
        first,
        second,
        on,
        filter,
        &join_type,
        projection,
        mode,
        NullEquality::NullEqualsNothing,
        null_aware,
    )?))
}

/// Pairs of all rows, with or without a condition. It holds all rows of the right side, which is the one that each partition of the
/// left is given, unless the kind asks which of them have no match. DataFusion's cross join would do without one, but gives a batch per row of
/// the left side and batch of the right: of one row each, if the right side has one row.
pub(super) fn nested_loop_join(
    kind: JoinKind,
    condition: Option<&Scalar<usize>>,
    left: Input,
    right: Input,
    setting: &Setting,
) -> Result<Input> {
    let condition = match (kind, condition) {
        // No right row but those for which the condition is false: a null counts like a match.
        (JoinKind::NullAwareAnti, Some(condition)) => Some(is_not_false(condition.clone())),
        (_, condition) => condition.cloned(),
    };
    let (left_schema, right_schema) = (left.schema(), right.schema());
    let swap = !matches!(kind, JoinKind::Right | JoinKind::Full);
    let filter = match condition {
        Some(scalar) => Some(join_filter(&scalar, &left_schema, &right_schema, swap, setting)?),
        None => always(setting),
    };
    let (first, second, join_type, projection) = match swap {
        false => (left, right, join_type(kind), None),
        true => {
            (right, left, join_type(kind).swap(), kind.gives_right().then(|| swapped_back(&left_schema, &right_schema)))
        }
    };
    let held = setting.compact(gathered(first));
    Ok(Arc::new(NestedLoopJoinExec::try_new(held, second, filter, &join_type, projection)?))
}

/// Where the columns of swapped sides are: first those of the left.
fn swapped_back(left: &Schema, right: &Schema) -> Vec<usize> {
    let (lefts, rights) = (left.fields().len(), right.fields().len());
    (rights..rights + lefts).chain(0..rights).collect()
}

/// `NOT IN` of several columns, or with more conditions, which DataFusion's hash join does not know.
fn null_aware_by_pairs(
    keys: &[(Scalar<usize>, Scalar<usize>)],
    residual: Option<&Scalar<usize>>,
    left: Input,
    right: Input,
    setting: &Setting,
) -> Result<Input> {
    let lefts = left.schema().fields().len();
    let mut conjuncts = Vec::with_capacity(keys.len() + 1);
    for (of_left, of_right) in keys {
        let of_right = of_right.try_map(&mut |column| Ok::<_, datafusion::common::DataFusionError>(column + lefts))?;
        conjuncts.push(Scalar::binary(leafhold::expr::BinaryOp::Eq, of_left.clone(), of_right));
    }
    conjuncts.extend(residual.cloned());
    nested_loop_join(JoinKind::NullAwareAnti, Some(&Scalar::all(conjuncts)), left, right, setting)
}

fn is_not_false(scalar: Scalar<usize>) -> Scalar<usize> {
    let negated = Scalar::new(ScalarOp::Not, [scalar]);
    Scalar::new(ScalarOp::Not, [Scalar::new(ScalarOp::IsTrue, [negated])])
}

fn join_type(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::Inner => JoinType::Inner,
        JoinKind::Left => JoinType::Left,
        JoinKind::Right => JoinType::Right,
        JoinKind::Full => JoinType::Full,
        JoinKind::Semi => JoinType::LeftSemi,
        JoinKind::Anti | JoinKind::NullAwareAnti => JoinType::LeftAnti,
    }
}

/// No condition, but a look at each piece of pairs.
fn always(setting: &Setting) -> Option<JoinFilter> {
    Some(JoinFilter::new(setting.watch.always()?, Vec::new(), Arc::new(Schema::empty())))
}

/// A condition over both inputs' columns, of which DataFusion wants a schema of just those it reads.
pub(super) fn join_filter(
    scalar: &Scalar<usize>,
    left: &SchemaRef,
    right: &SchemaRef,
    swap: bool,
    setting: &Setting,
) -> Result<JoinFilter> {
    let lefts = left.fields().len();
    let mut used: Vec<usize> = Vec::new();
    scalar.for_each_column(&mut |column| used.push(*column));
    used.sort_unstable();
    used.dedup();
    let mut fields = Vec::with_capacity(used.len());
    let mut indices = Vec::with_capacity(used.len());
    for column in &used {
        let of_left = *column < lefts;
        let index = if of_left { *column } else { column - lefts };
        let schema = if of_left { left } else { right };
        let Some(field) = schema.fields().get(index) else {
            return exec_err!("a join condition reads column {column}, which neither input has");
        };
        fields.push(field.clone());
        indices.push(ColumnIndex { index, side: if of_left != swap { JoinSide::Left } else { JoinSide::Right } });
    }
    let schema = Arc::new(Schema::new(fields));
    let scalar = scalar.try_map(&mut |column| {
        let position = used.binary_search(column);
        position.map_err(|_| datafusion::common::DataFusionError::Internal("a column that was not seen".into()))
    })?;
    let condition = setting.watch.expr(physical(&scalar, &schema, setting.started)?);
    Ok(JoinFilter::new(condition, indices, schema))
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::time::SystemTime;

    use arrow_schema::{DataType, Field};
    use datafusion::physical_plan::empty::EmptyExec;

    use super::*;

    /// Each partition of the left side is given all of the right: the left may be of any size.
    #[test]
    fn a_join_of_all_pairs_holds_its_right_side_where_it_may() {
        let input = |name| {
            let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
            Arc::new(EmptyExec::new(schema)) as Input
        };
        let setting = Setting::unwatched(SystemTime::UNIX_EPOCH);
        let kinds = [
            (JoinKind::Inner, "right"),
            (JoinKind::Left, "right"),
            (JoinKind::Semi, "right"),
            (JoinKind::Anti, "right"),
            (JoinKind::Right, "left"),
            (JoinKind::Full, "left"),
        ];
        for (kind, held) in kinds {
            let join = nested_loop_join(kind, None, input("left"), input("right"), &setting).unwrap();
            let any: &dyn Any = &*join;
            let inner = any.downcast_ref::<NestedLoopJoinExec>().unwrap();
            assert_eq!(inner.left().schema().field(0).name(), held, "{kind}");
            let names: Vec<_> = join.schema().fields().iter().map(|field| field.name().clone()).collect();
            let expected: &[&str] = if kind.gives_right() { &["left", "right"] } else { &["left"] };
            assert_eq!(names, expected, "{kind}");
        }
    }
}
