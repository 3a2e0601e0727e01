use std::any::Any;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::logical_expr::{Distinct, DistinctOn, Expr as DfExpr, LogicalPlan, LogicalPlanBuilder, TableSource};
use leafhold::expr::{Expr, Extension};
use leafhold::token::{Token, Tokenizer};

use super::relation::{Converter, unique_schema};
use crate::SqlError;
use crate::catalog::table_of;
use crate::error::from_datafusion;
use crate::subqueries::unplanned;

/// A node of DataFusion's that Leafhold cannot read, over numbered inputs that it can.
#[derive(Debug)]
pub(crate) struct PlanBarrier {
    name: String,
    plan: LogicalPlan,
    schema: SchemaRef,
    token: Token,
}

impl PlanBarrier {
    /// The plan; its inputs are scans of [`InputSource`]s.
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }
}

impl Extension for PlanBarrier {
    fn name(&self) -> &str {
        &self.name
    }

    fn token(&self) -> Token {
        self.token
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The place of an input in a barrier's plan.
#[derive(Debug)]
pub(crate) struct InputSource {
    /// Which input.
    pub slot: usize,
    /// Its columns: `c0`, `c1`, ..
    pub schema: SchemaRef,
}

impl TableSource for InputSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

impl InputSource {
    /// The input behind a source, if it is one.
    pub fn of(source: &Arc<dyn TableSource>) -> Option<&InputSource> {
        let any: &dyn Any = &**source;
        any.downcast_ref()
    }
}

impl Converter {
    /// The node as a barrier over its converted inputs. Tables that its subqueries read are inputs, too.
    pub(super) fn barrier(&mut self, plan: &LogicalPlan) -> Result<Expr, SqlError> {
        let fail = |error| from_datafusion(error, "", &[]);
        let mut inputs = Vec::new();
        let node = match plan {
            // It reads, below, what it makes itself.
            LogicalPlan::RecursiveQuery(_) => plan.clone(),
            _ => {
                let mut below = Vec::new();
                for input in plan.inputs() {
                    let expr = self.relation(input)?;
                    below.push(placeholder(inputs.len(), input.schema()).map_err(fail)?);
                    inputs.push(expr);
                }
                match (plan, below.pop()) {
                    // The general way panics for this one.
                    (LogicalPlan::Distinct(Distinct::On(on)), Some(input)) => {
                        LogicalPlan::Distinct(Distinct::On(DistinctOn { input: Arc::new(input), ..on.clone() }))
                    }
                    (_, last) => {
                        below.extend(last);
                        plan.with_new_exprs(plan.expressions(), below).map_err(fail)?
                    }
                }
            }
        };
        let mut failed = None;
        let node = node
            .transform_down_with_subqueries(|node| {
                let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
                let Some(table) = table_of(&scan.source) else { return Ok(Transformed::no(node)) };
                match table.expr() {
                    Ok(expr) => {
                        let replaced = placeholder(inputs.len(), node.schema())?;
                        inputs.push(expr);
                        Ok(Transformed::yes(replaced))
                    }
                    Err(error) => {
                        failed = Some(error);
                        Err(DataFusionError::Plan(String::new()))
                    }
                }
            })
            .map(|node| node.data);
        if let Some(error) = failed {
            return Err(error);
        }
        let node = node.map_err(fail)?;
        if unplanned(&node).map_err(fail)? {
            let message = format!(
                "a subquery in a `{}` has no plan; {}",
                kind(plan),
                "compute it in a query below, and join that"
            );
            return Err(SqlError::Invalid { message, place: None });
        }
        let schema = unique_schema(plan.schema());
        let mut tokenizer = Tokenizer::new("datafusion-barrier");
        tokenizer.put_str(crate::functions::FUNCTION_VERSION);
        tokenizer.put_str(&node.display_indent_schema().to_string());
        tokenizer.put(&*schema);
        let barrier = PlanBarrier { name: kind(plan), plan: node, schema, token: tokenizer.finish() };
        Ok(Expr::extension(Arc::new(barrier), inputs)?)
    }
}

/// A scan of an input under the names that the plan above knows.
fn placeholder(slot: usize, df: &DFSchema) -> datafusion::common::Result<LogicalPlan> {
    let table = format!("input_{slot}");
    let fields = df
        .fields()
        .iter()
        .enumerate()
        .map(|(at, field)| Field::new(format!("c{at}"), field.data_type().clone(), field.is_nullable()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let source = Arc::new(InputSource { slot, schema });
    let columns = df.iter().enumerate().map(|(at, (qualifier, field))| {
        let column = DfExpr::Column(Column::new(Some(table.as_str()), format!("c{at}")));
        column.alias_qualified(qualifier.cloned(), field.name())
    });
    let columns: Vec<_> = columns.collect();
    LogicalPlanBuilder::scan(table.as_str(), source, None)?.project(columns)?.build()
}

/// What a node is, in one word.
fn kind(plan: &LogicalPlan) -> String {
    let text = plan.display().to_string();
    let word: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
    match word.as_str() {
        "WindowAggr" => "window".to_owned(),
        "" => "plan".to_owned(),
        word => word.to_lowercase(),
    }
}
