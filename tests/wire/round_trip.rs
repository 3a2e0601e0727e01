use std::collections::BTreeSet;

use leafhold::explain::expr_text;
use leafhold::expr::wire::{ExprDocument, NoCodec};
use leafhold::expr::{Expr, Frame, JoinKind, Op, Scalar, col};
use proptest::prelude::*;

use crate::dice::{batch, expression};
use crate::engine::{Engine, context};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn expressions_survive_a_round_trip(numbers in prop::collection::vec(any::<u32>(), 0..120)) {
        let (expr, futures) = expression(&numbers);
        let (token, shape, text) = (expr.token(), expr.shape(), expr_text(&expr));
        let json = expr.to_json(&Engine).unwrap();
        // The futures live on; the nodes are made anew.
        drop(expr);
        let read = Expr::from_json(&json, &context()).unwrap();
        prop_assert_eq!((read.token(), read.shape()), (token, shape));
        prop_assert_eq!(expr_text(&read), text);
        prop_assert_eq!(read.to_json(&Engine).unwrap(), json);
        drop(futures);
    }
}

fn scalars(op: &Op) -> Vec<Scalar> {
    let mut found = Vec::new();
    op.for_each_scalar(&mut |scalar| found.push(scalar.clone()));
    found
}

/// The random expressions above do reach every operator.
#[test]
fn the_dice_reach_every_operator() {
    let (mut ops, mut kinds, mut names) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut applies, mut windows, mut sets) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut state = 1u32;
    for _ in 0..2_000 {
        let numbers: Vec<u32> = (0..120)
            .map(|_| {
                state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
                state >> 8
            })
            .collect();
        for node in expression(&numbers).0.post_order() {
            ops.insert(node.op().name());
            match node.op() {
                Op::Join { kind, .. } => drop(kinds.insert(*kind)),
                Op::Apply { kind, .. } => drop(applies.insert(kind.name())),
                Op::Window { calls, .. } => {
                    windows.extend(calls.iter().map(|(_, call)| call.function.name().to_owned()));
                }
                Op::Aggregate { sets: Some(_), .. } => sets += 1,
                _ => {}
            }
            let mut pending = scalars(node.op());
            while let Some(scalar) = pending.pop() {
                names.insert(scalar.op.name().to_owned());
                pending.extend(scalar.args);
            }
        }
    }
    let expected = [
        "aggregate",
        "apply",
        "barrier",
        "distinct",
        "extension",
        "filter",
        "join",
        "leaf",
        "limit",
        "map-partitions",
        "mark-join",
        "project",
        "repartition",
        "sort",
        "union",
        "unnest",
        "window",
    ];
    assert_eq!(ops, expected.into_iter().collect());
    assert_eq!(kinds, JoinKind::ALL.into_iter().collect());
    assert_eq!(applies, ["inner", "left", "semi", "anti", "mark", "scalar"].into_iter().collect());
    assert_eq!(windows.len(), 13, "{windows:?}");
    assert!(sets > 0);
    for name in [
        "outer",
        "is-not-true",
        "is-false",
        "is-not-false",
        "is-unknown",
        "is-not-unknown",
        "column",
        "literal",
        "and",
        "or",
        "not",
        "negate",
        "is-null",
        "is-not-null",
        "is-true",
        "cast",
        "try-cast",
        "case",
        "in",
        "not-in",
        "between",
        "not-between",
        "like",
        "not-like",
        "ilike",
        "not-ilike",
        "twice",
    ] {
        assert!(names.contains(name), "{name}");
    }
    for op in leafhold::expr::BinaryOp::ALL {
        assert!(names.contains(op.symbol()), "{}", op.symbol());
    }
}

#[test]
fn shared_nodes_are_written_once() {
    let t = Frame::from_batches("t", batch().schema(), vec![batch()]).unwrap();
    let mut expr = t.expr().clone();
    // 2^40 paths, 41 nodes.
    for _ in 0..40 {
        expr = Expr::union(vec![expr.clone(), expr]).unwrap();
    }
    let json = expr.to_json(&NoCodec).unwrap();
    assert!(json.len() < 10_000, "{}", json.len());
    assert_eq!(Expr::from_json(&json, &context()).unwrap(), expr);
}

/// Any format of serde's will do: here, serde's own values.
#[test]
fn documents_are_plain_data() {
    let frame = Frame::from_batches("t", batch().schema(), vec![batch()]).unwrap();
    let expr = frame.filter(col("i").gt(leafhold::expr::lit(1i64))).unwrap().expr().clone();
    let value = serde_json::to_value(ExprDocument::new(&expr, &NoCodec).unwrap()).unwrap();
    assert_eq!((value["leafhold"].as_u64(), value["kind"].as_str()), (Some(1), Some("expr")));
    let steps = value["nodes"][1]["op"]["filter"].to_string();
    assert_eq!(steps, r#"[[{"column":"i"},0],[{"literal":{"int64":1}},0],[{"binary":">"},2]]"#);
    let document: ExprDocument = serde_json::from_value(value).unwrap();
    assert_eq!(document.read(&context()).unwrap(), expr);
}
