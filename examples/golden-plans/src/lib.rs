//! A program with a few reports, as one that uses Leafhold may have them. What matters here are its tests: they hold the
//! plans of the reports in `tests/golden` (see [`leafhold::golden`]) and, for comparison, in snapshots of `insta`.
//!
//! ```text
//! cargo test -p golden-plans                       # what changed, and which rule did it
//! LEAFHOLD_UPDATE=1 cargo test -p golden-plans     # records it, and says why
//! ```

use std::error::Error;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{Frame, JoinKind, col, count_all, lit, sum};
use leafhold::leaf::{ColumnStatistics, FromDelayed, Leaf, TableStatistics, value};

/// A table of two futures, whose sizes are known. A plan needs no rows.
fn table(name: &str, columns: &[(&str, f64)], rows: f64) -> Result<Frame, Box<dyn Error>> {
    let fields = columns.iter().map(|(column, _)| Field::new(*column, DataType::Int64, true));
    let futures = ["0", "1"].map(|part| value(format!("{name}-{part}"), Vec::new()));
    let known =
        |(_, distinct): &(&str, f64)| ColumnStatistics { distinct: Some(*distinct), ..ColumnStatistics::default() };
    let columns = columns.iter().map(known).collect();
    let leaf = FromDelayed::new(name, Arc::new(Schema::new(fields.collect::<Vec<_>>())), futures.to_vec())?;
    let statistics = TableStatistics { rows: Some(rows), bytes: None, columns };
    Ok(Frame::from_leaf(Leaf::FromDelayed(leaf.with_statistics(statistics)))?)
}

fn orders() -> Result<Frame, Box<dyn Error>> {
    table("orders", &[("order", 1e6), ("customer", 5e4), ("amount", 1e3)], 1e6)
}

fn customers() -> Result<Frame, Box<dyn Error>> {
    table("customers", &[("id", 5e4), ("region", 5.0)], 5e4)
}

/// The reports, by name.
///
/// # Errors
/// When there is no report of this name.
pub fn report(name: &str) -> Result<Frame, Box<dyn Error>> {
    match name {
        "orders-of-region" => Ok(orders()?
            .join(&customers()?, JoinKind::Left, [col("customer").eq(col("id"))])?
            .filter(col("region").eq(lit(3i64)))?),
        "best-customers" => Ok(orders()?
            .group_by(["customer"])
            .aggregate([("total", sum(col("amount"))), ("orders", count_all())])?
            .sort([col("total").desc()])?
            .limit(0, 10)),
        other => Err(format!("no report `{other}`; there are orders-of-region and best-customers").into()),
    }
}
