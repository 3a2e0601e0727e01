//! A million fresh nodes: how long they take, and how much room, everything included: node, reference counts,
//! payload and the interner's slot.

use leafhold::expr::{Expr, Frame, col, lit};

use crate::CoreArgs;
use crate::allocations::live;
use crate::expressions::one_column;
use crate::measure::{Minimum, timed};
use crate::report::{Report, Row};

const NODES: usize = 1_000_000;

/// A case: its name, and the node of a number over a table.
type Case = (&'static str, fn(&Frame, usize) -> anyhow::Result<Expr>);

/// From the smallest node to one with a payload of scalars. All stay alive until the end.
pub fn measure(args: &CoreArgs) -> anyhow::Result<Report> {
    let table = one_column()?;
    let cases: [Case; 3] = [
        ("limit", |table, number| Ok(table.expr().clone().limit(number as u64, None))),
        ("filter", |table, number| Ok(table.clone().filter(col("x").gt(lit(number as i64)))?.expr().clone())),
        ("assignment", |table, number| {
            Ok(table.clone().with_column("x", col("x") + lit(number as i64))?.expr().clone())
        }),
    ];
    let mut rows = Vec::new();
    for (case, node) in cases {
        let (mut time, mut drops, mut bytes) = (Minimum::default(), Minimum::default(), 0);
        for _ in 0..args.repetitions.get() {
            let mut nodes = Vec::with_capacity(NODES);
            let before = live();
            let (_, once) = timed(|| {
                for number in 0..NODES {
                    nodes.push(node(&table, number)?);
                }
                anyhow::Ok(())
            })?;
            time.add(once);
            bytes = live() - before;
            let (_, once) = timed(|| {
                drop(nodes);
                anyhow::Ok(())
            })?;
            drops.add(once);
        }
        rows.push(Row::alone(case.to_owned(), "million_ms", time.get()));
        rows.push(Row::alone(case.to_owned(), "drop_million_ms", drops.get()));
        rows.push(Row::alone(case.to_owned(), "bytes_per_node", bytes as f64 / NODES as f64));
    }
    Ok(Report::new(rows))
}
