//! `unnest` of SQL as an operator.

use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{FixedSizeListArray, Int64Array, LargeListArray, ListArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};
use datafusion::arrow::buffer::OffsetBuffer;

use crate::harness::{batch, compare_operators, tables};

type Lists = Vec<Option<Vec<Option<i64>>>>;

fn part(ids: [i64; 4], lists: Lists) -> Vec<RecordBatch> {
    let pairs: Vec<_> = lists.iter().map(|list| list.as_ref().map(|_| vec![ids[0].into(), None])).collect();
    let texts = ids.iter().map(|id| (id % 2 == 0).then(|| format!("t{id}")));
    let words = ListArray::new(
        Arc::new(Field::new_list_field(DataType::Utf8, true)),
        OffsetBuffer::from_lengths([2, 0, 1, 1]),
        Arc::new(StringArray::from_iter(texts)),
        None,
    );
    vec![batch([
        ("id", Arc::new(Int64Array::from_iter_values(ids))),
        ("xs", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists.clone()))),
        ("large", Arc::new(LargeListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
        ("pairs", Arc::new(FixedSizeListArray::from_iter_primitive::<Int64Type, _, _>(pairs, 2))),
        ("ys", Arc::new(words)),
    ])]
}

/// `l(id, xs, large, pairs, ys)`: lists with elements, with nulls, with nothing, and none.
pub fn lists() -> Vec<Vec<RecordBatch>> {
    vec![
        part([1, 2, 3, 4], vec![Some(vec![Some(7), None, Some(-1)]), Some(vec![]), None, Some(vec![Some(7)])]),
        part([5, 6, 7, 8], vec![None, Some(vec![None]), Some(vec![Some(2), Some(3), Some(2)]), Some(vec![])]),
    ]
}

#[test]
fn elements_are_those_of_datafusion() {
    let (session, context) = tables([("l", lists(), true)]);
    let queries = [
        "select unnest([1, 2, 3]) as n",
        "select unnest([null, 'a', 'b']) as n, 5 as five",
        "select * from unnest([1, 2, 3]) as t(n)",
        "select id, unnest(xs) as x from l",
        "select id, unnest(large) as x from l",
        "select id, unnest(pairs) as x from l",
        "select id, unnest(ys) as y from l",
        "select unnest(xs) + id as x, xs from l",
        "select unnest(xs) as x, unnest(xs) as again from l",
        "select id, unnest(make_array(id, null, id * 2)) as x from l",
        "select id, x from (select id, unnest(xs) as x from l) where x > 0 and id < 7",
        "select id, x from (select id, unnest(xs) as x from l where xs is not null) where x is null",
        "select x, count(*), min(id) from (select id, unnest(xs) as x from l) group by x",
        "select id, unnest(xs) as x from l order by x desc nulls last, id limit 3",
        "select a.x, b.id from (select unnest(xs) as x from l) a join l b on a.x = b.id",
        "select unnest(array_agg(id)) as id from l",
        "select id, unnest(xs) as x from l where id > 100",
        "select id, y, x from (select id, ys, unnest(xs) as x from l), (select unnest(['a', 'b']) as y)",
        "select id, x, count(*) over (partition by x) as n from (select id, unnest(xs) as x from l)",
    ];
    compare_operators(&session, &context, &queries);
}
