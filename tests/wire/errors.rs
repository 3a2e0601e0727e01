//! What is wrong with a document is said by name, and what asks for too much is refused before it gets it.

use leafhold::expr::wire::{NoCodec, ReadContext, WireError};
use leafhold::expr::{
    CoreFunctions, Expr, ExtensionTraits, Frame, Functions, GroupingSets, JoinKind, MapPartitions, Repartitioning,
    Scalar, ScalarOp, Window, col, count_all, lit, row_number,
};
use leafhold::leaf::{FromDelayed, Leaf, Scan, value};
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::{Plan, Planner};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::dice::batch;
use crate::engine::{Engine, Opaque, Table, context, keep, remote};

fn t() -> Frame {
    Frame::from_batches("t", batch().schema(), vec![batch()]).unwrap()
}

fn u() -> Frame {
    let names = [("i2", "i"), ("f2", "f"), ("s2", "s"), ("b2", "b"), ("d2", "d")];
    t().project(names.map(|(new, name)| (new, col(name)))).unwrap()
}

/// `t` joined with itself, filtered.
fn document() -> Value {
    let frame = t().join(&u(), JoinKind::Left, [col("i").eq(col("i2"))]).unwrap();
    let frame = frame.filter(col("f").gt(lit(0.5)).and(col("s").is_not_null())).unwrap();
    serde_json::from_str(&frame.expr().to_json(&NoCodec).unwrap()).unwrap()
}

fn read(document: &Value) -> Result<Expr, WireError> {
    Expr::from_json(&document.to_string(), &context())
}

/// The error of the document above after a change.
fn after(change: impl FnOnce(&mut Value)) -> String {
    let mut document = document();
    change(&mut document);
    read(&document).unwrap_err().to_string()
}

#[test]
fn the_document_of_these_tests_is_sound() {
    assert_eq!(read(&document()).unwrap().post_order().len(), 4);
}

#[test]
fn cut_off() {
    let text = document().to_string();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let error = Expr::from_json(&text[..end], &context()).unwrap_err();
        assert!(matches!(error, WireError::Syntax { .. }), "{end}: {error}");
    }
}

#[test]
fn other_versions_and_kinds() {
    assert_eq!(
        after(|document| document["leafhold"] = json!(2)),
        "the document has format version 2, this release reads version 1; use one release at both ends"
    );
    // Whatever else is new in them.
    let other = r#"{"leafhold": 7, "kind": "expression", "graph": {"nodes": []}}"#;
    assert_eq!(Expr::from_json(other, &context()).unwrap_err(), WireError::Version { found: 7, expected: 1 });
    assert_eq!(after(|document| document["kind"] = json!("plan")), "this is a document of kind `plan`, not `expr`");
    let text = document().to_string();
    let kind = |error| matches!(error, WireError::Kind { found, .. } if found == "expr");
    assert!(kind(Plan::from_json(&text, &context()).unwrap_err()));
    assert!(kind(TaskGraph::from_json(&text, &context()).unwrap_err()));
    assert!(kind(Fragment::from_bytes(text.as_bytes(), &context()).unwrap_err()));
    let kind = |error| matches!(error, WireError::Kind { found, .. } if found == "plan");
    let plan = Planner::new(Arc::new(CoreFunctions)).plan(t().expr()).unwrap().to_json(&NoCodec).unwrap();
    assert!(kind(Expr::from_json(&plan, &context()).unwrap_err()));
}

#[test]
fn operators_that_nobody_knows() {
    let error = after(|document| document["nodes"][3]["op"] = json!({"filtre": []}));
    assert!(error.contains("unknown variant `filtre`, expected one of `leaf`, `project`"), "{error}");
    let error = after(|document| document["nodes"][3]["op"]["filter"][0] = json!(["colum", 0]));
    assert!(error.contains("unknown variant `colum`"), "{error}");
    let error = after(|document| document["nodes"][2]["op"]["join"]["on"][0][2][0]["binary"] = json!("=="));
    assert_eq!(error, "node 2: no binary operator is written \"==\"");
    let error = after(|document| document["nodes"][2]["op"]["join"]["join"] = json!("outer"));
    assert_eq!(error, "node 2: no join is called \"outer\"");
    let error = after(|document| document["nodes"][0]["weight"] = json!(1));
    assert!(error.contains("unknown field `weight`"), "{error}");
}

#[test]
fn wrong_numbers_of_operands_and_inputs() {
    let on = |step: Value| move |document: &mut Value| document["nodes"][2]["op"]["join"]["on"][0][2] = step;
    assert_eq!(after(on(json!([{"binary": "="}, 3]))), "node 2: a scalar has operators without operands");
    assert_eq!(after(on(json!([{"binary": "="}, 1]))), "node 2: `=` takes 2 operands, not 1");
    assert_eq!(after(on(json!(["and", 0]))), "node 2: the steps of a scalar make none, or several");
    assert_eq!(
        after(|document| document["nodes"][2]["op"]["join"]["on"][0] = json!([])),
        "node 2: the steps of a scalar make none, or several"
    );
    assert_eq!(after(on(json!([{"column": "i"}, 2]))), "node 2: a column has operands");
    assert_eq!(after(|document| document["nodes"][2]["inputs"] = json!([0])), "node 2: 1 inputs instead of 2");
}

#[test]
fn columns_and_types_are_checked_as_if_written_by_hand() {
    let error = after(|document| document["nodes"][3]["op"]["filter"][0][0]["column"] = json!("f3"));
    assert_eq!(error, "node 3: no column `f3`; did you mean `b`?".replace("`b`", "`f`"));
    let error = after(|document| document["nodes"][3]["op"]["filter"][0][0]["column"] = json!("s"));
    assert_eq!(error, "node 3: `>` does not take Utf8 and Float64; cast an operand");
    let error = after(|document| document["nodes"][1]["op"]["project"][1][0] = json!("i2"));
    assert_eq!(error, "node 1: two columns of the name `i2`; rename one of them");
    let error = after(|document| {
        let cast = json!([{"cast": {"to": {"Decimal128": [99, 0]}, "safe": true}}, 1]);
        document["nodes"][1]["op"]["project"][0][1].as_array_mut().unwrap().push(cast);
    });
    assert_eq!(error, "node 1: Decimal128(99, 0) is no Arrow type");
}

#[test]
fn references_go_to_earlier_nodes_only() {
    for input in [2u64, 3, 4, 1 << 40, u64::MAX] {
        let error = after(|document| document["nodes"][2]["inputs"][1] = json!(input));
        assert_eq!(error, format!("node 2: input {input} is no earlier node"));
    }
    let error = after(|document| document["nodes"][2]["inputs"][1] = json!(-1));
    assert!(error.contains("invalid value: integer `-1`"), "{error}");
    assert_eq!(after(|document| document["nodes"] = json!([])), "the document: there is no node");
}

/// Numbers that ask for memory.
#[test]
fn huge_counts_are_refused() {
    let on = |count: u64| move |document: &mut Value| document["nodes"][2]["op"]["join"]["on"][0][2][1] = json!(count);
    assert_eq!(after(on(u64::from(u32::MAX))), "node 2: a scalar has operators without operands");
    assert!(after(on(1 << 32)).contains("expected u32"));

    let plan = Planner::new(Arc::new(CoreFunctions)).plan(t().distinct().expr()).unwrap();
    let mut document: Value = serde_json::from_str(&plan.to_json(&NoCodec).unwrap()).unwrap();
    document["target_partitions"] = json!(1u64 << 40);
    let error = Plan::from_json(&document.to_string(), &context()).unwrap_err().to_string();
    assert_eq!(error, "the plan: 1099511627776 partitions; there may be 65536");

    let graph = lower(&plan).unwrap();
    let fragment = &graph.tasks().next().unwrap().fragment;
    let document: Value = serde_json::from_slice(&fragment.to_bytes(&NoCodec).unwrap()).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = document.clone();
        change(&mut document["fragment"]);
        Fragment::from_bytes(document.to_string().as_bytes(), &context()).unwrap_err().to_string()
    };
    let hashed = |ports: u64| json!({"hashed": {"columns": [0], "ports": ports}});
    for ports in [0, 1 << 17, 1 << 60] {
        let error = with(&|fragment| fragment["output"] = hashed(ports));
        assert_eq!(error, format!("the fragment: {ports} ports; there may be 1 to 65536"));
    }
    let error = with(&|fragment| fragment["inputs"] = json!(1u64 << 60));
    assert_eq!(error, "the fragment: 1152921504606846976 slots, of which 1 are read");
    let error = with(&|fragment| fragment["output"] = hashed(3));
    assert!(error.starts_with("the fragment is not what the document says it is"), "{error}");
}

#[test]
fn data_that_is_none() {
    let stream = |bytes: &str| {
        let bytes = bytes.to_owned();
        move |document: &mut Value| document["nodes"][0]["op"]["leaf"]["values"]["partitions"][0][0] = json!(bytes)
    };
    assert!(after(stream("%%%")).contains("base64: "), "{}", after(stream("%%%")));
    assert_eq!(after(stream("AAAA")), "leaf `t`: the stream is cut off or has bytes after its end");
    // A message of two gigabytes, and none of them there.
    assert_eq!(after(stream("/////////38=")), "leaf `t`: the stream is cut off or has bytes after its end");
    let error = after(|document| {
        let schema = &mut document["nodes"][0]["op"]["leaf"]["values"]["schema"];
        schema["fields"][0]["data_type"] = json!("Int32");
    });
    let types = "Int64, Float64, Utf8, Boolean, Date32";
    assert_eq!(
        error,
        format!("leaf `t`: batches of [{types}] under a schema of [{}]", types.replace("Int64", "Int32"))
    );
}

#[test]
fn functions_go_by_name_and_version() {
    let twice = Arc::new(Engine.function("twice", &[arrow_schema::DataType::Int64]).unwrap());
    let call = Scalar::new(ScalarOp::Call(twice), [col("i")]);
    let json = t().expr().clone().filter(call.gt(lit(1i64)), &Engine).unwrap().to_json(&NoCodec).unwrap();
    assert!(Expr::from_json(&json, &context()).is_ok());
    let error = Expr::from_json(&json.replace(r#""version":"1""#, r#""version":"9""#), &context()).unwrap_err();
    let message = "node 1: the document needs function `twice` of version \"9\", this engine has version \"1\"";
    assert_eq!(error.to_string(), message);
    let error = Expr::from_json(&json, &ReadContext::new(&CoreFunctions)).unwrap_err();
    let message = "node 1: the document needs function `twice` of version \"1\", which this engine does not have for these arguments";
    assert_eq!(error.to_string(), message);
}

#[test]
fn functions_of_this_process_are_sent_by_codecs_that_know_them() {
    let function = |name: &str| MapPartitions::new(name, "7", batch().schema(), |batches| Ok(batches.to_vec()));
    let of = |function| t().map_partitions(function).unwrap().expr().clone();
    let message = "node 1: function `mean` of version \"7\" cannot be sent: it is code of this process; \
                   give a codec that knows it by name";
    assert_eq!(of(function("mean")).to_json(&NoCodec).unwrap_err().to_string(), message);
    assert_eq!(of(function("mean")).to_json(&Engine).unwrap_err().to_string(), "node 1: another engine's");
    let known = of(keep(batch().schema()));
    let json = known.to_json(&Engine).unwrap();
    assert_eq!(Expr::from_json(&json, &context()).unwrap(), known);
    // It sees the columns by the names that they had.
    let error = Expr::from_json(&json.replacen("\"input\":{", "\"input\":null,\"was\":{", 1), &context());
    assert!(error.unwrap_err().to_string().contains("unknown field `was`"));
    // The engine knows version 1 under this name.
    let other = MapPartitions::new("keep", "2", batch().schema(), |_| Ok(Vec::new()));
    let error = Expr::from_json(&of(other).to_json(&Engine).unwrap(), &context()).unwrap_err();
    assert!(error.to_string().starts_with("node 1: extension `keep` is not what the document says"), "{error}");
}

#[test]
fn what_an_extension_declares_is_a_part_of_it() {
    let opaque = Opaque::new("opaque", batch().schema()).with_traits(ExtensionTraits::ROW_WISE);
    let expr = Expr::extension(Arc::new(opaque), vec![t().expr().clone()]).unwrap();
    let mut document: Value = serde_json::from_str(&expr.to_json(&Engine).unwrap()).unwrap();
    assert_eq!(read(&document).unwrap(), expr);
    document["nodes"][1]["op"]["extension"]["traits"]["column_preserving"] = json!(true);
    let error = read(&document).unwrap_err().to_string();
    assert!(error.starts_with("node 1: extension `opaque` is not what the document says it is"), "{error}");
}

#[test]
fn new_operators_are_checked_as_if_written_by_hand() {
    let fails = |expr: &Expr, change: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(&expr.to_json(&Engine).unwrap()).unwrap();
        change(&mut document["nodes"]);
        read(&document).unwrap_err().to_string()
    };
    let window = Window::partition_by([col("b")]).order_by([col("i").asc()]);
    let windowed = t().window(window, [("n", row_number())]).unwrap();
    let error = fails(windowed.expr(), &|nodes| {
        nodes[1]["op"]["window"]["calls"][0][1]["frame"]["end"] = json!({"preceding": 3});
    });
    let message = "node 1: frame (range unbounded-preceding 3-preceding): a range by distance of values is not \
                   supported; count rows or groups";
    assert_eq!(error, message);
    let sets = t().aggregate_sets([("b", col("b"))], GroupingSets::rollup(1), [("n", count_all())]).unwrap();
    let error = fails(sets.expr(), &|nodes| nodes[1]["op"]["aggregate"]["sets"][0][0] = json!(1));
    assert!(error.starts_with("node 1: "), "{error}");
    let spread = t().repartition(Repartitioning::RoundRobin(3)).unwrap();
    let error = fails(spread.expr(), &|nodes| nodes[1]["op"]["repartition"]["round-robin"] = json!(0));
    assert!(error.contains("at least one partition"), "{error}");
    let theirs = u().filter(col("i2").eq(t().outer("i").unwrap())).unwrap();
    let there = t().exists(&theirs).unwrap();
    let outer = |nodes: &mut Value| nodes[2]["op"]["filter"][1][0]["outer"]["type"] = json!("Utf8");
    assert!(fails(there.expr(), &outer).starts_with("node 2: `=` does not take Int64 and Utf8"));
    let apply = |nodes: &mut Value| nodes[3]["op"]["apply"]["apply"] = json!("some");
    assert!(fails(there.expr(), &apply).contains("unknown variant `some`"));
    assert_eq!(fails(there.expr(), &|nodes| nodes[3]["inputs"] = json!([0])), "node 3: 1 inputs instead of 2");
}

/// Outer references belong to expressions; a plan has none.
#[test]
fn plans_read_no_outer_references() {
    let plan = Planner::new(Arc::new(CoreFunctions)).plan(t().filter(col("i").is_null()).unwrap().expr()).unwrap();
    let mut document: Value = serde_json::from_str(&plan.to_json(&NoCodec).unwrap()).unwrap();
    let filter = &mut document["nodes"][1]["op"]["compute"]["filter"];
    assert!(filter.is_array(), "{filter}");
    filter[0] = json!([{"outer": {"name": "i", "type": "Int64", "nullable": true}}, 0]);
    let error = Plan::from_json(&document.to_string(), &context()).unwrap_err().to_string();
    assert_eq!(error, "node 1: column `i` of an apply around, and there are no applies in a plan");
}

#[test]
fn what_engines_own_needs_their_codec() {
    let schema = batch().schema();
    let barrier = Expr::extension(Arc::new(Opaque::new("window", schema.clone())), vec![t().expr().clone()]).unwrap();
    let message = "node 1: barrier `window` cannot be sent: the engine has no codec for it";
    assert_eq!(barrier.to_json(&NoCodec).unwrap_err().to_string(), message);
    let json = barrier.to_json(&Engine).unwrap();
    let error = Expr::from_json(&json, &ReadContext::new(&CoreFunctions)).unwrap_err();
    let message = "node 1: extension `window` cannot be sent: the engine has no codec for it";
    assert_eq!(error.to_string(), message);
    // An engine that makes something else of the bytes.
    let error = Expr::from_json(&json.replace("window", "unnest"), &context()).unwrap_err();
    assert!(error.to_string().starts_with("node 1: extension `unnest` is not what the document says it is"), "{error}");

    let scan = Expr::leaf(Leaf::Scan(Scan::new("t", Arc::new(Table::new("t.csv", schema))))).unwrap();
    let message = "leaf `t`: the table of columns i, f, s, b, d cannot be sent: the engine has no codec for it";
    assert_eq!(scan.to_json(&NoCodec).unwrap_err().to_string(), message);
    let json = scan.to_json(&Engine).unwrap();
    let error = Expr::from_json(&json, &ReadContext::new(&CoreFunctions)).unwrap_err();
    assert_eq!(error.to_string(), "leaf `t`: a table cannot be sent: the engine has no codec for it");
}

fn delayed(handles: Vec<leafhold::leaf::FutureHandle>) -> Expr {
    Expr::leaf(Leaf::FromDelayed(FromDelayed::new("orders", batch().schema(), handles).unwrap())).unwrap()
}

#[test]
fn local_futures_are_refused_by_leaf_partition_and_key() {
    let expr = Frame::from_delayed("orders", batch().schema(), vec![value("k-0", vec![batch()])]).unwrap();
    let expected = WireError::LocalFuture { leaf: "orders".into(), partition: 0, key: "k-0".into() };
    assert_eq!(expr.expr().to_json(&NoCodec).unwrap_err(), expected);
    let plan = Planner::new(Arc::new(CoreFunctions)).plan(expr.expr()).unwrap();
    assert_eq!(plan.to_json(&NoCodec).unwrap_err(), expected);
    assert_eq!(
        expected.to_string(),
        "leaf `orders`, partition 0: future \"k-0\" lives in this process alone and cannot be written; hand its data to an engine first"
    );
}

/// L3: a document never takes one live future for another, whatever their names.
#[test]
fn law_l3_generations_are_not_exchanged() {
    let (first, second, other) = (remote("same-key"), remote("same-key"), remote("other-key"));
    let generation = |handle| {
        let document: Value = serde_json::from_str(&delayed(vec![handle]).to_json(&NoCodec).unwrap()).unwrap();
        document["nodes"][0]["op"]["leaf"]["from-delayed"]["futures"][0]["generation"].clone()
    };
    let expr = delayed(vec![first.clone()]);
    let json = expr.to_json(&NoCodec).unwrap();
    let counter = |handle: &leafhold::leaf::FutureHandle| format!("\"generation\":{}}}", generation(handle.clone()));
    assert_eq!(Expr::from_json(&json, &context()).unwrap(), expr);
    // Another live future of the same name and engine.
    let forged = json.replace(&counter(&first), &counter(&second));
    assert_ne!(forged, json);
    assert!(matches!(Expr::from_json(&forged, &context()).unwrap_err(), WireError::Altered { .. }));
    // One of another name.
    let forged = json.replace(&counter(&first), &counter(&other));
    assert!(matches!(Expr::from_json(&forged, &context()).unwrap_err(), WireError::WrongFuture { .. }));
    // One that is gone: only a resolver could help, and there is none.
    let gone = counter(&remote("same-key"));
    let forged = json.replace(&counter(&first), &gone);
    assert!(matches!(Expr::from_json(&forged, &context()).unwrap_err(), WireError::NoResolver { .. }));
}

/// Two futures of one name can be told apart while they live; elsewhere nobody could.
#[test]
fn law_l3_two_futures_of_one_name_are_not_resolved_as_one() {
    struct Any;
    impl leafhold::leaf::FutureResolver for Any {
        fn resolve(
            &self,
            _: &leafhold::leaf::EngineId,
            key: &str,
        ) -> Result<leafhold::leaf::FutureHandle, leafhold::leaf::FutureError> {
            Ok(remote(key))
        }
    }
    let resolving = context().with_resolver(&Any);
    let expr = delayed(vec![remote("same-key"), remote("same-key")]);
    let json = expr.to_json(&NoCodec).unwrap();
    assert_eq!(Expr::from_json(&json, &resolving).unwrap(), expr);
    drop(expr);
    let error = Expr::from_json(&json, &resolving).unwrap_err();
    assert!(error.to_string().contains("two live futures of this document have that name"), "{error}");

    // One future that two partitions share is resolved once.
    let one = remote("one-key");
    let json = delayed(vec![one.clone(), one]).to_json(&NoCodec).unwrap();
    let read = Expr::from_json(&json, &resolving).unwrap();
    let leafhold::expr::Op::Leaf(leaf) = read.op() else { panic!("a leaf") };
    assert_eq!(leaf.futures()[0], leaf.futures()[1]);
}
