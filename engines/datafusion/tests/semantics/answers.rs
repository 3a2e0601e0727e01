//! The answers to a case: the interpreter's, Leafhold's, and DataFusion's own.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use leafhold::explain::PlanText;
use leafhold::expr::{Expr, Node, Op, Semantics};
use leafhold::leaf::Leaf;
use leafhold::optimize::{Planner, resolve};
use leafhold::rules::RuleSet;
use leafhold::run::{LocalExecutor, collect};
use leafhold::term::interpret::{EvalError, Relation, Row, Tables, Value, interpret};
use leafhold::term::text::print;
use leafhold::term::{ColumnId, Terms};
use leafhold_datafusion::{DataFusionKernels, EngineFunctions};

use crate::plans::{Case, remake};
use crate::sql::sql;
use crate::table::Table;

/// How a case is planned and run.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Partitions of leaves and of exchanges; the leaves are `Values` where there are none.
    pub partitions: Option<usize>,
    /// Rows that every leaf claims to have.
    pub claimed: Option<f64>,
    pub threads: usize,
}

/// Everything that a case is planned for.
pub const SETTINGS: [Setting; 3] = [
    Setting { partitions: None, claimed: None, threads: 1 },
    Setting { partitions: Some(1), claimed: None, threads: 2 },
    Setting { partitions: Some(4), claimed: Some(1e7), threads: 2 },
];

/// The same rows under columns that count from 0, so that results compare.
fn relation(rows: Vec<Row>, width: usize) -> Relation {
    Relation::new((0..width as u32).map(ColumnId).collect(), rows).unwrap()
}

fn relation_of(batches: &[RecordBatch], width: usize) -> Relation {
    Relation::from_batches((0..width as u32).map(ColumnId).collect(), batches).unwrap()
}

fn width(expr: &Expr) -> usize {
    expr.schema().fields().len()
}

/// An expression over other leaves.
fn over(expr: &Expr, leaves: &HashMap<String, Leaf>) -> Expr {
    let mut done: HashMap<*const Node, Expr> = HashMap::new();
    for node in expr.post_order() {
        let inputs = node.inputs().iter().map(|input| done[&std::ptr::from_ref(&**input)].clone()).collect();
        let made = match node.op() {
            Op::Leaf(leaf) => Expr::leaf(leaves[leaf.name()].clone()).unwrap(),
            op => remake(op, inputs).unwrap(),
        };
        done.insert(&*node, made);
    }
    done[&std::ptr::from_ref(&**expr)].clone()
}

fn with_leaves(case: &Case, leaf: impl Fn(&Table) -> Leaf) -> Expr {
    over(&case.expr, &case.tables.iter().map(|(name, table)| (name.clone(), leaf(table))).collect())
}

/// What the interpreter says.
pub fn interpreted(case: &Case) -> Result<Relation, EvalError> {
    let expr = with_leaves(case, Table::values);
    let mut terms = Terms::new(Arc::new(EngineFunctions));
    let resolved = resolve(&expr, &mut terms);
    let found = interpret(&terms, resolved.root, &Semantics::default(), &Tables::new())?;
    let columns: Vec<ColumnId> = resolved.output.iter().map(|(_, column)| *column).collect();
    Ok(relation(found.select(&columns)?.rows, columns.len()))
}

/// What Leafhold plans and runs.
pub fn planned(case: &Case, setting: Setting) -> Result<Relation, String> {
    planned_by(case, setting, RuleSet::builtin())
}

/// The same by other rules.
pub fn planned_by(case: &Case, setting: Setting, rules: Arc<RuleSet>) -> Result<Relation, String> {
    let expr = with_leaves(case, |table| match setting.partitions {
        None => table.values(),
        Some(partitions) => table.delayed(partitions, setting.claimed),
    });
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(setting.partitions.unwrap_or(1));
    let planner = planner.with_rules(rules);
    let plan = planner.plan(&expr).map_err(|error| format!("no plan: {error}"))?;
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), setting.threads);
    let collected = collect(&plan, &executor).map_err(|error| error.to_string())?;
    Ok(relation_of(&collected.batches, width(&expr)))
}

/// The resolved term, and the plan of a setting.
pub fn explained(case: &Case, setting: Setting) -> String {
    let mut terms = Terms::new(Arc::new(EngineFunctions));
    let resolved = resolve(&case.expr, &mut terms);
    let expr = with_leaves(case, |table| table.delayed(setting.partitions.unwrap_or(1), setting.claimed));
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(setting.partitions.unwrap_or(1));
    let plan = match planner.plan(&expr) {
        Ok(plan) => PlanText::new(&plan).body().to_string(),
        Err(error) => error.to_string(),
    };
    format!("{}\n{plan}", print(&terms, resolved.root))
}

/// Rules that DataFusion's second answer goes without. As of version 55 the first makes
/// `try_cast(c as date) is not distinct from null` look at `c`, and `not (c = c)` keep nulls.
const DOUBTED_RULES: [&str; 2] = ["simplify_expressions", "single_distinct_aggregation_to_group_by"];

/// DataFusion on its own.
pub struct Peer {
    context: SessionContext,
    /// Without the rules in doubt.
    plain: SessionContext,
    runtime: tokio::runtime::Runtime,
}

impl Peer {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let context = || SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let plain = context();
        DOUBTED_RULES.iter().for_each(|rule| assert!(plain.remove_optimizer_rule(rule), "no rule {rule}"));
        Peer { context: context(), plain, runtime }
    }

    /// What DataFusion makes of the case's SQL.
    pub fn asked(&self, case: &Case) -> Result<Relation, String> {
        self.ask(&self.context, case)
    }

    /// The same without the rules in doubt.
    pub fn asked_plainly(&self, case: &Case) -> Result<Relation, String> {
        self.ask(&self.plain, case)
    }

    fn ask(&self, context: &SessionContext, case: &Case) -> Result<Relation, String> {
        for (name, table) in &case.tables {
            context.deregister_table(name.as_str()).unwrap();
            let data = MemTable::try_new(table.schema.clone(), vec![vec![table.batch()]]).unwrap();
            context.register_table(name.as_str(), Arc::new(data)).unwrap();
        }
        let text = sql(&case.expr);
        let batches = self.runtime.block_on(async { context.sql(&text).await?.collect().await });
        let mut found = relation_of(&batches.map_err(|error| error.to_string())?, width(&case.expr));
        // Of two sums, one of them distinct, DataFusion makes decimals of more digits than it says.
        for row in &mut found.rows {
            for (value, field) in row.iter_mut().zip(case.expr.schema().fields()) {
                if let (Value::Decimal { precision, .. }, DataType::Decimal128(declared, _)) =
                    (value, field.data_type())
                {
                    *precision = *declared;
                }
            }
        }
        Ok(found)
    }
}
