//! SQL to expressions: what converts, what becomes a barrier, and what is said of bad SQL.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::explain::expr_text;
use leafhold::expr::{Expr, Op};
use leafhold::leaf::{Leaf, Values};
use leafhold_datafusion::{Catalog, Session, tpch};

fn benchmark() -> Session {
    let mut catalog = Catalog::new();
    for table in tpch::TpchTable::ALL {
        catalog.add(table.name(), Leaf::Values(Values::empty(table.schema())));
    }
    Session::new(catalog)
}

fn barriers(expr: &Expr) -> Vec<(String, usize)> {
    let barrier = |node: &Expr| match node.op() {
        Op::Extension(barrier) => Some((barrier.name().to_owned(), node.inputs().len())),
        _ => None,
    };
    expr.post_order().iter().filter_map(barrier).collect()
}

#[test]
fn every_query_of_the_benchmark_converts_without_a_barrier() {
    let session = benchmark();
    for (name, sql) in tpch::QUERIES {
        let frame = session.frame(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(barriers(frame.expr()), [], "{name}");
    }
}

fn small() -> Session {
    let fields = vec![Field::new("id", DataType::Int64, true), Field::new("price", DataType::Float64, true)];
    let schema = Arc::new(Schema::new(fields));
    let mut catalog = Catalog::new();
    catalog.add("items", Leaf::Values(Values::empty(schema.clone())));
    catalog.add("orders", Leaf::Values(Values::empty(schema)));
    Session::new(catalog)
}

fn names(expr: &Expr) -> Vec<String> {
    expr.schema().fields().iter().map(|field| field.name().clone()).collect()
}

#[test]
fn what_leafhold_cannot_read_is_a_barrier_with_visible_inputs() {
    let session = small();
    let window = "select id, sum(id) over (order by price range 2 preceding) as r from items where price > 1";
    let frame = session.frame(window).unwrap();
    assert_eq!(barriers(frame.expr()), [("window".to_owned(), 1)]);
    let filters = frame.expr().post_order().iter().filter(|node| matches!(node.op(), Op::Filter(_))).count();
    assert_eq!(filters, 1, "the filter below the window stays visible");
    assert_eq!(names(frame.expr()), ["id", "r"]);
    let recursive = "with recursive n as (select 1 as k union all select k + 1 from n where k < 3) select k from n";
    assert_eq!(barriers(session.frame(recursive).unwrap().expr()), [("recursivequery".to_owned(), 0)]);
}

#[test]
fn windows_unnests_and_grouping_sets_are_operators() {
    let text = |sql: &str| {
        let text = expr_text(small().frame(sql).unwrap().expr());
        text.lines().filter(|line| !line.starts_with(';')).collect::<Vec<_>>().join("\n")
    };
    let found = [
        // Of a window that SQL says nothing more of, nothing more is written down; nor is the constant that DataFusion adds.
        text("select id, sum(price) over (partition by id) as s, count(*) over (range current row) as n from items"),
        text("select id, unnest(make_array(id, 1)) as n from items"),
        // The arithmetic that DataFusion makes of `grouping` is `grouping` again.
        text(
            "select id, grouping(id) as g, grouping(price, id) as b, count(*) as n from items group by rollup(id, price)",
        ),
    ];
    let expected = [
        "project [id s := sum n := count]\n  \
           window [] [] [count := (count over (range current-row current-row))]\n    \
             window [id] [] [sum := (sum price)]\n      \
               values empty [id price]",
        "project [id n := expr]\n  \
           unnest expr drop-nulls\n    \
             project [id expr := (make_array id 1)]\n      \
               values empty [id price]",
        "project [id g := expr b := expr_2 n := count]\n  \
           project [id price expr := grouping expr_2 := grouping_2 count]\n    \
             aggregate [id price] sets [[id price] [id] []] \
             [count := (count) grouping := (grouping id) grouping_2 := (grouping price id)]\n      \
               values empty [id price]",
    ];
    assert_eq!(found, expected);
}

#[test]
fn names_that_clash_are_told_apart() {
    let session = small();
    let frame = session.frame("select i.id, o.id, i.price from items i join orders o on i.id = o.id").unwrap();
    assert_eq!(names(frame.expr()), ["id", "o.id", "price"]);
    let frame = session.frame("select * from items i join orders o using (id)").unwrap();
    assert_eq!(frame.schema().fields().len(), 3);
    assert_eq!(names(session.frame("select sum(price), count(*) from items").unwrap().expr()).len(), 2);
}

#[test]
fn constants_are_folded() {
    let session = small();
    let frame = session.frame("select id from items where id > 1 + 10 and price is not null").unwrap();
    let filter = frame.expr().post_order().iter().find_map(|node| match node.op() {
        Op::Filter(predicate) => Some(predicate.to_string()),
        _ => None,
    });
    assert_eq!(filter.as_deref(), Some("(and (id > 11) (is-not-null price))"));
}

#[track_caller]
fn refused(sql: &str, expected: &str) {
    let error = small().frame(sql).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some(expected), "{sql}");
}

#[test]
fn bad_sql_is_told_where_and_what_to_do() {
    refused(
        "select id from itms",
        "no table `itms`; did you mean `items`?\n  --> line 1, column 16\n1 | select id from itms\n  |                ^",
    );
    refused(
        "select pirce\nfrom items",
        "no column `pirce`; did you mean `price`?\n  --> line 1, column 8\n1 | select pirce\n  |        ^",
    );
    refused("insert into items values (1, 2.0)", "only queries can be planned, not Insert Into");
    for sql in ["selec 1", "select (1", "", "select 1;;select", "select id from items group by", "select 'a"] {
        let error = small().frame(sql).err().unwrap_or_else(|| panic!("`{sql}` is no query")).to_string();
        assert!(!error.contains("backtrace") && !error.contains("ParserError"), "{error}");
    }
    for sql in
        ["select price + id + 'a' + true from items", "select sum(id, id, id) from items", "select f(id) from items"]
    {
        let error = small().frame(sql).err().unwrap_or_else(|| panic!("`{sql}` types")).to_string();
        assert!(!error.contains("backtrace"), "{error}");
    }
}
