//! Databases of a handful of rows on which a query still has an answer: even a cross product of all its tables is
//! small there.

use std::collections::{BTreeMap, HashSet};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use leafhold::leaf::{FromDelayed, Leaf, value};
use leafhold_datafusion::Catalog;

/// From so few rows of each of these tables the others follow: by foreign keys.
const FEW: usize = 3;
const SEEDS: [&str; 3] = ["lineitem", "partsupp", "customer"];

/// The tables, each in one batch.
pub struct Database(BTreeMap<&'static str, RecordBatch>);

impl Database {
    /// The rows of some live tables.
    pub fn of(tables: &[(&'static str, Leaf)]) -> Self {
        let table = |leaf: &Leaf| {
            let parts = leaf.futures().iter().flat_map(|future| future.wait().unwrap().to_vec());
            concat_batches(leaf.schema(), &parts.collect::<Vec<_>>()).unwrap()
        };
        Database(tables.iter().map(|(name, leaf)| (*name, table(leaf))).collect())
    }

    /// The tables as finished futures of at most two partitions.
    pub fn catalog(&self) -> Catalog {
        let mut catalog = Catalog::new();
        for (name, batch) in &self.0 {
            let half = batch.num_rows().div_ceil(2);
            let parts = [batch.slice(0, half), batch.slice(half, batch.num_rows() - half)];
            let futures = parts.into_iter().enumerate().map(|(at, part)| value(format!("{name}-{at}"), vec![part]));
            let leaf = FromDelayed::new(*name, batch.schema(), futures.collect::<Vec<_>>()).unwrap();
            catalog.add(*name, Leaf::FromDelayed(leaf));
        }
        catalog
    }

    /// How many rows all joins together may have at most.
    pub fn largest_product(&self) -> f64 {
        self.0.values().map(|batch| batch.num_rows().max(1) as f64).product()
    }

    /// A few rows on which `answers` still says yes, and whatever they refer to; arbitrary ones where it never does.
    pub fn witness(&self, answers: impl Fn(&Database) -> bool) -> Database {
        let mut seeds = SEEDS.map(|table| (0..self.0[table].num_rows() as u64).collect::<Vec<_>>());
        if !answers(&self.grown(&seeds)) {
            return self.grown(&seeds.map(|rows| rows.into_iter().take(FEW).collect()));
        }
        for at in 0..seeds.len() {
            let mut parts = 2;
            while seeds[at].len() > FEW && parts <= 2 * seeds[at].len() {
                let (all, size) = (&seeds[at], seeds[at].len().div_ceil(parts));
                let starts = || (0..all.len()).step_by(size);
                let part = |from: usize| all[from..all.len().min(from + size)].to_vec();
                let rest = |from: usize| [&all[..from], &all[all.len().min(from + size)..]].concat();
                let smaller = starts().map(part).chain(starts().map(rest)).find(|rows| {
                    let mut fewer = seeds.clone();
                    fewer[at] = rows.clone();
                    rows.len() < all.len() && answers(&self.grown(&fewer))
                });
                match smaller {
                    Some(rows) => (seeds[at], parts) = (rows, 2),
                    None => parts *= 2,
                }
            }
        }
        self.grown(&seeds)
    }

    /// These rows of the seeds, and what they refer to.
    fn grown(&self, [lineitem, partsupp, customer]: &[Vec<u64>; 3]) -> Database {
        let lines = self.take("lineitem", lineitem);
        let orders = self.take("orders", &self.having("orders", "o_orderkey", &keys(&lines, "l_orderkey")));
        let pairs: HashSet<(i64, i64)> = keys(&lines, "l_partkey").into_iter().zip(keys(&lines, "l_suppkey")).collect();
        let supplied = keys(&self.0["partsupp"], "ps_partkey").into_iter().zip(keys(&self.0["partsupp"], "ps_suppkey"));
        let supplied = (0..).zip(supplied).filter(|(_, pair)| pairs.contains(pair)).map(|(row, _)| row);
        let partsupp = self.take("partsupp", &both(partsupp, supplied));
        let ordering = self.having("customer", "c_custkey", &keys(&orders, "o_custkey"));
        let customer = self.take("customer", &both(customer, ordering));
        let part = self.take("part", &self.having("part", "p_partkey", &keys(&partsupp, "ps_partkey")));
        let supplier = self.take("supplier", &self.having("supplier", "s_suppkey", &keys(&partsupp, "ps_suppkey")));
        let nations = [keys(&customer, "c_nationkey"), keys(&supplier, "s_nationkey")].concat();
        let nation = self.take("nation", &self.having("nation", "n_nationkey", &nations));
        let region = self.take("region", &self.having("region", "r_regionkey", &keys(&nation, "n_regionkey")));
        let tables = [
            ("lineitem", lines),
            ("orders", orders),
            ("partsupp", partsupp),
            ("customer", customer),
            ("part", part),
            ("supplier", supplier),
            ("nation", nation),
            ("region", region),
        ];
        Database(tables.into_iter().collect())
    }

    fn take(&self, table: &str, rows: &[u64]) -> RecordBatch {
        take_record_batch(&self.0[table], &UInt64Array::from(rows.to_vec())).unwrap()
    }

    /// The rows of a table with one of these keys.
    fn having(&self, table: &str, column: &str, wanted: &[i64]) -> Vec<u64> {
        let wanted: HashSet<&i64> = wanted.iter().collect();
        let all = keys(&self.0[table], column);
        (0..).zip(&all).filter(|(_, key)| wanted.contains(key)).map(|(row, _)| row).collect()
    }
}

fn keys(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

/// The rows of two lists, each once, ascending.
fn both(some: &[u64], more: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut rows: Vec<u64> = some.iter().copied().chain(more).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}
