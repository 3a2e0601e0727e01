//! `leafhold rules stats`.

use leafhold::explain::RuleStats;
use leafhold_datafusion::tpch;

use crate::args::{InputArgs, StatsArgs};
use crate::error::CliError;
use crate::output::Screen;
use crate::plan::prepare;
use crate::query::TPCH;

/// Counts what the rules do over some queries.
pub fn stats(args: &StatsArgs) -> Result<(), CliError> {
    let mut stats: Option<RuleStats> = None;
    for query in names(&args.queries) {
        let input = InputArgs { query: Some(query.clone()), sql: None, setting: args.setting.clone() };
        let prepared = prepare(&input)?;
        let expr = prepared.expr()?;
        let stats = stats.get_or_insert_with(|| RuleStats::new(prepared.planner().rules()));
        stats
            .add(prepared.planner(), |planner| planner.plan_traced(&expr))
            .map_err(|error| CliError::new(format!("{query}: {error}")))?;
    }
    let stats = stats.unwrap_or_default();
    Screen::Stdout.say(if args.json { stats.to_json().to_string() } else { stats.to_string() })
}

/// The queries by name: `tpch` stands for all of them.
fn names(queries: &[String]) -> Vec<String> {
    let all = || tpch::QUERIES.iter().map(|(name, _)| format!("{TPCH}{name}"));
    queries.iter().flat_map(|query| if query == "tpch" { all().collect() } else { vec![query.clone()] }).collect()
}
