//! What the planner makes of a frame over live futures, without an engine: the expression as it was
//! written, its normal form, the plan, and the tasks.
//!
//! ```text
//! cargo run -p leafhold --example explain
//! ```

use std::error::Error;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::explain::{PlanText, expr_text};
use leafhold::expr::{Frame, JoinKind, col, lit, sum};
use leafhold::leaf::{ColumnStatistics, FromDelayed, Leaf, LocalFuture, TableStatistics};
use leafhold::lower::lower;
use leafhold::optimize::Planner;
use leafhold::term::text::print;

/// A table of two futures that nobody has computed yet; how large it will be is known.
fn table(name: &str, columns: [&str; 2], rows: f64, distinct: f64) -> Result<Frame, Box<dyn Error>> {
    let fields = columns.map(|column| Field::new(column, DataType::Int64, false));
    // Dropping its promise loses a future; planning does not mind, running would say so.
    let futures =
        ["0", "1"].map(|part| leafhold::leaf::FutureHandle::new(LocalFuture::pending(format!("{name}-{part}")).0));
    let known = |distinct| ColumnStatistics { distinct: Some(distinct), ..ColumnStatistics::default() };
    let statistics = TableStatistics { rows: Some(rows), bytes: None, columns: vec![known(rows), known(distinct)] };
    let leaf = FromDelayed::new(name, Arc::new(Schema::new(fields.to_vec())), futures.to_vec())?;
    Ok(Frame::from_leaf(Leaf::FromDelayed(leaf.with_statistics(statistics)))?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let orders = table("orders", ["order", "customer"], 1_000_000.0, 50_000.0)?;
    let customers = table("customers", ["id", "region"], 50_000.0, 5.0)?;
    let frame = orders
        .join(&customers, JoinKind::Left, [col("customer").eq(col("id"))])?
        .filter(col("region").eq(lit(3i64)))?
        .group_by(["customer"])
        .aggregate([("total", sum(col("order")))])?
        .sort([col("total").desc()])?
        .limit(0, 10);

    let planner = Planner::new(frame.functions().clone());
    let (terms, normal) = planner.normalize(frame.expr());
    let plan = planner.plan(frame.expr())?;
    println!("# as written\n{}", expr_text(frame.expr()));
    println!("# normalized: the filter rejects what the left join would add\n{}", print(&terms, normal));
    println!("# plan\n{}", PlanText::new(&plan));
    println!("# tasks\n{}", lower(&plan)?.to_text());
    Ok(())
}
