//! Sorts, limits, unions, and rows from elsewhere.

use arrow_schema::DataType;
use leafhold::term::interpret::{EvalError, Relation, Tables, Value, is_sorted, table};
use leafhold::term::{RelNode, RelOp, UnionSpec};

use crate::query::*;

#[test]
fn sorts_are_stable_and_place_nulls() {
    let mut query = Query::new();
    let (t, [a, b]) =
        query.ints(["a", "b"], [[Some(2), Some(0)], [None, Some(1)], [Some(1), Some(2)], [Some(2), Some(3)]]);
    let mut sorted = |descending, nulls_first| {
        let key = query.sort_key(a, descending, nulls_first);
        let sort = query.terms.intern_sort(vec![key]);
        let term = query.terms.add(RelNode::new(RelOp::Sort(sort), [t]));
        let relation = query.run(term).unwrap();
        assert!(is_sorted(&query.terms, &relation, sort, &query.semantics, &query.tables).unwrap());
        let input = query.run(t).unwrap();
        assert!(!is_sorted(&query.terms, &input, sort, &query.semantics, &query.tables).unwrap());
        relation.select(&[b]).unwrap().rows.iter().map(|row| row[0].to_string()).collect::<String>()
    };
    assert_eq!(sorted(false, false), "2031");
    assert_eq!(sorted(false, true), "1203");
    assert_eq!(sorted(true, true), "1032");
    assert_eq!(sorted(true, false), "0321");
}

#[test]
fn top_k_is_limit_over_sort_and_limits_may_reach_beyond_the_end() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(3)], [Some(1)], [None], [Some(2)]]);
    let key = query.sort_key(a, true, false);
    let keys = query.terms.intern_sort(vec![key]);
    let sort = query.terms.add(RelNode::new(RelOp::Sort(keys), [t]));
    for (offset, fetch, rows) in
        [(1, 2, vec!["2", "1"]), (3, 9, vec!["null"]), (9, 1, vec![]), (u64::MAX, u64::MAX, vec![])]
    {
        let limit = query.terms.add(RelNode::new(RelOp::Limit { offset, fetch: Some(fetch) }, [sort]));
        let top = query.terms.add(RelNode::new(RelOp::TopK { keys, offset, fetch }, [t]));
        assert_eq!(query.rows(limit), rows);
        assert_eq!(query.rows(top), rows);
    }
}

#[test]
fn unions_map_columns_and_keep_duplicates() {
    let mut query = Query::new();
    let (t, [a, b]) = query.ints(["a", "b"], [[Some(1), Some(2)]]);
    let (u, [x, y]) = query.ints(["x", "y"], [[Some(2), Some(1)], [None, None]]);
    let output =
        vec![query.terms.add_column("p", DataType::Int64, true), query.terms.add_column("q", DataType::Int64, true)];
    let union = query.terms.intern_union(UnionSpec { output, inputs: vec![vec![a, b], vec![y, x]] });
    let union = query.terms.add(RelNode::new(RelOp::Union(union), [t, u]));
    assert_eq!(query.rows(union), ["1 2", "1 2", "null null"]);
}

// ---- leaves, errors, equivalence -----------------------------------------------------------

#[test]
fn given_rows_take_the_place_of_a_leaf() {
    let mut query = Query::new();
    let (t, [_a]) = query.ints(["a"], [[Some(1)]]);
    let RelOp::Get(get) = query.terms.term(t).op else { panic!("a table is read by a get") };
    query.tables = Tables::new().with_table(get, ints([[Some(7)], [None]]));
    assert_eq!(query.rows(t), ["7", "null"]);
    query.tables = Tables::new().with_table(get, ints([[Some(7), Some(8)]]));
    assert!(matches!(query.run(t), Err(EvalError::Type { .. })));
}

#[test]
fn arrow_round_trips() {
    let mut query = Query::new();
    let kinds = [
        ("a", DataType::UInt8),
        ("b", DataType::Float32),
        ("c", DataType::Decimal128(9, 3)),
        ("d", DataType::Utf8View),
        ("e", DataType::Date32),
        ("f", DataType::Timestamp(arrow_schema::TimeUnit::Millisecond, Some("UTC".into()))),
        ("g", DataType::Boolean),
    ];
    let row = vec![
        Value::Int(DataType::UInt8, 255),
        Value::Float(DataType::Float32, 0.5),
        Value::decimal(-1_500, 9, 3),
        Value::from("text"),
        Value::Date(-1),
        Value::Timestamp { ticks: 5, unit: arrow_schema::TimeUnit::Millisecond, zone: Some("UTC".into()) },
        Value::from(true),
    ];
    let nulls = vec![Value::Null; row.len()];
    let (t, columns) = table(&mut query.terms, "t", &kinds, vec![row.clone(), nulls.clone()]).unwrap();
    let relation = query.run(t).unwrap();
    assert_eq!(relation.rows, [row, nulls]);
    let again = Relation::from_batches(columns, [&relation.to_batch(&query.terms).unwrap()]).unwrap();
    assert_eq!(again.rows, relation.rows);
    assert!(table(&mut query.terms, "t", &[("a", DataType::UInt8)], vec![vec![Value::from(256i64)]]).is_err());
}

#[test]
fn deep_plans_do_not_recurse() {
    let deep = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let mut query = Query::new();
        let (mut term, [_a]) = query.ints(["a"], [[Some(1)], [Some(2)]]);
        for fetch in (2..100_002).rev() {
            term = query.terms.add(RelNode::new(RelOp::Limit { offset: 0, fetch: Some(fetch) }, [term]));
        }
        assert_eq!(query.rows(term), ["1", "2"]);
    });
    deep.unwrap().join().unwrap();
}
