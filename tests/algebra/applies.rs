//! What an `apply` means: row by row as it is written, and as the joins that it becomes.

use std::sync::Arc;

use leafhold::explain::expr_text;
use leafhold::expr::{
    AggregateCall, ApplyKind, CoreFunctions, ExprError, Frame, Op, Scalar, Semantics, col, count, count_all, lit, max,
    sum,
};
use leafhold::optimize::{PlanError, Planner, resolve};
use leafhold::rules::RuleSet;
use leafhold::term::Terms;
use leafhold::term::interpret::{Value, interpret};
use leafhold::term::text::{self, parse};
use proptest::prelude::*;

use super::tables::{evaluate, small, some, table};

/// What an `apply` written as text means: it is evaluated as it stands, row by row.
fn applied(text: &str, frames: &[&Frame], columns: &[&str]) -> Option<Vec<String>> {
    let mut tables = text::Tables::new();
    for frame in frames {
        let Op::Leaf(leaf) = frame.expr().op() else { panic!("a leaf") };
        tables.add(leaf.clone());
    }
    let (terms, root) = parse(text, &tables, Arc::new(CoreFunctions)).unwrap_or_else(|error| panic!("{error}"));
    let columns: Vec<_> = columns.iter().map(|name| terms.column_named(name).unwrap()).collect();
    let relation = match interpret(&terms, root, &Semantics::default(), &leafhold::term::interpret::Tables::new()) {
        Ok(relation) => relation.select(&columns).unwrap(),
        Err(error) if error.is_of_the_plan() => return None,
        Err(error) => panic!("{error}"),
    };
    Some(sorted(relation.rows))
}

fn sorted(rows: Vec<Vec<Value>>) -> Vec<String> {
    let mut rows: Vec<String> =
        rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")).collect();
    rows.sort();
    rows
}

/// The rows of an expression as it was written; `None` when it raises an error.
pub fn written(frame: &Frame) -> Option<Vec<String>> {
    match evaluate(frame.expr()) {
        Ok(relation) => Some(sorted(relation.rows)),
        Err(error) if error.is_of_the_plan() => None,
        Err(error) => panic!("{error}"),
    }
}

/// The same where its applies became joins, by no rule.
pub fn joined(frame: &Frame) -> Option<Vec<String>> {
    let planner = Planner::new(Arc::new(CoreFunctions)).with_rules(Arc::new(RuleSet::empty()));
    let (terms, root) = planner.normalize(frame.expr());
    let columns: Vec<_> = resolve(frame.expr(), &mut Terms::new(Arc::new(CoreFunctions)))
        .output
        .iter()
        .map(|(_, column)| *column)
        .collect();
    match interpret(&terms, root, &Semantics::default(), &leafhold::term::interpret::Tables::new()) {
        Ok(relation) => Some(sorted(relation.select(&columns).unwrap().rows)),
        Err(error) if error.is_of_the_plan() => None,
        Err(error) => panic!("{error}"),
    }
}

type Build = fn(&Frame, &Frame) -> Result<Frame, ExprError>;

fn value_of(t: &Frame, u: &Frame, call: AggregateCall) -> Result<Frame, ExprError> {
    u.clone().filter(col("x").eq(t.outer("a")?))?.aggregate([], [("n", call)])
}

fn groups_of(t: &Frame, u: &Frame) -> Result<Frame, ExprError> {
    u.clone().filter(col("x").eq(t.outer("a")?))?.group_by(["y"]).aggregate([("n", count_all())])
}

/// An `apply` through `Frame`, the same as text, and the columns that both give.
fn applies() -> Vec<(Build, &'static str, Vec<&'static str>)> {
    vec![
        (
            |t, u| t.clone().exists(&u.clone().filter(col("x").eq(t.outer("a")?))?),
            "apply semi true t (filter (a = x) u)",
            vec!["a", "b"],
        ),
        (
            |t, u| t.clone().not_exists(&u.clone().filter(col("x").eq(t.outer("a")?).and(col("y").gt(lit(0i64))))?),
            "apply anti true t (filter (and (a = x) (y > 0)) u)",
            vec!["a", "b"],
        ),
        (
            |t, u| {
                let u = u.clone().filter(col("y").eq(t.outer("b")?))?.select(["x"])?;
                t.clone().apply(&u, ApplyKind::Mark("m".into()), [col("a").eq(col("x"))])
            },
            "apply mark m (a = x) t (filter (b = y) u)",
            vec!["a", "b", "m"],
        ),
        (
            |t, u| t.clone().with_in("m", col("a"), &u.clone().select(["x"])?),
            "apply mark m (a = x) t u",
            vec!["a", "b", "m"],
        ),
        (
            |t, u| t.clone().with_scalar("v", &value_of(t, u, max(col("y")))?),
            "apply scalar [v := n] true t (aggregate [] [n := (max y)] (filter (a = x) u))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| t.clone().with_scalar("v", &value_of(t, u, count(col("y")))?),
            "apply scalar [v := n] true t (aggregate [] [n := (count y)] (filter (a = x) u))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| {
                let counted = value_of(t, u, count_all())?.project([("k", col("n") + lit(1i64))])?;
                t.clone().with_scalar("v", &counted)
            },
            "apply scalar [v := k] true t (project [k := (n + 1)] (aggregate [] [n := (count)] (filter (a = x) u)))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| t.clone().apply(&u.clone().filter(col("x").lt(t.outer("a")?))?, ApplyKind::Inner, []),
            "apply inner true t (filter (x < a) u)",
            vec!["a", "b", "x", "y"],
        ),
        (
            |t, u| {
                let right = u.clone().filter(col("x").lt(t.outer("a")?))?;
                t.clone().apply(&right, ApplyKind::Left, [col("y").eq(col("b"))])
            },
            "apply left (b = y) t (filter (x < a) u)",
            vec!["a", "b", "x", "y"],
        ),
        (
            |t, u| t.clone().apply(&value_of(t, u, sum(col("y")))?, ApplyKind::Inner, []),
            "apply inner true t (aggregate [] [n := (sum y)] (filter (a = x) u))",
            vec!["a", "b", "n"],
        ),
        (
            |t, u| t.clone().apply(&value_of(t, u, count_all())?, ApplyKind::Left, []),
            "apply left true t (aggregate [] [n := (count)] (filter (a = x) u))",
            vec!["a", "b", "n"],
        ),
        (
            |t, u| {
                let right = u.clone().filter(col("x").eq(t.outer("a")?))?.select(["y"])?.distinct();
                t.clone().exists(&right.sort([col("y").asc()])?)
            },
            "apply semi true t (sort [y] (distinct (project [y] (filter (a = x) u))))",
            vec!["a", "b"],
        ),
        // Several rows are an error of both.
        (
            |t, u| t.clone().with_scalar("v", &u.clone().select(["x"])?),
            "apply scalar [v := x] true t u",
            vec!["a", "b", "v"],
        ),
        // At most one row per left row, for the key says so.
        (
            |t, u| {
                let right = u.clone().group_by(["x"]).aggregate([("n", sum(col("y")))])?;
                t.clone().with_scalar("v", &right.filter(col("x").eq(t.outer("a")?))?.select(["n"])?)
            },
            "apply scalar [v := n] true t (filter (a = x) (aggregate [x] [n := (sum y)] u))",
            vec!["a", "b", "v"],
        ),
        // An aggregate over no row is a row, too.
        (
            |t, u| t.clone().exists(&value_of(t, u, count_all())?),
            "apply semi true t (aggregate [] [n := (count)] (filter (a = x) u))",
            vec!["a", "b"],
        ),
        (
            |t, u| t.clone().not_exists(&value_of(t, u, sum(col("y")))?.filter(col("n").gt(lit(0i64)))?),
            "apply anti true t (filter (n > 0) (aggregate [] [n := (sum y)] (filter (a = x) u)))",
            vec!["a", "b"],
        ),
        (
            |t, u| {
                let right = value_of(t, u, max(col("y")))?;
                t.clone().apply(&right, ApplyKind::Mark("m".into()), [col("b").eq(col("n"))])
            },
            "apply mark m (b = n) t (aggregate [] [n := (max y)] (filter (a = x) u))",
            vec!["a", "b", "m"],
        ),
        (
            |t, u| {
                let right = value_of(t, u, sum(col("y")))?.filter(col("n").gt(lit(1i64)))?;
                t.clone().apply(&right, ApplyKind::Mark("m".into()), [])
            },
            "apply mark m true t (filter (n > 1) (aggregate [] [n := (sum y)] (filter (a = x) u)))",
            vec!["a", "b", "m"],
        ),
        // Groups are those of the left row.
        (
            |t, u| t.clone().exists(&groups_of(t, u)?.filter(col("n").gt(lit(1i64)))?),
            "apply semi true t (filter (n > 1) (aggregate [y] [n := (count)] (filter (a = x) u)))",
            vec!["a", "b"],
        ),
        (
            |t, u| {
                let right = groups_of(t, u)?.select(["n"])?;
                t.clone().apply(&right, ApplyKind::Mark("m".into()), [col("b").eq(col("n"))])
            },
            "apply mark m (b = n) t (aggregate [y] [n := (count)] (filter (a = x) u))",
            vec!["a", "b", "m"],
        ),
        (
            |t, u| t.clone().apply(&groups_of(t, u)?, ApplyKind::Left, []),
            "apply left true t (aggregate [y] [n := (count)] (filter (a = x) u))",
            vec!["a", "b", "y", "n"],
        ),
        (
            |t, u| {
                let right = u.clone().filter(col("x").eq(t.outer("a")?))?.select(["y"])?.distinct();
                t.clone().apply(&right, ApplyKind::Inner, [])
            },
            "apply inner true t (distinct (project [y] (filter (a = x) u)))",
            vec!["a", "b", "y"],
        ),
        // What is compared need not be a column, and of several that agree on it, all belong to the left row.
        (
            |t, u| {
                let halves = u.clone().filter((col("x") * lit(0i64)).eq(t.outer("a")? - lit(1i64)))?;
                t.clone().with_scalar("v", &halves.aggregate([], [("n", count_all())])?)
            },
            "apply scalar [v := n] true t (aggregate [] [n := (count)] (filter ((x * 0) = (a - 1)) u))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| {
                let zeros = u.clone().filter(t.outer("a")?.eq(col("x") * lit(0i64)))?;
                t.clone().apply(&zeros.select(["y"])?.distinct(), ApplyKind::Left, [])
            },
            "apply left true t (distinct (project [y] (filter (a = (x * 0)) u)))",
            vec!["a", "b", "y"],
        ),
        (
            |t, u| {
                let zeros = u.clone().filter((col("x") * lit(0i64)).eq(t.outer("a")?))?.group_by(["y"]);
                t.clone().apply(&zeros.aggregate([("n", count_all())])?, ApplyKind::Inner, [])
            },
            "apply inner true t (aggregate [y] [n := (count)] (filter (a = (x * 0)) u))",
            vec!["a", "b", "y", "n"],
        ),
        // What is asked of the left row alone makes all of its right rows, or none.
        (
            |t, u| {
                let right = u.clone().filter(t.outer("a")?.gt(t.outer("b")?).and(col("x").eq(t.outer("a")?)))?;
                t.clone().with_scalar("v", &right.aggregate([], [("n", count_all())])?)
            },
            "apply scalar [v := n] true t (aggregate [] [n := (count)] (filter (and (a > b) (x = a)) u))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| {
                let right = u.clone().filter(t.outer("a")?.gt(lit(0i64)))?;
                t.clone().apply(&right.aggregate([], [("n", sum(col("y")))])?, ApplyKind::Inner, [])
            },
            "apply inner true t (aggregate [] [n := (sum y)] (filter (a > 0) u))",
            vec!["a", "b", "n"],
        ),
        // Whether there is a first row, and whether there is none of no rows.
        (
            |t, u| t.clone().exists(&u.clone().filter(col("x").lt(t.outer("a")?))?.limit(0, 2)),
            "apply semi true t (limit 2 (filter (x < a) u))",
            vec!["a", "b"],
        ),
        (
            |t, u| t.clone().not_exists(&u.clone().filter(col("x").lt(t.outer("a")?))?.limit(0, 0)),
            "apply anti true t (limit 0 (filter (x < a) u))",
            vec!["a", "b"],
        ),
        (
            |t, u| {
                let first = u.clone().filter(col("x").eq(t.outer("a")?))?.project([("z", col("y") + lit(1i64))])?;
                t.clone().exists(&first.filter(col("z").gt(lit(1i64)))?)
            },
            "apply semi true t (filter (z > 1) (project [z := (y + 1)] (filter (a = x) u)))",
            vec!["a", "b"],
        ),
        // The right side is computed for each value that it reads.
        (
            |t, u| {
                let right = u.clone().filter(col("x").gt(t.outer("a")?))?.aggregate([], [("n", count_all())])?;
                t.clone().with_scalar("v", &right)
            },
            "apply scalar [v := n] true t (aggregate [] [n := (count)] (filter (x > a) u))",
            vec!["a", "b", "v"],
        ),
        (
            |t, u| {
                let shifted = u.clone().project([("z", col("x") + t.outer("a")?)])?;
                t.clone().apply(&shifted, ApplyKind::Inner, [])
            },
            "apply inner true t (project [z := (a + x)] u)",
            vec!["a", "b", "z"],
        ),
        // One within another: the inner one reads both.
        (
            |t, u| {
                let inner = u.clone().rename([("x", "d"), ("y", "e")])?;
                let inner = inner.filter(col("d").eq(t.outer("b")?).and(col("e").eq(u.outer("y")?)))?;
                let right = u.clone().filter(col("x").eq(t.outer("a")?))?.exists(&inner)?;
                t.clone().exists(&right)
            },
            "apply semi true t (apply semi true (filter (a = x) u) (filter (and (b = x:2) (y = y:2)) u:2))",
            vec!["a", "b"],
        ),
    ]
}

#[test]
fn applies_become_joins_where_they_can() {
    let (t, u) = (table("t", ["a", "b"], &[]), table("u", ["x", "y"], &[]));
    let stays = |build: Build| {
        let planned = Planner::new(Arc::new(CoreFunctions)).plan(build(&t, &u).unwrap().expr());
        matches!(planned, Err(PlanError::Unsupported { operator: "apply", .. }))
    };
    for (build, text, _) in applies() {
        assert!(!stays(build), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// An `apply` that became joins gives what it gives row by row.
    #[test]
    fn applies_and_their_joins_agree(left in small(), right in small()) {
        let (t, u) = (table("t", ["a", "b"], &left), table("u", ["x", "y"], &right));
        for (build, text, columns) in applies() {
            let frame = build(&t, &u).unwrap_or_else(|error| panic!("{text}: {error}"));
            let (found, expected) = (joined(&frame), applied(text, &[&t, &u], &columns));
            prop_assert_eq!(written(&frame), expected.clone(), "{}", text);
            // Errors are relaxed: several rows of a scalar fail also where no left row asks for it.
            if found.is_none() && left.is_empty() {
                continue;
            }
            prop_assert_eq!(found, expected, "{}", text);
        }
    }

    /// What stands above an `apply` sees the columns that it was written with, and no others.
    #[test]
    fn joins_of_applies_give_no_columns_beside_theirs(left in small(), right in small()) {
        let (t, u) = (table("t", ["a", "b"], &left), table("u", ["x", "y"], &right));
        let below = u.clone().filter(col("x").lt(t.outer("a").unwrap())).unwrap();
        let below = below.project([("y", col("y") * lit(0i64))]).unwrap();
        let applied = t.clone().apply(&below, ApplyKind::Inner, []).unwrap();
        let copy = applied.clone().rename([("a", "c"), ("b", "d"), ("y", "z")]).unwrap();
        for frame in [
            applied.clone().distinct(),
            applied.clone().select(["a", "y"]).unwrap().distinct(),
            applied.join(&copy, leafhold::expr::JoinKind::Left, [col("a").eq(col("d"))]).unwrap(),
        ] {
            prop_assert_eq!(joined(&frame), written(&frame), "{}", expr_text(frame.expr()));
        }
    }
}

/// Scalars that only an `apply` makes sense of say so where they stand alone.
#[test]
fn an_outer_reference_that_nothing_binds_has_no_meaning() {
    let t = table("t", ["a", "b"], &some(&[[1, 2]]));
    let outer: Scalar = t.outer("a").unwrap();
    let error = evaluate(t.filter(col("b").eq(outer)).unwrap().expr()).unwrap_err();
    assert!(error.to_string().contains("the outer reference `a`, which no `apply` binds"), "{error}");
}
