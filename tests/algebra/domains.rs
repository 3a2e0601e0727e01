//! Applies whose right sides read left rows anywhere: they are computed for each of the values that left rows have.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{
    ApplyKind, CoreFunctions, ExprError, Frame, FrameBound, JoinKind, MapPartitions, Window, WindowFrame, col, count,
    count_all, lit, max, min, row_number, sum,
};
use leafhold::optimize::{PlanError, Planner};
use proptest::prelude::*;

use super::applies::{joined, written};
use super::tables::{small, table};

/// `t(a, b)`, and the other tables: `u(x, y)`, and `v(c, d)` with the rows of `t`.
struct Tables {
    t: Frame,
    u: Frame,
    v: Frame,
}

type Build = fn(&Tables) -> Result<Frame, ExprError>;

fn tables(left: &[[Option<i64>; 2]], right: &[[Option<i64>; 2]]) -> Tables {
    Tables { t: table("t", ["a", "b"], left), u: table("u", ["x", "y"], right), v: table("v", ["c", "d"], left) }
}

impl Tables {
    /// `u` where `x` is more than the left row's `a`.
    fn above(&self) -> Result<Frame, ExprError> {
        self.u.clone().filter(col("x").gt(self.t.outer("a")?))
    }

    fn inner(&self, right: &Frame) -> Result<Frame, ExprError> {
        self.t.clone().apply(right, ApplyKind::Inner, [])
    }

    fn left(&self, right: &Frame) -> Result<Frame, ExprError> {
        self.t.clone().apply(right, ApplyKind::Left, [])
    }
}

const CASES: &[(&str, Build)] = &[
    ("a computed column", |all| all.inner(&all.u.clone().project([("z", col("x") + all.t.outer("a")?)])?)),
    ("a count of what is larger", |all| {
        all.t.clone().with_scalar("v", &all.above()?.aggregate([], [("n", count_all())])?)
    }),
    ("several aggregates of it", |all| {
        let calls = [("n", count(col("y"))), ("m", max(col("y"))), ("s", sum(col("x")))];
        all.left(&all.above()?.aggregate([], calls)?)
    }),
    ("an aggregate of what the left row is in", |all| {
        let sum = all.u.clone().aggregate([], [("n", sum(col("x") + all.t.outer("b")?)), ("k", count_all())])?;
        all.inner(&sum)
    }),
    ("a condition on an aggregate", |all| {
        let counted = all.above()?.aggregate([], [("n", count_all())])?;
        all.t.clone().exists(&counted.filter(col("n").gt(all.t.outer("b")?))?)
    }),
    ("no row with as much", |all| {
        let counted = all.above()?.aggregate([], [("n", max(col("y")))])?;
        all.t.clone().not_exists(&counted.filter(col("n").lt(all.t.outer("b")?))?)
    }),
    ("groups of what is larger", |all| {
        all.inner(&all.above()?.group_by(["y"]).aggregate([("n", count_all()), ("m", min(col("x")))])?)
    }),
    ("a list of groups", |all| {
        let groups = all.above()?.group_by(["y"]).aggregate([("n", count_all())])?.select(["n"])?;
        all.t.clone().apply(&groups, ApplyKind::Mark("m".into()), [col("b").eq(col("n"))])
    }),
    ("distinct rows", |all| all.left(&all.above()?.select(["y"])?.distinct())),
    ("the first row", |all| all.inner(&all.above()?.sort([col("x").asc(), col("y").desc()])?.limit(0, 1))),
    ("the second and third", |all| all.left(&all.above()?.sort([col("y").asc(), col("x").asc()])?.limit(1, 2))),
    ("the first value", |all| {
        let first = all.above()?.sort([col("y").desc(), col("x").asc()])?.limit(0, 1).select(["y"])?;
        all.t.clone().with_scalar("v", &first)
    }),
    ("an order by the left row", |all| {
        let by = (col("x") - all.t.outer("a")?) * (col("x") - all.t.outer("a")?);
        all.left(&all.u.clone().sort([by.asc(), col("x").asc(), col("y").asc()])?.limit(0, 2))
    }),
    ("whether there are two", |all| all.t.clone().exists(&all.above()?.limit(1, 5))),
    ("none of no rows", |all| all.t.clone().not_exists(&all.above()?.aggregate([], [("n", count_all())])?.limit(0, 0))),
    ("one table's and the other's", |all| {
        let theirs = all.v.clone().filter(col("d").lt_eq(all.t.outer("b")?))?;
        all.inner(&all.above()?.union(&theirs)?)
    }),
    ("whether one of two has it", |all| {
        let theirs = all.v.clone().filter(col("c").eq(all.t.outer("a")?))?;
        all.t.clone().exists(&all.above()?.union(&theirs)?.filter(col("y").gt(lit(0i64)))?)
    }),
    ("a window over it", |all| {
        let frame = WindowFrame::rows(FrameBound::UnboundedPreceding, FrameBound::CurrentRow);
        let calls = [("n", row_number()), ("s", sum(col("y")).over(frame)?)];
        let order = [col("x").asc(), col("y").asc()];
        all.inner(&all.above()?.distinct().window(Window::partition_by([]).order_by(order), calls)?)
    }),
    ("a join of it", |all| all.inner(&all.above()?.join(&all.v, JoinKind::Inner, [col("y").eq(col("c"))])?)),
    ("a join on the left row", |all| {
        let on = [(col("x") + all.t.outer("b")?).eq(col("c"))];
        all.inner(&all.u.clone().join(&all.v, JoinKind::Inner, on)?)
    }),
    ("a join of both", |all| {
        let theirs = all.v.clone().filter(col("c").lt(all.t.outer("b")?))?;
        all.inner(&all.above()?.join(&theirs, JoinKind::Inner, [])?)
    }),
    ("an outer join of it", |all| all.left(&all.above()?.join(&all.v, JoinKind::Left, [col("y").eq(col("c"))])?)),
    ("an outer join with it", |all| {
        all.inner(&all.v.clone().join(&all.above()?, JoinKind::Left, [col("y").eq(col("c"))])?)
    }),
    ("the other outer join", |all| all.inner(&all.above()?.join(&all.v, JoinKind::Right, [col("y").eq(col("c"))])?)),
    ("what has a partner", |all| {
        all.inner(&all.v.clone().join(&all.above()?, JoinKind::Semi, [col("y").eq(col("c"))])?)
    }),
    ("what has none", |all| all.inner(&all.v.clone().join(&all.above()?, JoinKind::Anti, [col("y").eq(col("c"))])?)),
    ("a mark", |all| all.inner(&all.v.clone().mark_join(&all.above()?, "m", [col("y").eq(col("c"))])?)),
    ("one within another", |all| {
        let inner = all.v.clone().filter(col("c").eq(all.u.outer("x")?).and(col("d").gt(all.t.outer("b")?)))?;
        all.t.clone().exists(&all.u.clone().filter(col("y").lt(all.t.outer("b")?))?.exists(&inner)?)
    }),
    ("a count within a count", |all| {
        let inner = all.v.clone().filter(col("c").lt(all.u.outer("x")?).and(col("d").gt(all.t.outer("b")?)))?;
        let inner = inner.aggregate([], [("k", count_all())])?;
        let right = all.u.clone().with_scalar("w", &inner)?.aggregate([], [("n", sum(col("w")))])?;
        all.t.clone().with_scalar("v", &right)
    }),
    ("the only value of several rows", |all| all.t.clone().with_scalar("v", &all.above()?.select(["y"])?)),
];

#[test]
fn whatever_an_apply_reads_has_a_plan() {
    let all = tables(&[], &[]);
    for (what, build) in CASES {
        let frame = build(&all).unwrap_or_else(|error| panic!("{what}: {error}"));
        if let Err(error) = Planner::new(Arc::new(CoreFunctions)).plan(frame.expr()) {
            panic!("{what}: {error}");
        }
    }
}

#[test]
fn what_is_drawn_anew_or_knows_no_domain_is_refused_by_name() {
    let all = tables(&[], &[]);
    let full = all.above().unwrap().join(&all.v, JoinKind::Full, [col("y").eq(col("c"))]).unwrap();
    let opaque = MapPartitions::new("f", "1", all.u.schema().clone(), |batches| Ok(batches.to_vec()));
    let opaque = all.above().unwrap().map_partitions(opaque).unwrap();
    let field = Field::new("f", DataType::Float64, true);
    let floats = Frame::from_batches("f", Arc::new(Schema::new(vec![field])), vec![]).unwrap();
    let quotient = all.u.clone().project([("z", lit(1.0) / floats.outer("f").unwrap())]).unwrap();
    let larger = all.u.clone().filter(col("x").cast(DataType::Float64).gt(floats.outer("f").unwrap())).unwrap();
    let larger = larger.aggregate([], [("n", count_all())]).unwrap();
    let planned =
        |frame: Result<Frame, ExprError>| Planner::new(Arc::new(CoreFunctions)).plan(frame.unwrap().expr()).map(drop);
    let told_apart = planned(floats.clone().apply(&quotient, ApplyKind::Inner, []));
    assert!(matches!(told_apart, Err(PlanError::Unsupported { .. })), "0 and -0 are equal, and not the same");
    assert!(planned(floats.clone().exists(&quotient)).is_ok(), "nobody asks for its value");
    assert!(planned(floats.with_scalar("n", &larger)).is_ok(), "comparisons do not tell them apart");
    for right in [full, opaque] {
        let error = Planner::new(Arc::new(CoreFunctions)).plan(all.inner(&right).unwrap().expr()).unwrap_err();
        assert!(matches!(error, PlanError::Unsupported { operator: "apply", .. }), "{error:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn applies_of_any_right_side_and_their_joins_agree(left in small(), right in small()) {
        let all = tables(&left, &right);
        for (what, build) in CASES {
            let frame = build(&all).unwrap();
            prop_assert_eq!(joined(&frame), written(&frame), "{}", what);
        }
    }
}
