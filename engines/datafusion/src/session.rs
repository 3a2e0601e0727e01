use std::sync::Arc;

use arrow_schema::{DataType, SchemaRef};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::{DataFusionError, Result, TableReference, config::ConfigOptions, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner};
use datafusion::logical_expr::{
    AggregateUDF, Expr as DfExpr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::sql::parser::Statement;
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use leafhold::explain::FrontEndStep;
use leafhold::expr::{Expr, Frame};

use crate::catalog::{Catalog, LeafSource, table_of};
use crate::error::from_datafusion;
use crate::refused::refuse;
use crate::{EngineFunctions, SqlError, convert, engine, prepare};

/// SQL over a [`Catalog`]: text to bound plan to expression.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::leaf::{Leaf, Values};
/// use leafhold_datafusion::{Catalog, Session};
///
/// let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
/// let mut catalog = Catalog::new();
/// catalog.add("t", Leaf::Values(Values::new("t", batch.schema(), vec![vec![batch]])));
/// let session = Session::new(catalog);
///
/// let frame = session.frame("select a + 1 as b from t where a > 1").unwrap();
/// assert_eq!(frame.schema().field(0).name(), "b");
///
/// let error = session.frame("select a from tt").err().unwrap();
/// assert!(error.to_string().starts_with("no table `tt`; did you mean `t`?"));
/// ```
#[derive(Default)]
pub struct Session {
    catalog: Catalog,
}

impl Session {
    /// A session over some tables.
    pub fn new(catalog: Catalog) -> Self {
        Session { catalog }
    }

    /// The tables.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The query as a frame that an optimizer can take.
    ///
    /// # Errors
    /// When the text is not SQL, names what is not there, does not type, or is not a query.
    pub fn frame(&self, sql: &str) -> Result<Frame, SqlError> {
        let plan = self.bind(sql)?;
        Ok(Frame::new(self.to_expr(&plan)?, Arc::new(EngineFunctions)))
    }

    /// The query as DataFusion binds it: names resolved, nothing coerced, nothing rewritten. The leaves
    /// of the tables that it names exist afterwards.
    ///
    /// # Errors
    /// As [`Session::frame`], types excepted.
    pub fn bind(&self, sql: &str) -> Result<LogicalPlan, SqlError> {
        let fail = |error| from_datafusion(error, sql, &self.catalog.names());
        let statement = parse(sql).map_err(fail)?;
        refuse(&statement, sql)?;
        let planned = SqlToRel::new_with_options(&Provider(&self.catalog), options(false)).statement_to_plan(statement);
        let plan = match planned {
            Ok(plan) => plan,
            // Positions cost time, so they are collected only for a text that is known to be wrong.
            Err(error) => {
                let again = parse(sql).and_then(|statement| {
                    SqlToRel::new_with_options(&Provider(&self.catalog), options(true)).statement_to_plan(statement)
                });
                return Err(fail(again.err().unwrap_or(error)));
            }
        };
        query_only(&plan)?;
        for table in self.tables(&plan).map_err(fail)? {
            table.expr()?;
        }
        Ok(plan)
    }

    /// The expression of a bound plan: types coerced, subqueries decorrelated, constants folded.
    ///
    /// # Errors
    /// When the plan does not type, or reads a table that this session does not have.
    pub fn to_expr(&self, plan: &LogicalPlan) -> Result<Expr, SqlError> {
        let prepared = prepare::prepare(plan.clone(), &mut |_, _, _| {});
        convert::to_expr(&prepared.map_err(|error| from_datafusion(error, "", &[]))?)
    }

    /// The same, and what DataFusion's rules changed on the way, in order.
    ///
    /// # Errors
    /// As [`Session::to_expr`].
    pub fn to_expr_traced(&self, plan: &LogicalPlan) -> Result<(Expr, Vec<FrontEndStep>), SqlError> {
        let mut steps = Vec::new();
        let prepared = prepare::prepare(plan.clone(), &mut |rule, before, after| {
            let [before, after] = [before, after].map(|plan| plan.display_indent().to_string());
            if before != after {
                steps.push(FrontEndStep { by: rule.replace('_', "-"), before, after });
            }
        });
        let expr = convert::to_expr(&prepared.map_err(|error| from_datafusion(error, "", &[]))?)?;
        Ok((expr, steps))
    }

    fn tables(&self, plan: &LogicalPlan) -> Result<Vec<Arc<crate::catalog::Table>>> {
        use datafusion::common::tree_node::TreeNodeRecursion;
        let mut tables = Vec::new();
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Some(table) = table_of(&scan.source)
            {
                tables.push(table.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(tables)
    }
}

fn parse(sql: &str) -> Result<Statement> {
    let state = engine::state();
    state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)
}

fn options(spans: bool) -> ParserOptions {
    ParserOptions { collect_spans: spans, ..ParserOptions::default() }
}

/// Statements that do something are refused before they do it.
fn query_only(plan: &LogicalPlan) -> Result<(), SqlError> {
    let statement = match plan {
        LogicalPlan::Ddl(ddl) => ddl.name().to_owned(),
        LogicalPlan::Dml(dml) => dml.name().to_owned(),
        LogicalPlan::Copy(_) => "COPY".to_owned(),
        LogicalPlan::Statement(statement) => statement.name().to_owned(),
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => "EXPLAIN: ask for the plan of the query itself".to_owned(),
        LogicalPlan::DescribeTable(_) => "DESCRIBE".to_owned(),
        _ => return Ok(()),
    };
    Err(SqlError::NotAQuery { statement })
}

/// The catalog and DataFusion's functions, as its SQL planner asks for them.
struct Provider<'a>(&'a Catalog);

impl ContextProvider for Provider<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match self.0.get(name.table()) {
            Some(table) if name.schema().is_none() => Ok(Arc::new(LeafSource(table.clone()))),
            _ => Err(DataFusionError::Plan(format!("table '{name}' not found"))),
        }
    }

    fn get_table_function_source(&self, name: &str, args: Vec<DfExpr>) -> Result<Arc<dyn TableSource>> {
        let _ = args;
        plan_err!("the table function `{name}` is not supported; use VALUES or a table")
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        engine::state().expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        engine::state().relation_planners()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        engine::state().scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        engine::state().higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        engine::state().aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        engine::state().window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        engine::state().config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        engine::state().scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        engine::state().higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        engine::state().aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        engine::state().window_functions().keys().cloned().collect()
    }
}
