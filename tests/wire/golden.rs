//! The format, pinned: documents of today are read tomorrow, or the version says that they are not.
//!
//! When one of these fails and the change is meant, think of `FORMAT` first (the page of
//! `leafhold::expr::wire` says when it goes up), then rewrite the files with `LEAFHOLD_UPDATE=1`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use leafhold::expr::wire::{ExprDocument, NoCodec};
use leafhold::expr::{Expr, Frame, FunctionInfo, Functions, JoinKind, Scalar, ScalarOp, col, lit, sum};
use leafhold::leaf::FromDelayed;
use leafhold::leaf::Leaf;
use leafhold::lower::wire::{FragmentDocument, TasksDocument};
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::wire::PlanDocument;
use leafhold::optimize::{Plan, Planner};
use leafhold::token::Tokenizer;
use serde::Serialize;

use crate::engine::{Engine, context, remote};

fn pin(name: &str, document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap();
    text.push('\n');
    pin_text(name, text)
}

fn pin_text(name: &str, text: String) -> String {
    let path = format!("{}/tests/data/wire/{name}.json", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("LEAFHOLD_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let pinned = std::fs::read_to_string(&path).unwrap();
    for (line, (ours, pinned)) in text.lines().zip(pinned.lines()).enumerate() {
        assert_eq!(ours, pinned, "{name}, line {}: the format of documents has changed", line + 1);
    }
    assert_eq!(text, pinned);
    pinned
}

fn numbers(name: &str) -> Frame {
    let columns =
        [("k", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef), ("v", Arc::new(Int64Array::from(vec![3, 4])))];
    let columns = columns.map(|(column, array)| (format!("{name}_{column}"), array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    Frame::from_batches(name, batch.schema(), vec![batch]).unwrap()
}

/// A join, a sum per group, and its largest.
fn query() -> Expr {
    let twice: FunctionInfo = Engine.function("twice", &[arrow_schema::DataType::Int64]).unwrap();
    let twice = Scalar::new(ScalarOp::Call(Arc::new(twice)), [col("a_v")]);
    let joined = numbers("a").join(&numbers("b"), JoinKind::Inner, [col("a_k").eq(col("b_k"))]).unwrap();
    let kept = joined.filter(col("b_v").gt(lit(3i64)).or(col("a_v").is_null())).unwrap();
    let grouped = kept.group_by(["a_k"]).aggregate([("total", sum(twice))]).unwrap();
    grouped.sort([col("total").desc()]).unwrap().limit(0, 10).expr().clone()
}

/// A plan that says nothing of which rules ship: a new rule is no new format.
fn plan() -> Plan {
    let plan = Planner::new(Arc::new(Engine)).with_target_partitions(2).plan(&query()).unwrap();
    Plan { ruleset: Tokenizer::new("rules of a test").finish(), ..plan }
}

#[test]
fn expressions() {
    let pinned = pin("expr", &ExprDocument::new(&query(), &NoCodec).unwrap());
    assert_eq!(Expr::from_json(&pinned, &context()).unwrap(), query());
}

#[test]
fn plans() {
    let pinned = pin("plan", &PlanDocument::new(&plan(), &NoCodec).unwrap());
    assert_eq!(Plan::from_json(&pinned, &context()).unwrap().shape, plan().shape);
}

#[test]
fn task_graphs() {
    let graph = lower(&plan()).unwrap();
    let pinned = pin("tasks", &TasksDocument::new(&graph, &NoCodec).unwrap());
    assert_eq!(TaskGraph::from_json(&pinned, &context()).unwrap().to_text(), graph.to_text());
}

#[test]
fn fragments() {
    let graph = lower(&plan()).unwrap();
    let fragment = &graph.tasks().last().unwrap().fragment;
    let pinned = pin("fragment", &FragmentDocument::new(fragment, &NoCodec).unwrap());
    assert_eq!(Fragment::from_bytes(pinned.as_bytes(), &context()).unwrap().token, fragment.token);
}

/// What a document says of a future. Its generation, and the token with it, are new in every process.
#[test]
fn futures() {
    let schema = numbers("a").expr().schema().clone();
    let leaf = FromDelayed::new("orders", schema, vec![remote("orders-0")]).unwrap();
    let expr = Expr::leaf(Leaf::FromDelayed(leaf)).unwrap();
    let text = serde_json::to_string_pretty(&ExprDocument::new(&expr, &NoCodec).unwrap()).unwrap();
    let own = ["\"token\": ", "\"generation\": "];
    let line = |line: &str| match own.iter().find(|key| line.contains(*key)) {
        Some(key) => format!("{}{key}..\n", &line[..line.find(key).unwrap()]),
        None => format!("{line}\n"),
    };
    pin_text("future", text.lines().map(line).collect());
}
