//! The columns of the benchmark's tables and what its specification says of their values.
//!
//! The figures are known before a row exists, which is what a planner over live futures needs. They hold
//! for every scale factor; a test compares them with generated data.

use arrow_schema::DataType;

use super::TpchTable;

/// A column, and what is known of it at some scale.
pub(super) struct Column {
    pub name: &'static str,
    pub data_type: DataType,
    pub distinct: f64,
    /// Smallest and largest value on the estimator's axis.
    pub range: Option<(f64, f64)>,
}

const NATIONS: f64 = 25.0;
/// 1992-01-01 and 1998-08-02, between which orders are placed, as days.
const FIRST_ORDER: f64 = 8035.0;
const LAST_ORDER: f64 = 10_440.0;
/// Cents of an account's balance: -999.99 to 9999.99.
const BALANCES: f64 = 1_099_999.0;
/// Beyond this many parts the prices repeat what is there already but for a handful.
const PRICE_PERIOD: f64 = 200_010.0;

/// The whole number of rows that a table of `base` rows at scale 1 has.
fn scaled(base: f64, scale: f64) -> f64 {
    (base * scale).floor().max(1.0)
}

/// How many rows a table has; those of `lineitem` are an expectation: 1 to 7 per order.
pub(super) fn rows(table: TpchTable, scale: f64) -> f64 {
    match table {
        TpchTable::Nation => NATIONS,
        TpchTable::Region => 5.0,
        TpchTable::Part => scaled(200_000.0, scale),
        TpchTable::Supplier => scaled(10_000.0, scale),
        TpchTable::PartSupp => 4.0 * scaled(200_000.0, scale),
        TpchTable::Customer => scaled(150_000.0, scale),
        TpchTable::Orders => scaled(1_500_000.0, scale),
        TpchTable::LineItem => 4.0 * scaled(1_500_000.0, scale),
    }
}

/// The distinct values that `draws` draws from `values` equally likely ones give on average.
fn drawn(draws: f64, values: f64) -> f64 {
    if values < 1.0 {
        return 1.0;
    }
    (values * -(-draws / values).exp_m1()).max(1.0)
}

fn key(name: &'static str, distinct: f64, range: (f64, f64)) -> Column {
    Column { name, data_type: DataType::Int64, distinct, range: Some(range) }
}

fn integer(name: &'static str, distinct: f64, range: (f64, f64)) -> Column {
    Column { name, data_type: DataType::Int32, distinct, range: Some(range) }
}

fn money(name: &'static str, distinct: f64, range: (f64, f64)) -> Column {
    Column { name, data_type: DataType::Decimal128(15, 2), distinct, range: Some(range) }
}

fn day(name: &'static str, distinct: f64, range: (f64, f64)) -> Column {
    Column { name, data_type: DataType::Date32, distinct, range: Some(range) }
}

fn text(name: &'static str, distinct: f64) -> Column {
    Column { name, data_type: DataType::Utf8View, distinct, range: None }
}

/// The columns of a table in order.
pub(super) fn columns(table: TpchTable, scale: f64) -> Vec<Column> {
    let of = |table| rows(table, scale);
    let (parts, suppliers, customers, orders) =
        (of(TpchTable::Part), of(TpchTable::Supplier), of(TpchTable::Customer), of(TpchTable::Orders));
    let n = of(table);
    match table {
        TpchTable::Region => vec![key("r_regionkey", 5.0, (0.0, 4.0)), text("r_name", 5.0), text("r_comment", 5.0)],
        TpchTable::Nation => vec![
            key("n_nationkey", n, (0.0, 24.0)),
            text("n_name", n),
            key("n_regionkey", 5.0, (0.0, 4.0)),
            text("n_comment", n),
        ],
        TpchTable::Part => {
            let (prices, cheapest, dearest) = retail_prices(parts);
            vec![
                key("p_partkey", n, (1.0, n)),
                text("p_name", n),
                text("p_mfgr", drawn(n, 5.0)),
                text("p_brand", drawn(n, 25.0)),
                text("p_type", drawn(n, 150.0)),
                integer("p_size", drawn(n, 50.0), (1.0, 50.0)),
                text("p_container", drawn(n, 40.0)),
                money("p_retailprice", prices, (cheapest, dearest)),
                text("p_comment", drawn(n, part_comments(n))),
            ]
        }
        TpchTable::Supplier => vec![
            key("s_suppkey", n, (1.0, n)),
            text("s_name", n),
            text("s_address", n),
            key("s_nationkey", drawn(n, NATIONS), (0.0, 24.0)),
            text("s_phone", n),
            money("s_acctbal", drawn(n, BALANCES), (-999.99, 9999.99)),
            text("s_comment", n),
        ],
        TpchTable::PartSupp => vec![
            key("ps_partkey", parts, (1.0, parts)),
            key("ps_suppkey", drawn(n, suppliers), (1.0, suppliers)),
            integer("ps_availqty", drawn(n, 9999.0), (1.0, 9999.0)),
            money("ps_supplycost", drawn(n, 99_901.0), (1.0, 1000.0)),
            text("ps_comment", n),
        ],
        TpchTable::Customer => vec![
            key("c_custkey", n, (1.0, n)),
            text("c_name", n),
            text("c_address", n),
            key("c_nationkey", drawn(n, NATIONS), (0.0, 24.0)),
            text("c_phone", n),
            money("c_acctbal", drawn(n, BALANCES), (-999.99, 9999.99)),
            text("c_mktsegment", drawn(n, 5.0)),
            text("c_comment", n),
        ],
        TpchTable::Orders => vec![
            // Of every 32 keys the first 8 are used.
            key("o_orderkey", n, (1.0, 4.0 * n)),
            // A third of the customers never orders.
            key("o_custkey", drawn(n, customers * 2.0 / 3.0), (1.0, customers)),
            text("o_orderstatus", drawn(n, 3.0)),
            money("o_totalprice", drawn(n, 28_000_000.0), (850.0, 510_000.0)),
            day("o_orderdate", drawn(n, LAST_ORDER - FIRST_ORDER + 1.0), (FIRST_ORDER, LAST_ORDER)),
            text("o_orderpriority", drawn(n, 5.0)),
            text("o_clerk", drawn(n, (1000.0 * scale).floor().max(1000.0))),
            integer("o_shippriority", 1.0, (0.0, 0.0)),
            text("o_comment", n),
        ],
        TpchTable::LineItem => {
            let (_, cheapest, dearest) = retail_prices(parts);
            vec![
                key("l_orderkey", orders, (1.0, 4.0 * orders)),
                key("l_partkey", drawn(n, parts), (1.0, parts)),
                key("l_suppkey", drawn(n, suppliers), (1.0, suppliers)),
                integer("l_linenumber", 7.0, (1.0, 7.0)),
                money("l_quantity", drawn(n, 50.0), (1.0, 50.0)),
                money("l_extendedprice", extended_prices(parts, n), (cheapest, 50.0 * dearest)),
                money("l_discount", drawn(n, 11.0), (0.0, 0.1)),
                money("l_tax", drawn(n, 9.0), (0.0, 0.08)),
                text("l_returnflag", drawn(n, 3.0)),
                text("l_linestatus", drawn(n, 2.0)),
                // Shipped 1 to 121 days after the order, due after 30 to 90, received within 30 more.
                day("l_shipdate", drawn(n, 2526.0), (FIRST_ORDER + 1.0, LAST_ORDER + 121.0)),
                day("l_commitdate", drawn(n, 2466.0), (FIRST_ORDER + 30.0, LAST_ORDER + 90.0)),
                day("l_receiptdate", drawn(n, 2555.0), (FIRST_ORDER + 2.0, LAST_ORDER + 151.0)),
                text("l_shipinstruct", drawn(n, 4.0)),
                text("l_shipmode", drawn(n, 7.0)),
                text("l_comment", drawn(n, line_comments(n))),
            ]
        }
    }
}

/// Short comments repeat, some more often than others: `n` of them are like `n` drawn from this many
/// equally likely ones. Fitted to generated data of three scales.
fn part_comments(n: f64) -> f64 {
    64_000.0 * (n / 20_000.0).sqrt()
}

/// As [`part_comments`]; square roots alone, since those are the same on every machine.
fn line_comments(n: f64) -> f64 {
    let x = n / 600_000.0;
    2_400_000.0 * x.sqrt() * x.sqrt().sqrt().sqrt()
}

/// Distinct products that `draws` pairs of a quantity (1 to 50) and a part give on average: counted, since how
/// many pairs share a product follows from the price formula. 50 steps per part.
fn extended_prices(parts: f64, draws: f64) -> f64 {
    let last = parts.min(PRICE_PERIOD) as u64;
    let mut pairs = vec![0u16; 50 * 210_000];
    for cents in (1..=last).map(|key| 90_000 + above_cheapest(key)) {
        (1..=50).for_each(|quantity| pairs[(cents * quantity) as usize] += 1);
    }
    let mut products_of = [0u32; 1 << 10];
    pairs.iter().for_each(|pairs| products_of[usize::from(*pairs).min((1 << 10) - 1)] += 1);
    let draws_per_pair = draws / (50.0 * last as f64);
    let seen = |(pairs, products): (usize, &u32)| -f64::from(*products) * (-draws_per_pair * pairs as f64).exp_m1();
    products_of.iter().enumerate().skip(1).filter(|(_, products)| **products > 0).map(seen).sum()
}

/// How many cents a part's price lies above the lowest.
fn above_cheapest(key: u64) -> u64 {
    (key / 10) % 20_001 + 100 * (key % 1000)
}

/// Distinct values, smallest and largest of the prices that the specification gives to parts 1 to `parts`:
/// `(90000 + (key / 10) mod 20001 + 100 (key mod 1000)) / 100`.
fn retail_prices(parts: f64) -> (f64, f64, f64) {
    let mut seen = vec![false; 120_000];
    (1..=parts.min(PRICE_PERIOD) as u64).for_each(|key| seen[above_cheapest(key) as usize] = true);
    let distinct = seen.iter().filter(|seen| **seen).count();
    let cheapest = seen.iter().position(|seen| *seen).unwrap_or(0);
    let dearest = seen.iter().rposition(|seen| *seen).unwrap_or(0);
    (distinct as f64, 900.0 + cheapest as f64 / 100.0, 900.0 + dearest as f64 / 100.0)
}
