//! Expressions that the suites build.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use leafhold::expr::{CoreFunctions, Expr, Frame, JoinKind, Literal, Op, Scalar, ScalarOp, col, lit, sum};
use leafhold::leaf::{FromDelayed, Leaf, value};
use leafhold_datafusion::tpch::TpchTable;

/// A table of one column `x`.
pub fn one_column() -> anyhow::Result<Frame> {
    let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)])?;
    Ok(Frame::from_batches("t", batch.schema(), vec![batch])?)
}

/// `x = x + 1`, again and again.
pub fn assignments(table: &Frame, count: usize) -> anyhow::Result<Frame> {
    let mut frame = table.clone();
    for _ in 0..count {
        frame = frame.with_column("x", col("x") + lit(1i64))?;
    }
    Ok(frame)
}

/// The tables of TPC-H's query 5, of which only the schemas matter here.
pub struct Q5Tables([Frame; 6]);

impl Q5Tables {
    /// Leaves over futures.
    pub fn new() -> anyhow::Result<Self> {
        let table = |table: TpchTable| -> anyhow::Result<Frame> {
            let futures = vec![value(table.name(), Vec::new())];
            let leaf = FromDelayed::new(table.name(), table.schema(), futures)?;
            Ok(Frame::new(Expr::leaf(Leaf::FromDelayed(leaf))?, Arc::new(CoreFunctions)))
        };
        use TpchTable::{Customer, LineItem, Nation, Orders, Region, Supplier};
        let [a, b, c, d, e, f] = [Customer, Orders, LineItem, Supplier, Nation, Region].map(table);
        Ok(Q5Tables([a?, b?, c?, d?, e?, f?]))
    }
}

/// TPC-H's query 5.
pub fn q5(Q5Tables([customer, orders, lineitem, supplier, nation, region]): &Q5Tables) -> anyhow::Result<Frame> {
    let equal = |a: &str, b: &str| col(a).eq(col(b));
    let date = |days| Scalar::literal(Literal::date(days));
    let asia = region.clone().filter(equal_text("r_name", "ASIA"))?;
    // The year 1994, in days since 1970.
    let year = col("o_orderdate").gt_eq(date(8_766)).and(col("o_orderdate").lt(date(9_131)));
    let orders = orders.clone().filter(year)?;
    Ok(customer
        .clone()
        .join(&orders, JoinKind::Inner, [equal("c_custkey", "o_custkey")])?
        .join(lineitem, JoinKind::Inner, [equal("l_orderkey", "o_orderkey")])?
        .join(supplier, JoinKind::Inner, [equal("l_suppkey", "s_suppkey"), equal("c_nationkey", "s_nationkey")])?
        .join(nation, JoinKind::Inner, [equal("s_nationkey", "n_nationkey")])?
        .join(&asia, JoinKind::Inner, [equal("n_regionkey", "r_regionkey")])?
        .aggregate([("n_name", col("n_name"))], [("revenue", sum(col("l_extendedprice") * col("l_discount")))])?
        .sort([col("revenue").desc()])?)
}

fn equal_text(column: &str, text: &str) -> Scalar {
    col(column).eq(Scalar::literal(Literal::from(text)))
}

/// The nodes of an expression but for its leaves: relational operators, and with them the scalar operators and
/// references to columns that they hold. So does Dask count, to which `x + 1` and `x` are expressions, too;
/// constants are not.
#[derive(Clone, Copy, Debug)]
pub struct Nodes {
    pub relational: usize,
    pub all: usize,
}

impl Nodes {
    pub fn of(expr: &Expr) -> Self {
        let mut nodes = Nodes { relational: 0, all: 0 };
        for node in expr.post_order() {
            let calls = match node.op() {
                Op::Leaf(_) => continue,
                Op::Aggregate { aggregates, .. } => aggregates.len(),
                Op::Window { calls, .. } => calls.len(),
                _ => 0,
            };
            let mut scalars = calls;
            node.op().for_each_scalar(&mut |scalar| scalars += operators(scalar));
            nodes.relational += 1;
            nodes.all += 1 + scalars;
        }
        nodes
    }
}

fn operators(scalar: &Scalar) -> usize {
    let own = usize::from(!matches!(scalar.op, ScalarOp::Literal(_)));
    own + scalar.args.iter().map(operators).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_a_projection_a_sum_and_a_column() {
        let frame = assignments(&one_column().unwrap(), 10).unwrap();
        let nodes = Nodes::of(frame.expr());
        assert_eq!((nodes.relational, nodes.all), (10, 30));
    }

    #[test]
    fn query_5_is_nine_operators_over_six_tables() {
        let frame = q5(&Q5Tables::new().unwrap()).unwrap();
        assert_eq!(Nodes::of(frame.expr()).relational, 9);
        assert_eq!(frame.expr().post_order().len(), 15);
    }
}
