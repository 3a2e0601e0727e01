//! The text and the JSON of plans and expressions.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use indexmap::IndexMap;
use leafhold::explain::{Actuals, PlanJson, PlanText, barriers_left, caps_hit, expr_text, rules_fired};
use leafhold::expr::{AggregateCall, AggregateFunction, Expr, Extension, Frame, JoinKind, Literal, Scalar, SortKey};
use leafhold::expr::{BinaryOp, CoreFunctions, col, lit, sum};
use leafhold::leaf::{FromDelayed, Leaf, Values, value};
use leafhold::optimize::{CapUse, Partitioning, PhysicalOp, Plan, PlanColumn, PlanNode, PlanOp};
use leafhold::term::{AggregatePhase, ColumnId, Side};
use leafhold::token::{Token, tokenize};

fn schema(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect::<Vec<_>>()))
}

fn delayed(name: &str, columns: &[&str], partitions: usize) -> Leaf {
    let schema = schema(columns);
    let handles: Vec<_> = (0..partitions)
        .map(|part| value(format!("{name}-{part}"), vec![RecordBatch::new_empty(schema.clone())]))
        .collect();
    Leaf::FromDelayed(FromDelayed::new(name, schema, handles).unwrap())
}

#[derive(Debug)]
struct Window;

impl Extension for Window {
    fn name(&self) -> &str {
        "window"
    }
    fn token(&self) -> Token {
        tokenize("window")
    }
    fn schema(&self) -> SchemaRef {
        schema(&["a", "total"])
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn node(
    op: PlanOp,
    inputs: &[&Arc<PlanNode>],
    output: &[u32],
    partitioning: Partitioning<ColumnId>,
    rows: f64,
) -> Arc<PlanNode> {
    let inputs = inputs.iter().map(|input| Arc::clone(input)).collect();
    let output = output.iter().map(|column| ColumnId(*column)).collect();
    Arc::new(PlanNode { op, inputs, output, partitioning, rows, cost: rows * 2.0 })
}

fn column(column: u32) -> Scalar<ColumnId> {
    Scalar::column(ColumnId(column))
}

/// `t(a, b)` joined with `u(x)`, of which the sum per `a`, in order, through every kind of operator.
fn plan(leaves: Vec<Leaf>) -> Plan {
    let hashed = |column| Partitioning::Hashed(vec![ColumnId(column)]);
    let read_t = node(PlanOp::Read { leaf: 0, columns: vec![0, 1] }, &[], &[0, 1], Partitioning::Any, 12345.6);
    let filter = Scalar::binary(BinaryOp::Gt, column(1), Scalar::literal(3i64));
    let filtered =
        node(PlanOp::Compute(PhysicalOp::Filter { predicate: filter }), &[&read_t], &[0, 1], Partitioning::Any, 100.0);
    let read_u = node(PlanOp::Read { leaf: 1, columns: vec![0] }, &[], &[2], Partitioning::Any, 10.0);
    let left = node(PlanOp::Exchange { to: hashed(0), merge: vec![] }, &[&filtered], &[0, 1], hashed(0), 100.0);
    let right = node(PlanOp::Exchange { to: hashed(2), merge: vec![] }, &[&read_u], &[2], hashed(2), 10.0);
    let join = PhysicalOp::HashJoin {
        kind: JoinKind::Inner,
        keys: vec![(column(0), column(2))],
        residual: Some(Scalar::binary(BinaryOp::Lt, column(1), column(2))),
        build: Side::Right,
    };
    let joined = node(PlanOp::Compute(join), &[&left, &right], &[0, 1], hashed(0), 50.0);
    let semi = PhysicalOp::NestedLoopJoin { kind: JoinKind::Semi, condition: None };
    let everywhere = node(
        PlanOp::Exchange { to: Partitioning::Replicated, merge: vec![] },
        &[&read_u],
        &[2],
        Partitioning::Replicated,
        10.0,
    );
    let semi_joined = node(PlanOp::Compute(semi), &[&joined, &everywhere], &[0, 1], hashed(0), 50.0);
    let totals = vec![AggregateCall::new(AggregateFunction::Sum, [column(1)])];
    let aggregate =
        |phase| PlanOp::Compute(PhysicalOp::Aggregate { phase, group: vec![ColumnId(0)], aggregates: totals.clone() });
    let partial = node(aggregate(AggregatePhase::Partial), &[&semi_joined], &[0], hashed(0), 5.0);
    let complete = node(aggregate(AggregatePhase::Final), &[&partial], &[0, 3], hashed(0), 5.0);
    let barrier = PlanOp::Compute(PhysicalOp::Extension { extension: Arc::new(Window) });
    let windowed = node(barrier, &[&complete], &[0, 3], Partitioning::Single, 5.0);
    let doubled = Scalar::binary(BinaryOp::Plus, column(3), column(3));
    let project = PlanOp::Compute(PhysicalOp::Project { columns: vec![column(0), doubled] });
    let projected = node(project, &[&windowed], &[0, 4], Partitioning::Single, 5.0);
    let keys = vec![SortKey { scalar: column(4), descending: true, nulls_first: true }];
    let sorted = node(
        PlanOp::Compute(PhysicalOp::Sort { keys: keys.clone(), fetch: Some(3) }),
        &[&projected],
        &[0, 4],
        Partitioning::Single,
        3.0,
    );
    let merged = node(
        PlanOp::Exchange { to: Partitioning::Single, merge: keys },
        &[&sorted],
        &[0, 4],
        Partitioning::Single,
        3.0,
    );
    let root = node(
        PlanOp::Compute(PhysicalOp::Limit { offset: 1, fetch: Some(2) }),
        &[&merged],
        &[0, 4],
        Partitioning::Single,
        2.0,
    );
    let names = ["a", "b", "x", "total", "2 * total"];
    let columns = names.map(|name| PlanColumn { name: name.into(), data_type: DataType::Int64 });
    Plan {
        root,
        output: vec![("a".into(), ColumnId(0)), ("twice".into(), ColumnId(4))],
        schema: schema(&["a", "twice"]),
        columns: columns.into(),
        leaves,
        target_partitions: 4,
        fan_in: 16,
        semantics: leafhold::expr::Semantics::DEFAULT,
        result: None,
        repartitions_left_out: 0,
        shape: tokenize("shape"),
        ruleset: tokenize("rules"),
        fired: IndexMap::from([("push-a".to_owned(), 2), ("merge-b".to_owned(), 1)]),
        caps: IndexMap::from([
            ("e-nodes".to_owned(), CapUse { used: 1200, limit: 1000, hit: true, ..CapUse::default() }),
            ("iterations".to_owned(), CapUse { used: 3, limit: 5, hit: false, ..CapUse::default() }),
        ]),
        size: 17,
    }
}

fn two_leaves() -> Vec<Leaf> {
    vec![delayed("t", &["a", "b"], 4), Leaf::Values(Values::empty(schema(&["x"])))]
}

const BODY: &str = "\
limit 2 offset 1  ; rows 2  single
  exchange single merge [\"2 * total\" desc]  ; rows 3  single
    top-k 3 [\"2 * total\" desc]  ; rows 3  single
      project [a \"2 * total\" := (total + total)]  ; rows 5  single
        barrier window  ; rows 5  single
          hash-aggregate final [a] [total := (sum b)]  ; rows 5  hashed(a)
            hash-aggregate partial [a] [(sum b)]  ; rows 5  hashed(a)
              nested-loop-join semi true  ; rows 50  hashed(a)
                hash-join inner (a = x) residual (b < x) build right  ; rows 50  hashed(a)
                  exchange hashed(a)  ; rows 100  hashed(a)
                    filter (b > 3)  ; rows 100  any
                      read t future#0..3 [a b]  ; rows 12,346  any
                  exchange hashed(x)  ; rows 10  hashed(x)
                    @0 = read empty [x]  ; rows 10  any
                exchange replicated  ; rows 10  replicated
                  @0
";

#[test]
fn a_plan_prints_every_operator_once() {
    let plan = plan(two_leaves());
    assert_eq!(PlanText::new(&plan).body().to_string(), BODY);
    let header = format!(
        "; plan {}  rules {}  caps e-nodes 1,200/1,000\n; barriers window x1\n",
        plan.shape.short(),
        plan.ruleset.short()
    );
    assert!(PlanText::new(&plan).to_string().starts_with(&header), "{}", PlanText::new(&plan));
    assert_eq!(rules_fired(&plan), "push-a x2, merge-b x1");
    assert_eq!(caps_hit(&plan), "e-nodes 1,200/1,000");
    assert_eq!(barriers_left(&plan).into_iter().collect::<Vec<_>>(), [("window".to_owned(), 1)]);
}

#[test]
fn texts_do_not_depend_on_which_future_came_first() {
    let later = plan(two_leaves());
    let first = plan(two_leaves());
    assert_eq!(PlanText::new(&first).to_string(), PlanText::new(&later).to_string());
    assert_eq!(PlanJson::new(&first).to_string(), PlanJson::new(&later).to_string());
}

#[test]
fn actual_rows_stand_beside_estimates_and_add_up_to_c_out() {
    let plan = plan(two_leaves());
    let nodes = plan.post_order();
    let rows = |node: &Arc<PlanNode>| match &node.op {
        PlanOp::Compute(PhysicalOp::HashJoin { .. }) => Some(4000),
        PlanOp::Compute(PhysicalOp::NestedLoopJoin { .. }) => Some(30),
        PlanOp::Compute(PhysicalOp::Extension { .. }) => None,
        _ => Some(7),
    };
    let actuals = Actuals::new(nodes.iter().enumerate().filter_map(|(at, node)| Some((at, rows(node)?))));
    assert_eq!(actuals.c_out(&plan), Some(4030));
    let text = PlanText::new(&plan).with_actuals(&actuals).to_string();
    assert!(text.contains("; C_out 4,030\n"), "{text}");
    assert!(text.contains("build right  ; rows 50 actual 4,000  hashed(a)\n"), "{text}");
    assert!(text.contains("barrier window  ; rows 5  single\n"), "{text}");
    assert_eq!(Actuals::default().c_out(&plan), None, "a join that was not counted");

    let json: serde_json::Value =
        serde_json::from_str(&PlanJson::new(&plan).with_actuals(&actuals).with_planning_us(12).to_string()).unwrap();
    assert_eq!(json["c_out"], 4030);
    assert_eq!(json["planning_us"], 12);
    let mut join = &json["plan"];
    while join["op"] != "hash-join" {
        join = &join["children"][0];
    }
    assert_eq!(join["rows"], 4000);
    assert_eq!(join["est_rows"], 50.0);
}

#[test]
fn json_is_a_tree_that_counts_shared_nodes_once() {
    let plan = plan(two_leaves());
    let json: serde_json::Value = serde_json::from_str(&PlanJson::new(&plan).to_string()).unwrap();
    assert_eq!(json["token"], plan.shape.to_string());
    assert_eq!(json["ruleset"], plan.ruleset.to_string());
    assert_eq!(json["fired"], serde_json::json!({"push-a": 2, "merge-b": 1}));
    assert_eq!(json["caps"]["e-nodes"], serde_json::json!({"used": 1200, "limit": 1000, "hit": true}));
    assert_eq!(json["c_out"], serde_json::Value::Null);
    assert_eq!(json["planning_us"], serde_json::Value::Null);
    let mut ops: Vec<&str> = Vec::new();
    let mut stack = vec![&json["plan"]];
    while let Some(node) = stack.pop() {
        ops.push(node["op"].as_str().unwrap());
        assert_eq!(node["rows"], serde_json::Value::Null);
        stack.extend(node["children"].as_array().unwrap().iter().rev());
    }
    let read = |op: &&&str| **op == "read";
    assert_eq!(ops.iter().filter(read).count(), 2);
    assert_eq!(ops.iter().filter(|op| **op == "shared").count(), 1);
    assert_eq!(ops.len(), plan.post_order().len() + 1);
    assert_eq!(ops[0], "limit");
}

#[test]
fn an_expression_prints_as_written_with_shared_nodes_once() {
    let frame = Frame::from_leaf(delayed("t", &["a", "b c"], 2)).unwrap();
    let totals = frame
        .clone()
        .aggregate([("key", col("a"))], [("total", sum(col("b c")))])
        .unwrap()
        .sort([col("total").desc()])
        .unwrap()
        .limit(0, 5);
    let joined = frame.filter(col("b c").gt(lit(Literal::from(1i64)))).unwrap();
    let joined = joined.join(&totals, JoinKind::Left, [col("a").eq(col("key"))]).unwrap();
    let expr = Expr::extension(Arc::new(Window), vec![joined.expr().clone()]).unwrap();
    let text = expr_text(&expr);
    assert_eq!(
        text.split_once('\n').unwrap().1,
        "; barriers window x1\n\
         barrier window\n  \
           join left (a = key)\n    \
             filter (\"b c\" > 1)\n      \
               @0 = from-delayed t future#0..1 [a \"b c\"]\n    \
             limit 5\n      \
               sort [total desc]\n        \
                 aggregate [key := a] [total := (sum \"b c\")]\n          \
                   @0\n"
    );
}

#[test]
fn a_chain_of_a_hundred_thousand_nodes_is_elided() {
    let mut expr = Expr::leaf(delayed("t", &["a"], 1)).unwrap();
    for at in 0..100_000i64 {
        expr = expr.filter(col("a").gt(lit(at)), &CoreFunctions).unwrap();
    }
    let text = expr_text(&expr);
    assert!(text.ends_with("; .. the first 4,000 lines of 100,001 nodes\n"));
    assert!(text.len() < 1_000_000, "indentation does not grow with depth");
    assert_eq!(text.lines().count(), 4002);
}

#[test]
fn futures_are_numbered_by_instance() {
    let schema = schema(&["a"]);
    let handles: Vec<_> = ["k0", "k1", "k2"]
        .map(|key| {
            let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(vec![1]))]).unwrap();
            value(key, vec![batch])
        })
        .into();
    let all = Frame::from_delayed("t", schema.clone(), handles.clone()).unwrap();
    let some = Frame::from_delayed("u", schema, vec![handles[2].clone(), handles[0].clone()]).unwrap();
    let text = expr_text(all.union(&some).unwrap().expr());
    assert!(text.contains("t future#0..2 [a]"), "{text}");
    assert!(text.contains("u future#2 future#0 [a]"), "{text}");
}
