//! Small tables of two integers, and what a query over them gives.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{Frame, Semantics};
use leafhold::leaf::{Leaf, Values};
use leafhold::optimize::{PlanError, Planner, resolve};
use leafhold::run::{LocalExecutor, collect};
use leafhold::term::interpret::{Relation, Tables, Value, interpret};
use leafhold::term::{ColumnId, Terms};
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session, SqlError};

pub type Cell = Option<i64>;

/// A table of two columns: its name, theirs, and the rows.
pub type Table<'a> = (&'a str, [&'a str; 2], &'a [[Cell; 2]]);

/// Tables, each in so many partitions.
pub fn session(tables: &[Table<'_>], partitions: usize) -> Session {
    let mut catalog = Catalog::new();
    for (name, columns, rows) in tables {
        // A column without nulls says so.
        let field = |at: usize| Field::new(columns[at], DataType::Int64, rows.iter().any(|row| row[at].is_none()));
        let schema = Arc::new(Schema::new(vec![field(0), field(1)]));
        let part = |at: usize| {
            let rows = || rows.iter().skip(at).step_by(partitions);
            let column =
                |column: usize| -> ArrayRef { Arc::new(rows().map(|row| row[column]).collect::<Int64Array>()) };
            vec![RecordBatch::try_new(schema.clone(), vec![column(0), column(1)]).unwrap()]
        };
        let data = (0..partitions).map(part).collect();
        catalog.add(*name, Leaf::Values(Values::new(*name, schema.clone(), data)));
    }
    Session::new(catalog)
}

fn text(rows: Vec<Vec<Value>>) -> Vec<String> {
    let mut rows: Vec<String> =
        rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")).collect();
    rows.sort();
    rows
}

/// The rows that a query gives, or why it has no plan.
pub fn run(frame: &Frame) -> Result<Vec<String>, PlanError> {
    let plan = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(3).plan(frame.expr())?;
    let found = collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 2)).unwrap();
    let columns = (0..found.schema.fields().len() as u32).map(ColumnId).collect();
    Ok(text(Relation::from_batches(columns, &found.batches).unwrap().rows))
}

/// What a query means, its subqueries computed for every row.
pub fn meaning(frame: &Frame) -> Vec<String> {
    let mut terms = Terms::new(Arc::new(EngineFunctions));
    let resolved = resolve(frame.expr(), &mut terms);
    let columns: Vec<_> = resolved.output.iter().map(|(_, column)| *column).collect();
    let relation = interpret(&terms, resolved.root, &Semantics::default(), &Tables::new()).unwrap();
    text(relation.select(&columns).unwrap().rows)
}

/// A query of which nothing is left to DataFusion.
pub fn frame(session: &Session, sql: &str) -> Result<Frame, SqlError> {
    let frame = session.frame(sql)?;
    let barrier = frame.expr().post_order().iter().any(|node| node.op().name() == "extension");
    assert!(!barrier, "{sql}: a barrier");
    Ok(frame)
}
