//! From arguments to a plan.

use std::sync::Arc;
use std::time::Instant;

use datafusion::logical_expr::LogicalPlan;
use leafhold::explain::FrontEndStep;
use leafhold::expr::Expr;
use leafhold::optimize::trace::Trace;
use leafhold::optimize::{Plan, PlanError, Planner};
use leafhold::term::text::print;
use leafhold_datafusion::{EngineFunctions, Session};

use crate::args::InputArgs;
use crate::error::CliError;
use crate::{data, query, rules};

/// A query that is ready to be planned.
pub struct Prepared {
    session: Session,
    bound: LogicalPlan,
    planner: Planner,
}

/// A plan, or why there is none, and how it came about.
pub struct Traced {
    pub plan: Result<Plan, PlanError>,
    pub trace: Trace,
    /// What happened before the planner saw the query.
    pub front_end: Vec<FrontEndStep>,
}

/// Reads the query, makes its tables, and loads the rules.
pub fn prepare(args: &InputArgs) -> Result<Prepared, CliError> {
    data::distinct(&args.setting.tables)?;
    let sql = query::text(args)?;
    let rules = rules::selected(&args.setting)?;
    let session = Session::new(data::catalog(args)?);
    let bound = session.bind(&sql).map_err(query::refused)?;
    let planner = Planner::new(Arc::new(EngineFunctions))
        .with_rules(rules)
        .with_semantics(args.setting.semantics())
        .with_target_partitions(args.setting.partitions.get())
        .with_fan_in(args.setting.fan_in);
    Ok(Prepared { session, bound, planner })
}

impl Prepared {
    /// What the user wrote.
    pub fn expr(&self) -> Result<Expr, CliError> {
        self.session.to_expr(&self.bound).map_err(CliError::of)
    }

    /// The query after the rules that are never worse.
    pub fn normalized(&self) -> Result<String, CliError> {
        let (terms, root) = self.planner.normalize(&self.expr()?);
        Ok(print(&terms, root))
    }

    /// The planner.
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The plan, or why there is none, and how it came about: first what the front end did.
    pub fn traced(&self) -> Result<Traced, CliError> {
        let (expr, front_end) = self.session.to_expr_traced(&self.bound).map_err(CliError::of)?;
        let (plan, trace) = self.planner.plan_traced(&expr);
        Ok(Traced { plan, trace, front_end })
    }

    /// The plan, and how many microseconds it took from the bound query.
    pub fn plan(&self) -> Result<(Plan, u64), CliError> {
        let start = Instant::now();
        let plan = self.planner.plan(&self.expr()?).map_err(CliError::of)?;
        let micros = start.elapsed().as_micros();
        Ok((plan, u64::try_from(micros).unwrap_or(u64::MAX)))
    }
}
