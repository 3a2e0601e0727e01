//! Looks at whether a task was cancelled, in the midst of DataFusion's operators.
//!
//! Sources look before each batch that they give, which is enough for whatever reads a batch, works on it, and gives one or
//! none: filters, projections, aggregates, probes. Some operators go on for long without reading:
//!
//! | operator | works without reading for | and looks |
//! |---|---|---|
//! | hash join, build | all rows of the build side | at each batch whose keys it hashes |
//! | hash join, probe | all matches of a batch, which may give no row | at each 8,192 pairs: their condition is watched |
//! | nested loop join | a batch times all rows of the other side, which may give no row | at each piece of pairs, the same way |
//! | sort | all rows, when it has them | at each batch or run whose keys it takes, to sort and again to merge |
//! | window | all rows, when it has them | at each partition; within one, at each row that a frame or a function is evaluated for |
//!
//! DataFusion's own means, the yield points of its `coop` module, stand in sources and exchanges, so they come no closer
//! than a look in ours does; what all of the above evaluate while they go on is an expression or a function. What is one
//! step of DataFusion's has no look inside: concatenating the build side of a join, handing out the groups of an
//! aggregate, ranking one partition. Of a plan that DataFusion has made, behind a barrier, sources, sorts and what makes
//! many batches are watched.

mod accumulator;
mod expression;
mod operator;
mod sort;
mod window_function;

use std::sync::Arc;
use std::time::SystemTime;

use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_expr::window::StandardWindowFunctionExpr;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use leafhold::run::{CancelFlag, TaskContext};

use super::compact::compacted;

/// What operators know of the task that they run in.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// When the run started.
    pub started: SystemTime,
    pub watch: Watch,
    /// Whether there is a limit to the memory that operators hold.
    limited: bool,
}

impl Setting {
    pub fn of(task: &TaskContext) -> Self {
        let (watch, limited) = (Watch(Some(task.cancelled.clone())), task.memory.limit().is_some());
        Setting { started: task.started, watch, limited }
    }

    /// Of a plan that DataFusion's users run: it is stopped by dropping its stream.
    pub fn unwatched(started: SystemTime) -> Self {
        Setting { started, watch: Watch(None), limited: false }
    }

    /// What is read by an operator that counts whole buffers, batch by batch. Without a limit of memory it may: nothing is
    /// put in between.
    pub fn compact(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        if self.limited { Arc::new(compacted(input)) } else { input }
    }
}

/// Whether to go on, and what asks that wherever it stands. What tasks of a stage share looks for all of them: their run has
/// one flag. Without a flag nothing is asked, and nothing put in between.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Option<CancelFlag>);

impl Watch {
    /// An error, if the task was cancelled.
    pub fn look(&self) -> Result<()> {
        match &self.0 {
            Some(flag) if flag.is_set() => exec_err!("cancelled"),
            _ => Ok(()),
        }
    }

    /// The batches of an operator, each after a look, and none much larger than operators like.
    pub fn batches(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        match self.0 {
            Some(_) => Arc::new(operator::watched(input, self.clone())),
            None => input,
        }
    }

    /// The same, of an operator that makes many batches of one, or a large one of many.
    pub fn batches_of_makers(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        if operator::makes_many(&*input) { self.batches(input) } else { input }
    }

    /// A plan of DataFusion's, watched from its sources up, as far as that goes without knowing it.
    pub fn plan(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        if self.0.is_some() { operator::watched_plan(plan, self) } else { Ok(plan) }
    }

    /// An expression that looks each time before it is evaluated.
    pub fn expr(&self, expr: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
        match self.0 {
            Some(_) => Arc::new(expression::WatchedExpr::new(expr, self.clone())),
            None => expr,
        }
    }

    /// Keys of a sort, which has all of its rows when it begins to sort them.
    pub fn keys(&self, ordering: LexOrdering) -> LexOrdering {
        let keys = ordering.iter().map(|key| PhysicalSortExpr::new(self.expr(key.expr.clone()), key.options));
        LexOrdering::new(keys.collect::<Vec<_>>()).unwrap_or(ordering)
    }

    /// A condition that always holds, for operators that would look at nothing else; none, if nobody looks.
    pub fn always(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.0.is_some().then(|| self.expr(lit(true)))
    }

    /// An aggregate function whose accumulators look before each value that they give.
    pub fn aggregate(&self, function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
        match self.0 {
            Some(_) => Arc::new(accumulator::WatchedAggregate::new(function, self.clone()).into()),
            None => function,
        }
    }

    /// A window function that looks before each value that it gives.
    pub fn window_function(
        &self,
        function: Arc<dyn StandardWindowFunctionExpr>,
    ) -> Arc<dyn StandardWindowFunctionExpr> {
        match self.0 {
            Some(_) => Arc::new(window_function::WatchedFunction::new(function, self.clone())),
            None => function,
        }
    }
}
