//! `leafhold rules test`.

use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::golden::{GoldenPlan, Level, Options, Runner, TermPlanner};
use leafhold::optimize::Planner;
use leafhold::rules::RuleSet;
use leafhold_datafusion::{EngineFunctions, Session};

use super::with_folder;
use crate::args::TestArgs;
use crate::data;
use crate::error::CliError;
use crate::output::Screen;
use crate::query::{self, TPCH};

/// Checks golden files, or records them anew.
pub fn test(args: &TestArgs) -> Result<(), CliError> {
    let rules = with_folder(RuleSet::builtin(), args.rules.as_deref())?;
    let session = Session::new(data::tables(Some(args.tpch), &[])?);
    let terms = TermPlanner::new(rules.clone());
    let runner = Runner::from_env().update(args.update);
    let mut said = Vec::new();
    for path in &args.paths {
        let summary = runner.run(path, |query, options| match is_sql(query) {
            true => planned(&session, &rules, args, query, options),
            false => terms.plan(query, options),
        });
        said.push(format!("{}: {}", path.display(), summary.map_err(CliError::of)?));
    }
    Screen::Stdout.say(said.join("\n"))
}

/// Everything else is a term in the notation of plans.
fn is_sql(query: &str) -> bool {
    let word = query.split_whitespace().next().unwrap_or_default();
    query.starts_with(TPCH) || ["select", "with"].iter().any(|sql| word.eq_ignore_ascii_case(sql))
}

fn planned(
    session: &Session,
    rules: &RuleSet,
    args: &TestArgs,
    query: &str,
    options: &Options,
) -> Result<GoldenPlan, String> {
    if options.level != Level::Plan {
        return Err(format!("`{}` takes a term in the notation of plans, not SQL", options.level));
    }
    let sql = match query.starts_with(TPCH) {
        true => query::named(query).map_err(|error| error.message().to_owned())?,
        false => query.to_owned(),
    };
    let rules = rules.without(&options.disabled).map_err(|error| error.to_string())?;
    let bound = session.bind(&sql).map_err(|error| error.to_string())?;
    let expr = session.to_expr(&bound).map_err(|error| error.to_string())?;
    let planner = Planner::new(Arc::new(EngineFunctions))
        .with_rules(Arc::new(rules))
        .with_target_partitions(args.partitions.get());
    let plan = planner.plan(&expr).map_err(|error| error.to_string())?;
    let fired = plan.fired.keys().cloned().collect();
    Ok(GoldenPlan { text: PlanText::new(&plan).body().to_string().trim_end().to_owned(), fired, size: plan.size })
}
