//! From arguments to a plan.

use std::sync::Arc;
use std::time::Instant;

use leafhold::expr::Expr;
use leafhold::optimize::{Plan, Planner};
use leafhold::rules::RuleSet;
use leafhold_datafusion::{EngineFunctions, Session};

use crate::args::InputArgs;
use crate::error::{CliError, nearest};
use crate::{data, query};

/// A query that is ready to be planned.
pub struct Prepared {
    session: Session,
    bound: leafhold_datafusion::Bound,
    planner: Planner,
}

/// Reads the query, makes its tables, and loads the rules.
pub fn prepare(args: &InputArgs) -> Result<Prepared, CliError> {
    let sql = query::text(args)?;
    let rules = rules(args)?;
    let session = Session::new(data::catalog(args)?);
    let bound = session.bind(&sql).map_err(CliError::of)?;
    let planner = Planner::new(Arc::new(EngineFunctions))
        .with_rules(Arc::new(rules))
        .with_target_partitions(args.partitions.get());
    Ok(Prepared { session, bound, planner })
}

impl Prepared {
    /// What the user wrote.
    pub fn expr(&self) -> Result<Expr, CliError> {
        self.session.to_expr(&self.bound).map_err(CliError::of)
    }

    /// The query after the rules that are never worse.
    pub fn normalized(&self) -> Result<String, CliError> {
        self.planner.normalized_text(&self.expr()?).map_err(CliError::of)
    }

    /// The plan, and how many microseconds it took from the bound query.
    pub fn plan(&self) -> Result<(Plan, u64), CliError> {
        let start = Instant::now();
        let plan = self.planner.plan(&self.expr()?).map_err(CliError::of)?;
        let micros = start.elapsed().as_micros();
        Ok((plan, u64::try_from(micros).unwrap_or(u64::MAX)))
    }
}

/// The rules that ship, those of `--rules`, without those of `--disable-rule`.
fn rules(args: &InputArgs) -> Result<RuleSet, CliError> {
    let mut rules = match &args.rules {
        None => RuleSet::shipped().clone(),
        Some(folder) => RuleSet::shipped().with_folder(folder).map_err(CliError::of)?,
    };
    for name in &args.disabled {
        if !rules.disable(name) {
            return Err(unknown_rule(&rules, name));
        }
    }
    Ok(rules)
}

/// The error for a rule that does not exist.
pub fn unknown_rule(rules: &RuleSet, name: &str) -> CliError {
    let names: Vec<_> = rules.names().collect();
    let suggestion = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`leafhold rules list` shows all".to_owned(),
    };
    CliError::new(format!("no rule `{name}`; {suggestion}"))
}
